"""Figures of real fakes: over unpaired videos first, for an absolute verdict is what a detector is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..measures import DRAWS, Estimate, auc, estimate
from .listing import Video

__all__ = ["Figures", "figures", "standardised"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What margins of videos say.

    Attributes:
        fakes, genuine, pairs: how many videos were scored, and how many fakes with their original.
        auc: over all couples of a fake and a genuine video; its interval by drawing people.
        alike: over those couples alone that the list gives the same compression, mean over seeds: where a collection's
            fakes are more strongly compressed than its genuine videos, ``auc`` counts that too. None without a couple.
        shift: mean margin of the fakes over their originals', in standard deviations of genuine videos; with interval.
        ranked: pairs whose fake has the higher margin (half where equal), mean over seeds.
    """

    fakes: int
    genuine: int
    pairs: int
    auc: Estimate | None
    alike: float | None
    shift: tuple[float, float, float] | None
    ranked: float


def standardised(margins: Floats, videos: Sequence[Video]) -> Floats:
    """``[S, V]`` by mean and deviation of the genuine videos of each seed; NaN stays."""
    genuine = np.array([video.label == 0 for video in videos])
    mean = np.nanmean(margins[:, genuine], axis=1, keepdims=True)
    spread = np.nanstd(margins[:, genuine], axis=1, keepdims=True)
    scaled: Floats = (margins - mean) / np.maximum(spread, 1e-9)
    return scaled


def figures(margins: Floats, videos: Sequence[Video], chosen: Sequence[bool] | None = None) -> Figures:
    """The figures of margins ``[S, V]`` of S seeds; NaN where a video was not judged.

    Args:
        margins: fake minus real.
        videos: V.
        chosen: which of the fakes count; None takes all. Genuine videos always count.
    """
    label = np.array([video.label for video in videos])
    told: NDArray[np.bool_] = np.asarray(np.isfinite(margins).all(axis=0))
    wanted = np.ones(len(videos), bool) if chosen is None else np.asarray(chosen, bool)
    used = told & ((label == 0) | wanted)
    place = {video.path: number for number, video in enumerate(videos)}
    pairs = [
        (number, place[video.original])
        for number, video in enumerate(videos)
        if label[number] and used[number] and video.original in place and told[place[video.original]]
    ]
    fakes, genuine = int((used & (label == 1)).sum()), int((used & (label == 0)).sum())
    groups = sorted({video.group for video in videos})
    person = np.array([groups.index(video.group) for video in videos])
    found = estimate(margins[:, used], label[used], person[used]) if fakes and genuine > 1 else None
    coded = np.array([video.compression for video in videos])
    alike = _alike(margins[:, used], label[used], coded[used])
    if not pairs:
        return Figures(fakes, genuine, 0, found, alike, None, 0.0)
    fake, real = np.array(pairs).T
    scaled = standardised(margins, videos)
    gap = scaled[:, fake] - scaled[:, real]
    ranked = float(((gap > 0) + 0.5 * (gap == 0)).sum(axis=1).mean())
    return Figures(fakes, genuine, len(pairs), found, alike, _shift(gap.mean(axis=0), person[fake]), ranked)


def _alike(margins: Floats, label: NDArray[np.int64], compression: NDArray[np.str_]) -> float | None:
    """AUC over couples of one named compression, of margins ``[S, V]``."""
    won, count = 0.0, 0
    for name in sorted(set(compression.tolist()) - {""}):
        here = compression == name
        couples = int((here & (label == 1)).sum()) * int((here & (label == 0)).sum())
        if couples:
            won += couples * float(np.mean([auc(row[here], label[here]) for row in margins]))
            count += couples
    return won / count if count else None


def _shift(gap: Floats, person: NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean of ``gap`` and its 95 % interval by drawing people; without one where all are of one."""
    people, place = np.unique(person, return_inverse=True)
    total, count = np.bincount(place, gap), np.bincount(place)
    if len(people) == 1:
        return float(gap.mean()), float("nan"), float("nan")
    weight = np.random.default_rng(0).multinomial(len(people), np.full(len(people), 1 / len(people)), size=DRAWS)
    low, high = np.percentile((weight @ total) / (weight @ count), [2.5, 97.5])
    return float(gap.mean()), float(low), float(high)
