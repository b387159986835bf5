"""Whether the specialist can judge a clip."""

from __future__ import annotations

from dfcore.data.clips import ClipAccess

__all__ = ["abstain_reason"]

FULL = 0.95
"""Share of the window's width and height from which on the face is said to fill it."""


def abstain_reason(clip: ClipAccess) -> str | None:
    """The reason to abstain, or None: the cues compare the face with its surround, so there must be one."""
    header = clip.header
    _, _, width, height = header.window
    across = sum(box[2] - box[0] for box in header.boxes) / len(header.boxes)
    down = sum(box[3] - box[1] for box in header.boxes) / len(header.boxes)
    if across >= FULL * width and down >= FULL * height:
        return (
            f"the face fills its window ({across:.0f}x{down:.0f} of {width}x{height} px): no surround to compare with"
        )
    return None
