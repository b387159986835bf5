"""The same people in clips that were cut by different plans.

Plans that differ in their clips' length or speech alone find the same people, and are served by one job
(:mod:`dfcore.inference.extraction`). Others look at other frames, so a person is known again by where and when the face
is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Clip

__all__ = ["by_person", "same_people"]

NEAR = 0.3
"""Intersection over union of two people's boxes, at the nearest moments of their clips, from which on they are one."""


def by_person(clips: Sequence[Clip]) -> dict[int, list[Clip]]:
    """The clips of each person, by number."""
    found: dict[int, list[Clip]] = {}
    for clip in clips:
        found.setdefault(clip.header.track, []).append(clip)
    return found


def same_people(first: Mapping[int, Sequence[Clip]], other: Mapping[int, Sequence[Clip]]) -> dict[int, int]:
    """The number in ``first`` of each person of ``other``; people that ``first`` has not get new numbers.

    Args:
        first: the clips of the people known so far.
        other: those of another plan.
    """
    pairs = sorted(
        ((-_likeness(clips, known), number, mine) for number, clips in other.items() for mine, known in first.items()),
    )
    taken: dict[int, int] = {}
    for likeness, number, mine in pairs:
        if -likeness >= NEAR and number not in taken and mine not in taken.values():
            taken[number] = mine
    free = max(first, default=-1) + 1
    for number in sorted(set(other) - set(taken)):
        taken[number] = free
        free += 1
    return taken


def _likeness(one: Sequence[Clip], other: Sequence[Clip]) -> float:
    """Overlap of the faces in the two clips that are nearest in time."""
    a, b = min(((a, b) for a in one for b in other), key=lambda pair: abs(_middle(pair[0]) - _middle(pair[1])))
    return _overlap(_box(a), _box(b))


def _middle(clip: Clip) -> float:
    frames = clip.header.frames
    return (frames[0] + frames[-1]) / 2


def _box(clip: Clip) -> NDArray[np.float64]:
    return np.asarray(clip.header.boxes, np.float64).mean(axis=0)


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    sides = np.maximum(0.0, np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]))
    common = float(np.prod(sides))
    return common / max(float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - common, 1e-9)
