"""When the specialist abstains."""

from __future__ import annotations

from dfcore.data.clips import ClipAccess
from dfcore.data.faces.geometry import face_size

__all__ = ["MIN_SIDE", "abstain_reason"]

MIN_SIDE = 64
"""Least larger side of a face in coded pixels: a tile's side. In a smaller one no spectrum is the face's alone."""


def abstain_reason(access: ClipAccess) -> str | None:
    """Why the specialist cannot judge this clip, or None when it can."""
    side = face_size(access.header.boxes)
    if side < MIN_SIDE:
        return f"the face is {side:.0f} px; its resolution can be judged from {MIN_SIDE} px."
    return None
