"""Whether the specialist can judge a clip."""

from __future__ import annotations

from dfcore.data.clips import ClipAccess
from dfcore.data.faces.window import fills_window

__all__ = ["abstain_reason"]

FULL = 0.95
"""Share of the window's width and height from which on the face is said to fill it."""


def abstain_reason(clip: ClipAccess) -> str | None:
    """The reason to abstain, or None: the cues compare the face with its surround, so there must be one."""
    filled = fills_window(clip.header, FULL)
    return f"{filled}: no surround to compare with" if filled else None
