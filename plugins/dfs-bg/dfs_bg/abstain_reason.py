"""Whether the specialist can judge a clip."""

from __future__ import annotations

from dfcore.data.clips import ClipAccess
from dfcore.data.faces.geometry import face_size
from dfcore.data.faces.window import fills_window

__all__ = ["FULL", "MIN_SIDE", "abstain_reason"]

FULL = 0.9
"""Share of the window's width and height from which on the face leaves no background."""
MIN_SIDE = 48
"""Least larger side of a face in pixels: below it the contour is a few pixels wide."""


def abstain_reason(clip: ClipAccess) -> str | None:
    """The reason to abstain, or None: face and background are compared, so both must be there."""
    side = face_size(clip.header.boxes)
    if side < MIN_SIDE:
        return f"the face is {side:.0f} px; its contour can be judged from {MIN_SIDE} px"
    filled = fills_window(clip.header, FULL)
    return f"{filled}: no background to compare" if filled else None
