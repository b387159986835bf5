"""Clips: what is cut out of a video, by which plan, and how a part of it is read.

:mod:`~dfcore.data.clips.clip` is the clip itself, whose names are here too; :mod:`~dfcore.data.clips.plan` what is cut
out, :mod:`~dfcore.data.clips.part` a clip's middle frames, :mod:`~dfcore.data.clips.reduced` its window made small.

A plan needs no numpy, and `predict` reads one before numpy is imported: so the clip's module is imported when one of
its names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # a type checker would take any name for good

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module("dfcore.data.clips.clip"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
