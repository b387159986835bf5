"""Forgeries made of real footage: a face blended or pasted anew in every frame; frames dropped; frames repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.composite.kinds import COMPOSITES, chosen_kind
from dfcore.data.composite.swap import composite_swap, draw_swap, swapped
from dfcore.errors import MediaError

if TYPE_CHECKING:
    from dfcore.data.protocols import Footage

__all__ = ["KINDS", "PseudoFake"]

KINDS = ("flicker", "drop", "repeat", "jitter", *COMPOSITES)
SHARES: Mapping[str, float] = {"jitter": 1.5, "swap": 1.5, "lower": 0.75, "mouth": 0.75}
"""How often these are made, each of the others being 1."""
_GAP = (5, 10)
"""Frames between two dropped or repeated places: every window of 16 frames has one at least."""
_LOST = (1, 3)
"""Frames dropped at a place."""
_RATE = 16000
_LEAST = 16

Pair = tuple["Footage", "Footage"]


class PseudoFake:
    """Breaks the order of time in the face (``flicker``) or of the whole image (``drop``, ``repeat``).

    ``flicker`` blends each frame's face with a copy of itself that is shifted in light, colour and place by amounts
    drawn for that frame alone (the temporally incoherent blending of AltFreezing, Wang et al., CVPR 2023). ``drop``
    leaves out one to three frames at a time and closes up; its control is cut to the same length. ``repeat`` shows a
    frame twice in place of the next. ``jitter`` pastes the inner face over itself a fraction of a pixel beside its
    place in each frame, with patches of another brightness in each, as face swaps do. The others are the core's
    composite swaps.
    """

    kinds: tuple[str, ...] = KINDS
    shares: Mapping[str, float] = SHARES

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> Pair:
        """Control and fake.

        Raises:
            UnknownNameError: there is no such kind.
            MediaError: there are too few frames to drop or repeat one.
        """
        kind = chosen_kind(self, kind, rng, "TM")
        if kind in COMPOSITES:
            return composite_swap(footage, rng, part=COMPOSITES[kind])
        makers: dict[str, Callable[[Footage, np.random.Generator], Pair]] = {
            "flicker": _flicker,
            "drop": _drop,
            "repeat": _repeat,
            "jitter": _jitter,
        }
        return makers[kind](footage, rng)


def _places(count: int, rng: np.random.Generator) -> list[int]:
    """Where time is broken: positions in 1..count-1.

    Raises:
        MediaError: not even one fits.
    """
    places, at = [], int(rng.integers(1, _GAP[1]))
    while at < count:
        places.append(at)
        at += int(rng.integers(_GAP[0], _GAP[1] + 1))
    if not places:
        raise MediaError(f"{count} frames are too few to drop or repeat one. Use a longer video.")
    return places


def _drop(footage: Footage, rng: np.random.Generator) -> Pair:
    count = len(footage.y)
    kept = np.ones(count, bool)
    for place in _places(count - 1, rng):
        kept[place : min(place + int(rng.integers(_LOST[0], _LOST[1] + 1)), count - 1)] = False
    chosen = np.flatnonzero(kept)
    return _cut(footage, np.arange(len(chosen))), _cut(footage, chosen)


def _repeat(footage: Footage, rng: np.random.Generator) -> Pair:
    shown = np.arange(len(footage.y))
    for place in _places(len(shown), rng):
        shown[place] = shown[place - 1]
    return footage, _cut(footage, shown)


def _jitter(footage: Footage, rng: np.random.Generator) -> Pair:
    drawn = draw_swap(rng)
    swap = replace(
        drawn,
        generator=replace(drawn.generator, reduction=float(rng.uniform(1.0, 1.4)), sharpen=0),
        jitter=float(rng.uniform(0.3, 1.0)),
        light=float(rng.uniform(0.2, 1.5)),
        patches=float(rng.uniform(0.5, 2.5)),
    )
    y, u, v = swapped((footage.y, footage.u, footage.v), footage, swap, rng)
    return footage, replace(footage, y=y, u=u, v=v)


def _cut(footage: Footage, frames: NDArray[np.intp]) -> Footage:
    """Those frames, in that order; the audio runs on from the beginning."""
    audio = footage.audio
    if audio is not None:
        audio = audio[: round((len(frames) / footage.fps + 2 * footage.lead) * _RATE)]
    return replace(footage.pick(frames), audio=audio)


def _flicker(footage: Footage, rng: np.random.Generator) -> Pair:
    axes, soft = rng.uniform(0.75, 1.0, 2), float(rng.uniform(0.1, 0.3))
    strength = float(rng.uniform(0.5, 1.0))
    frames = []
    for *planes, box in zip(footage.y, footage.u, footage.v, footage.boxes, strict=True):
        offsets = rng.uniform(-1, 1, 3) * (8, 5, 5) * strength
        shift = rng.uniform(-0.012, 0.012, 2) * strength
        ratio = float(rng.uniform(0.5, 1.0))
        frames.append(_blend(planes, np.asarray(box, np.float64), axes, soft, offsets, shift, ratio))
    y, u, v = (np.stack(plane) for plane in zip(*frames, strict=True))
    return footage, replace(footage, y=y, u=u, v=v)


def _blend(
    planes: list[NDArray[np.uint8]],
    box: NDArray[np.float64],
    axes: NDArray[np.float64],
    soft: float,
    offsets: NDArray[np.float64],
    shift: NDArray[np.float64],
    ratio: float,
) -> list[NDArray[np.uint8]]:
    """One frame's face blended with itself, moved by ``shift`` of the box's sides and lifted by ``offsets``."""
    blended = []
    for plane, step, offset in zip(planes, (1, 2, 2), offsets, strict=True):
        out = plane.copy()
        blended.append(out)
        height, width = plane.shape
        centre, half = (box[:2] + box[2:]) / 2 / step, (box[2:] - box[:2]) / 2 / step * axes
        x0, y0 = (max(0, int(value)) for value in centre - half)
        x1, y1 = (min(limit, int(value) + 1) for value, limit in zip(centre + half, (width, height), strict=True))
        if min(x1 - x0, y1 - y0) * step < _LEAST:
            continue
        part = plane[y0:y1, x0:x1]
        dx, dy = shift * (box[2:] - box[:2]) / step
        moved = Image.fromarray(plane).transform(
            (x1 - x0, y1 - y0), Image.Transform.AFFINE, (1, 0, x0 - dx, 0, 1, y0 - dy), Image.Resampling.BICUBIC
        )
        across = (np.arange(x0, x1) + 0.5 - centre[0]) / half[0]
        down = ((np.arange(y0, y1) + 0.5 - centre[1]) / half[1])[:, None]
        weight = ratio * np.clip((1 - np.hypot(across, down)) / soft, 0, 1)
        mixed = part + weight * (np.asarray(moved, np.float64) + offset - part)
        out[y0:y1, x0:x1] = np.clip(np.rint(mixed), 0, 255)
    return blended
