"""Whether the specialist can judge a clip."""

from __future__ import annotations

import numpy as np

from dfcore.data.clips import ClipAccess

__all__ = ["FRAMES", "MIN_SIDE", "abstain_reason"]

FRAMES = 16
MIN_SIDE = 48
"""Least larger side of a face in pixels: below it a frame's change is that of its noise."""


def abstain_reason(clip: ClipAccess) -> str | None:
    """The reason to abstain, or None: time must be seen to pass, on a face."""
    header = clip.header
    if len(header.frames) < FRAMES:
        noun = "frame" if len(header.frames) == 1 else "frames"
        return f"the clip has {len(header.frames)} {noun}; {FRAMES} consecutive ones are needed"
    side = float(np.median([max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in header.boxes]))
    if side < MIN_SIDE:
        return f"the face is {side:.0f} px; its motion can be judged from {MIN_SIDE} px"
    ends = clip.sequence([0, len(header.frames) // 2, len(header.frames) - 1])
    if (ends[0] == ends[1]).all() and (ends[0] == ends[2]).all():
        return "nothing changes from frame to frame: a still image shown as video"
    return None
