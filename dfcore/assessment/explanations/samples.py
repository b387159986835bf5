"""A stored video's samples as an explanation reads them, and where in the coded frame they lie."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dfcore.data.clips import ClipAccess
from dfcore.data.clips.part import part_of
from dfcore.data.records import VideoRecord
from dfcore.data.samples import other_clips
from dfcore.data.spread import spread
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.views import build_views
from dfcore.data.views.images import face_square
from dfcore.data.views.upright import UprightFrames
from dfcore.inference.explain.effects import Halves, halves_of
from dfcore.models.specialist import Specialist
from dfcore.specs import resolve

__all__ = ["Samples", "read_samples"]

FACE_SAMPLES = 4
"""Samples of a video whose faces are hidden, as in an explanation."""
BATCH = 8

_Square = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A video's samples.

    Attributes:
        halves: of all.
        face: the face view of those whose faces are hidden, ``[b, 3, S, S]``.
        chosen: which of the samples these are.
        frames: index in the source of the frame that each of them shows.
        squares: where face view and window lie in the coded frame, ``(x, y, width, height)``, for each of them; None
            where the video is shown turned.
    """

    halves: Halves
    face: Tensor
    chosen: list[int]
    frames: list[int]
    squares: list[tuple[_Square, _Square] | None]

    @property
    def face_halves(self) -> Halves:
        """The halves of the samples in ``chosen``."""
        h, c = self.halves, self.chosen
        return Halves(h.tokens[c], h.cue_map[c], h.margins[c], h.attention[c])


def read_samples(
    model: Specialist, store: ClipStore, record: VideoRecord, samples: int, clip_frames: int, device: torch.device
) -> Samples | None:
    """The samples that the specialist judges; None where it abstains from all.

    Args:
        model: on ``device``.
        store: has the video.
        record: of it.
        samples: at most.
        clip_frames: frames that a clip has in the specialist's own plan.
        device: where the model is.
    """
    spec, video = model.spec, store.open(record.store_id)
    held = [(clip, part_of(video.access(clip), clip_frames)) for clip in record.clips_of(len(video))]
    if spec.abstain_reason:
        held = [(clip, access) for clip, access in held if resolve(spec.abstain_reason)(access) is None]
    accesses = [access for _, access in held]
    if not accesses:
        return None
    draws = spread([len(access.header.frames) for access in accesses], samples, spec.frames)
    total = min(FACE_SAMPLES, len(draws))
    chosen = sorted({(2 * k + 1) * len(draws) // (2 * total) for k in range(total)})
    views = [
        build_views(
            accesses[place],
            model.view_names,
            positions,
            image_size=model.image_size,
            others=other_clips(video, record, held[place][0]),
        )
        for place, positions in draws
    ]
    parts = []
    for start in range(0, len(views), BATCH):
        batch = views[start : start + BATCH]
        parts.append(halves_of(model, {name: torch.stack([v[name] for v in batch]).to(device) for name in batch[0]}))
    face = torch.stack([views[place]["face"] for place in chosen]).to(device)
    shown = [(accesses[draws[place][0]], draws[place][1]) for place in chosen]
    middles = [(access, positions[len(positions) // 2]) for access, positions in shown]
    frames = [access.header.frames[position] for access, position in middles]
    return Samples(Halves.joined(parts), face, chosen, frames, [_squares(*middle) for middle in middles])


def _squares(access: ClipAccess, position: int) -> tuple[_Square, _Square] | None:
    """Where face view and window lie in the coded frame."""
    if access.source.rotation:
        return None
    left, top, width, height = access.header.window
    x, y, side = face_square(UprightFrames(access, [position]))
    return (left + x, top + y, side, side), (left, top, width, height)
