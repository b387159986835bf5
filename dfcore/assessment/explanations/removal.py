"""Taking away what an explanation names, and as much at random.

What is named is chosen on a video's samples. Measured on the same samples, its effect would be larger than that of
random parts by the choice alone. So the *fall* is cross-fitted: half of the samples choose, the others measure, and the
other way round. The margin that decides over a flip is that of all samples, as in the explanation that a reader sees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfcore.inference.explain.effects import DRAWS, TOP_CELLS, strongest
from dfcore.specs import MAP_SIZE

__all__ = ["Removed", "remove_cells", "remove_cue"]

CELLS = MAP_SIZE * MAP_SIZE

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
Without = Callable[[Masks], Floats]
"""From parts, bool ``[V, ...]``, to the samples' margins without each, ``[V, B]``."""
Named = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Removed:
    """What the margin is without the named part.

    Attributes:
        effects: of each candidate alone, ``[n]``, the mean over the samples.
        named: which of them are named, the strongest first; () where none speaks for "fake".
        drop: by how much the mean margin falls without the named ones together.
        drops: without random ones, ``[D]``.
        fall: the cross-fitted fall; None with a single sample, or where a half names nothing.
        fall_random: without random ones, over the same samples.
    """

    effects: Floats
    named: Named
    drop: float = 0.0
    drops: Floats | None = None
    fall: float | None = None
    fall_random: float | None = None


def remove_cells(without: Without, base: Floats, rng: np.random.Generator) -> Removed:
    """The cells of a map that speak most for "fake", and as many at random.

    Args:
        without: takes cells, ``[V, 7, 7]``.
        base: the samples' margins, ``[B]``.
        rng: draws.
    """

    def draw(named: Named) -> Masks:
        masks = np.zeros((DRAWS, CELLS), bool)
        for mask in masks:
            mask[rng.choice(CELLS, len(named), replace=False)] = True
        return masks.reshape(DRAWS, MAP_SIZE, MAP_SIZE)

    single = np.eye(CELLS, dtype=bool).reshape(CELLS, MAP_SIZE, MAP_SIZE)
    return _remove(without, base, single, TOP_CELLS, draw)


def remove_cue(without: Without, base: Floats, cues: list[slice], channels: int, rng: np.random.Generator) -> Removed:
    """The cue that speaks most for "fake", and as many channels of other cues at random.

    Args:
        without: takes channels, ``[V, C, 7, 7]``.
        base: the samples' margins, ``[B]``.
        cues: each cue's channels.
        channels: C.
        rng: draws.
    """

    def masks_of(sets: list[NDArray[np.int64]]) -> Masks:
        masks = np.zeros((len(sets), channels, MAP_SIZE, MAP_SIZE), bool)
        for mask, chosen in zip(masks, sets, strict=True):
            mask[chosen] = True
        return masks

    every = np.arange(channels)

    def draw(named: Named) -> Masks:
        own = every[cues[named[0]]]
        others = np.setdiff1d(every, own)
        pool = others if len(others) >= len(own) else every
        return masks_of([rng.choice(pool, len(own), replace=False) for _ in range(DRAWS)])

    return _remove(without, base, masks_of([every[cue] for cue in cues]), 1, draw)


def _remove(without: Without, base: Floats, single: Masks, most: int, draw: Callable[[Named], Masks]) -> Removed:
    each = base - without(single)  # [n, B]
    named = strongest(each.mean(axis=1), most)
    if not named:
        return Removed(each.mean(axis=1), ())
    half = np.arange(len(base)) % 2 == 0
    by_half = [strongest(each[:, ~of].mean(axis=1), most) for of in (half, ~half)] if len(base) > 1 else []
    wanted = list(dict.fromkeys(one for one in (named, *by_half) if one))
    masks = [np.concatenate([single[list(one)].any(axis=0, keepdims=True), draw(one)]) for one in wanted]
    drops = base - without(np.concatenate(masks))  # [len(wanted) * (1 + D), B]
    of_named = dict(zip(wanted, drops.reshape(len(wanted), -1, len(base)), strict=True))
    whole = of_named[named].mean(axis=1)
    fall = fall_random = None
    if by_half and all(by_half):
        parts = [of_named[one][:, of].mean(axis=1) for one, of in zip(by_half, (half, ~half), strict=True)]
        crossed = np.mean(parts, axis=0)  # [1 + D]
        fall, fall_random = float(crossed[0]), float(crossed[1:].mean())
    return Removed(each.mean(axis=1), named, float(whole[0]), whole[1:], fall, fall_random)
