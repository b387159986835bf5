"""Views of a person's speech in all clips of a video: the sample's own clip, and the others beside it.

A clip holds a few seconds. What takes longer to tell, such as whether a voice belongs to a mouth, is measured over
several: a cue module that reads these views can add up its sums over the video's clips, in training as in prediction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dfcore.data.clips import SPEECH_RATE, ClipAccess
from dfcore.data.views import landmarks, speech
from dfcore.data.views.augment import Draw
from dfcore.data.views.common import Builder
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.upright import UprightFrames

__all__ = [
    "VIDEO_CLIPS",
    "audio_present",
    "chosen_others",
    "log_mel",
    "mouth_openings",
    "mouth_present",
    "over_video",
]

VIDEO_CLIPS = 8
"""Rows of the views: clips of a video that are read at most."""


def chosen_others(others: Sequence[ClipAccess]) -> list[ClipAccess]:
    """Which of a video's other clips are read: all, or as many as there are rows for, spread evenly."""
    count = min(len(others), VIDEO_CLIPS - 1)
    return [others[(2 * k + 1) * len(others) // (2 * count)] for k in range(count)]


def over_video(builder: Builder, missing: float = 0.0) -> Builder:
    """The builder of a view of one clip, as that of a view with a row for each clip.

    Args:
        builder: of a view that belongs to a sample as a whole.
        missing: what a row without a clip holds.
    """

    def build(upright: UprightFrames, grid: Lattice, draw: Draw, size: int) -> Tensor:
        found = torch.stack([builder(one, grid, draw, size) for one in _clips(upright)])
        rows = found.new_full((VIDEO_CLIPS, *found.shape[1:]), missing)
        rows[: len(found)] = found
        return rows

    return build


def mouth_present(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """Where the mouth is a frame of this person that no row before shows: clips of a short video overlap, and no moment
    is to count twice. float32 ``[8, 60]``.
    """
    rows = np.zeros((VIDEO_CLIPS, speech.POINTS), np.float32)
    spans: list[tuple[float, float]] = []
    for row, one in zip(rows, _clips(upright), strict=False):
        said = speech.middle_speech(one)
        if said is None:
            continue
        row[:] = said.present
        times = said.start + np.arange(speech.POINTS) / SPEECH_RATE
        for first, last in spans:
            row[(times >= first) & (times < last)] = 0
        spans.append((said.start - 0.5 / SPEECH_RATE, said.start + (speech.POINTS - 0.5) / SPEECH_RATE))
    return torch.from_numpy(rows)


def _clips(upright: UprightFrames) -> list[UprightFrames]:
    return [upright, *(UprightFrames(other, [0], upright.flip) for other in chosen_others(upright.others))]


log_mel = over_video(speech.log_mel, math.log(speech.FLOOR))
audio_present = over_video(speech.audio_present)
mouth_openings = over_video(landmarks.speech_openings)
