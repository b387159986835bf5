"""Clips: what is cut out of a video, by which plan, and how a part of it is read.

:mod:`~dfcore.data.clips.clip` is the clip itself, :mod:`~dfcore.data.clips.plan` what is cut out,
:mod:`~dfcore.data.clips.part` a clip's middle frames, :mod:`~dfcore.data.clips.reduced` its window made small.
"""

from __future__ import annotations

from dfcore.data.clips.clip import (
    BLOCK,
    MOUTH_SIDE,
    SPEECH_RATE,
    Clip,
    ClipAccess,
    ClipHeader,
    FrameFormat,
    MemoryClip,
    Planes,
    SourceHeader,
    Speech,
    mean_over_frames,
)

__all__ = [
    "BLOCK",
    "MOUTH_SIDE",
    "SPEECH_RATE",
    "Clip",
    "ClipAccess",
    "ClipHeader",
    "FrameFormat",
    "MemoryClip",
    "Planes",
    "SourceHeader",
    "Speech",
    "mean_over_frames",
]
