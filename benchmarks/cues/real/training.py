"""Pseudo-fakes of genuine clips, for the heads to learn from.

A clip's window is damaged by the specialist's own transform, and control and fake are written once more with H.264 at
one quality, as ``dfcore prepare`` does with whole frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dfcore.data.clips import Clip
from dfcore.data.protocols import Footage
from dfcore.errors import DfcoreError
from dfcore.specs import SpecialistSpec, resolve
from dfcore.testing.recoded import recoded

from ..pairs import sources

__all__ = ["Recipe", "made_pairs", "recipes", "window_footage"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One damage of each clip of a video: by whom, of which kind, which of several."""

    specialist: str
    kind: str
    draw: int
    mark: str


def recipes(spec: SpecialistSpec, video: str, groups: Sequence[Sequence[str]], draws: int) -> list[Recipe]:
    """``draws`` damages of a video of each group of kinds, taken in turn from one that the video's name chooses."""
    source = sources(spec.pseudo_fake)
    return [
        Recipe(spec.name, kinds[(_number(video) + draw) % len(kinds)], draw, source)
        for kinds in groups
        for draw in range(draws)
    ]


def made_pairs(clips: Sequence[Clip], spec: SpecialistSpec, recipe: Recipe) -> list[tuple[Clip, int]]:
    """Control (0) and fake (1) of each clip that can be damaged so, control first."""
    maker = resolve(spec.pseudo_fake)()
    found: list[tuple[Clip, int]] = []
    for number, clip in enumerate(clips):
        if clip.source.rotation:
            continue  # a pseudo-fake takes upright frames
        rng = np.random.default_rng(_number(f"{clip.source.video}/{number}/{recipe.kind}/{recipe.draw}"))
        coarseness = float(rng.uniform(0, 0.8))
        try:
            pair = maker(window_footage(clip), recipe.kind, rng)
            again = [recoded(_clip(clip, half), "h264", coarseness) for half in pair]
        except DfcoreError:
            continue  # a face at the frame's edge, too few frames: others are there
        found += [(again[0], 0), (again[1], 1)]
    return found


def window_footage(clip: Clip) -> Footage:
    """A clip's window as footage, without audio."""
    x, y, _, _ = clip.header.window
    boxes = np.array(clip.header.boxes) - (x, y, x, y)
    return Footage(clip.y, clip.u, clip.v, boxes, np.array(clip.header.landmarks) - (x, y), clip.source.fps)


def _clip(clip: Clip, footage: Footage) -> Clip:
    count, (height, width) = len(footage.y), footage.y.shape[1:]
    header = replace(
        clip.header,
        frames=clip.header.frames[:count],
        times=clip.header.times[:count],
        window=(0, 0, width, height),
        boxes=tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in footage.boxes.tolist()),
        landmarks=tuple(tuple((px, py) for px, py in points) for points in footage.landmarks.tolist()),
    )
    source = replace(clip.source, width=width, height=height)
    planes = {"y": footage.y, "u": footage.u, "v": footage.v}
    dense = None if clip.landmarks is None else clip.landmarks[:count]
    return replace(clip, source=source, header=header, **planes, audio=None, evidence={}, landmarks=dense)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
