"""Forgeries made of real footage: a face that went through the codec once less than what surrounds it, or once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Planes
from dfcore.data.composite.kinds import COMPOSITES, chosen_kind
from dfcore.data.composite.swap import composite_swap
from dfs_cm.codec import x264_again

if TYPE_CHECKING:
    from dfcore.data.protocols import Footage

__all__ = ["CRFS", "PseudoFake"]

CRFS = {"from18": 18, "from23": 23, "from28": 28}
"""Rate factor of the generation that the face is spared, by kind."""
AGAIN = {"again18": 18, "again23": 23, "again28": 28}
"""Rate factor of the generation that the face alone goes through, by kind."""
SHARES: Mapping[str, float] = {"swap": 1.5, "lower": 0.75, "mouth": 0.75}
"""How often the composite swaps are made, each of the others being 1."""
_PRESET = "veryfast"
"""Of that generation: what platforms and phones encode with is quick."""


class PseudoFake:
    """Encodes and decodes whole frames once more, and makes face and surround differ by that generation.

    Of the kinds ``from`` the control is the frames with the face encoded too, and the fake has the face as it was
    before: the surround was compressed when it was uploaded, the new face was not. Of the kinds ``again`` the control
    is the footage itself, and the fake has the face encoded once more: a generator's own output was a video before
    it was pasted. The others are the core's composite swaps.
    """

    kinds: tuple[str, ...] = (*CRFS, *AGAIN, *COMPOSITES)
    shares: Mapping[str, float] = SHARES

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        """Control and fake; ``kind`` says the rate factor of the generation between, None draws one.

        Raises:
            UnknownNameError: there is no such kind.
            MediaError: PyAV has no libx264.
        """
        kind = chosen_kind(self, kind, rng, "CM")
        if kind in COMPOSITES:
            return composite_swap(footage, rng, part=COMPOSITES[kind])
        axes, soft = rng.uniform(0.85, 1.05, 2), float(rng.uniform(0.0, 0.15))
        before = (footage.y, footage.u, footage.v)
        crf = {**CRFS, **AGAIN}[kind]
        after = x264_again(before, crf, {"preset": _PRESET}, max(1, round(footage.fps)))
        if kind in AGAIN:
            return footage, _with(footage, _spared(after, before, footage, axes, soft))
        return _with(footage, after), _with(footage, _spared(before, after, footage, axes, soft))


def _with(footage: Footage, planes: Planes) -> Footage:
    y, u, v = planes
    return replace(footage, y=y, u=u, v=v)


def _spared(before: Planes, after: Planes, footage: Footage, axes: NDArray[np.float64], soft: float) -> Planes:
    """``after`` with ``before`` inside of the face's ellipse, whose half axes are the box's times ``axes``."""
    made = tuple(plane.copy() for plane in after)
    for t, (x0, y0, x1, y1) in enumerate(np.asarray(footage.boxes, np.float64)):
        for plane, source, step in zip(made, before, (1, 2, 2), strict=True):
            height, width = plane.shape[1:]
            half = np.array([x1 - x0, y1 - y0]) / 2 * axes / step
            cx, cy = (x0 + x1) / 2 / step, (y0 + y1) / 2 / step
            left, right = (int(np.clip(value, 0, width)) for value in (cx - half[0], cx + half[0] + 1))
            top, bottom = (int(np.clip(value, 0, height)) for value in (cy - half[1], cy + half[1] + 1))
            part = np.s_[t, top:bottom, left:right]
            across = (np.arange(left, right) + 0.5 - cx) / half[0]
            down = (np.arange(top, bottom) + 0.5 - cy)[:, None] / half[1]
            inside = (1 - np.hypot(across, down)) / max(soft, 1e-3)
            weight = np.clip(inside, 0, 1)
            mixed = plane[part] + weight * (source[part].astype(np.float64) - plane[part])
            plane[part] = np.rint(mixed)
    return made[0], made[1], made[2]
