"""When the specialist abstains."""

from __future__ import annotations

import numpy as np

from dfcore.data.clips import ClipAccess

__all__ = ["MIN_SIDE", "abstain_reason"]

MIN_SIDE = 64
"""Least larger side of a face in coded pixels: a tile's side. In a smaller one no spectrum is the face's alone."""


def abstain_reason(access: ClipAccess) -> str | None:
    """Why the specialist cannot judge this clip, or None when it can."""
    boxes = np.asarray(access.header.boxes, dtype=np.float64)
    side = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
    if side < MIN_SIDE:
        return f"the face is {side:.0f} px; its resolution can be judged from {MIN_SIDE} px."
    return None
