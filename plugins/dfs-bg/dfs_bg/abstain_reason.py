"""Whether the specialist can judge a clip."""

from __future__ import annotations

from dfcore.data.clips import ClipAccess

__all__ = ["FULL", "MIN_SIDE", "abstain_reason"]

FULL = 0.9
"""Share of the window's width and height from which on the face leaves no background."""
MIN_SIDE = 48
"""Least larger side of a face in pixels: below it the contour is a few pixels wide."""


def abstain_reason(clip: ClipAccess) -> str | None:
    """The reason to abstain, or None: face and background are compared, so both must be there."""
    header = clip.header
    _, _, width, height = header.window
    across = sum(box[2] - box[0] for box in header.boxes) / len(header.boxes)
    down = sum(box[3] - box[1] for box in header.boxes) / len(header.boxes)
    if max(across, down) < MIN_SIDE:
        return f"the face is {max(across, down):.0f} px; its contour can be judged from {MIN_SIDE} px"
    if across >= FULL * width and down >= FULL * height:
        return f"the face fills its window ({across:.0f}x{down:.0f} of {width}x{height} px): no background to compare"
    return None
