"""How far a figure may be off: percentile bootstrap over videos, or over identities.

A draw takes as many groups (identities) as there are, with replacement, with all videos of each; without groups each
video is its own group. Videos of one person are alike, so drawing single videos would claim more certainty than there
is. A draw that lacks one class is drawn again; a metric that a draw still leaves undefined (no spread among the reals)
takes its interval from the other draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import DataError
from dfcore.evaluation.metrics.scores import VideoScores, check_labels, check_margins

__all__ = [
    "Interval",
    "bootstrap",
    "bootstrap_auc_difference",
    "bootstrap_mean",
    "bootstrap_means",
    "draw_weights",
    "group_numbers",
]

Floats = NDArray[np.float64]

_CELLS = 2_000_000
"""Weights held at once: 16 MB, whatever the number of draws."""
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the interval that its bootstrap draws give.

    Attributes:
        value: the figure on all videos; None where it is undefined.
        low, high: the interval's ends; None where there is none.
        level: the share of the draws between them.
        draws: how many draws the interval rests on.
        reason: why ``value``, or ``low`` and ``high``, are None.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float = 0.95
    draws: int = 0
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The interval as ``json`` takes it."""
        return asdict(self)

    def __str__(self) -> str:
        if self.value is None:
            return "undefined"
        ends = "no interval" if self.low is None else f"{self.low:.3f} to {self.high:.3f}"
        return f"{self.value:.3f} ({ends})"


def group_numbers(groups: Sequence[Hashable] | NDArray | None, n: int) -> NDArray[np.int64]:
    """Groups numbered from 0, ``[N]``; a video whose group is None is a group of its own.

    Raises:
        DataError: there are not ``n`` groups.
    """
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise DataError(f"expected {n} groups, one for each video; found {len(groups)}")
    numbers: dict[Hashable, int] = {}
    keys = [("", i) if group is None else ("group", group) for i, group in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def draw_weights(
    label: NDArray[np.int64], groups: NDArray[np.int64], draws: int, seed: int, *, both_classes: bool = True
) -> Iterator[Floats]:
    """Bootstrap draws as weights: how often each video is drawn, ``[chunk, N]`` at a time.

    Args:
        label: ``[N]``, 0 or 1.
        groups: ``[N]``, numbered from 0 without gaps.
        draws: how many.
        seed: the same seed gives the same draws.
        both_classes: draw again what lacks a class.
    """
    random = np.random.default_rng(seed)
    n_groups = int(groups.max()) + 1
    share = np.full(n_groups, 1 / n_groups)
    members = np.stack([np.bincount(groups[label == kind], minlength=n_groups) for kind in (REAL, FAKE)], axis=1)
    chunk = max(1, _CELLS // max(1, len(label)))
    for start in range(0, draws, chunk):
        counts = random.multinomial(n_groups, share, size=min(chunk, draws - start))
        for _ in range(_TRIES if both_classes else 0):
            lacking = (counts @ members == 0).any(axis=1)
            if not lacking.any():
                break
            counts[lacking] = random.multinomial(n_groups, share, size=int(lacking.sum()))
        yield counts[:, groups].astype(np.float64)


def bootstrap(
    videos: VideoScores,
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    names: Sequence[str] | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Each metric of the videos with its interval.

    Args:
        videos: the scored videos.
        groups: each video's identity; None for a video (or in place of the list) where it is not known.
        names: which metrics (:attr:`VideoScores.NAMES`); all by default.
        draws: bootstrap draws.
        level: 0.95 cuts 2.5 % of the draws off either end.
        seed: the same seed gives the same intervals.

    Returns:
        By name. A class whose videos all belong to one group has no interval: drawing it again tells nothing.
    """
    names = list(videos.NAMES if names is None else names)
    figures = videos.figures(names)
    defined = [name for name in names if figures[name] is not None]
    numbers = group_numbers(groups, len(videos))
    why = _why_no_interval(videos.label, numbers)
    rows: dict[str, list[Floats]] = {name: [] for name in defined}
    if why is None and defined:  # without videos nothing is
        both = bool(videos.n_real and videos.n_fake)
        for weights in draw_weights(videos.label, numbers, draws, seed, both_classes=both):
            for name, values in videos.measure(weights, defined).items():
                rows[name].append(values)
    found = {}
    for name in names:
        if figures[name] is None:
            found[name] = Interval(None, None, None, level, 0, figures.reasons[name])
        elif why is not None:
            found[name] = Interval(figures[name], None, None, level, 0, why)
        else:
            found[name] = _interval(figures[name], np.concatenate(rows[name]), level)
    return found


def bootstrap_auc_difference(
    first: VideoScores,
    second: VideoScores,
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """AUC of ``first`` minus AUC of ``second`` on the same videos, both from the same draws (paired).

    Raises:
        DataError: the two are not scores of the same videos.
    """
    if not np.array_equal(first.label, second.label):
        raise DataError("the two sets of scores have different labels: they are not of the same videos")
    value = [videos.figures(["auc"])["auc"] for videos in (first, second)]
    if value[0] is None or value[1] is None:
        return Interval(None, None, None, level, 0, first.why_undefined("auc"))
    numbers = group_numbers(groups, len(first))
    why = _why_no_interval(first.label, numbers)
    if why is not None:
        return Interval(value[0] - value[1], None, None, level, 0, why)
    parts = [
        first.measure(weights, ["auc"])["auc"] - second.measure(weights, ["auc"])["auc"]
        for weights in draw_weights(first.label, numbers, draws, seed)
    ]
    return _interval(value[0] - value[1], np.concatenate(parts), level)


def bootstrap_mean(
    value: ArrayLike,
    label: ArrayLike,
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The mean over both classes of each class's mean of ``value`` ``[N]``, such as a difference of two losses."""
    labels = check_labels(label)
    values = check_margins(value, len(labels), "values")
    fake = (labels == FAKE).astype(np.float64)
    if fake.all() or not fake.any():
        return Interval(None, None, None, level, 0, "there are not videos of both classes")
    mean = (values[fake == 1].mean() + values[fake == 0].mean()) / 2
    numbers = group_numbers(groups, len(labels))
    why = _why_no_interval(labels, numbers)
    if why is not None:
        return Interval(float(mean), None, None, level, 0, why)
    parts = []
    for weights in draw_weights(labels, numbers, draws, seed):
        of_fakes = weights @ (values * fake) / (weights @ fake)
        of_reals = weights @ (values * (1 - fake)) / (weights @ (1 - fake))
        parts.append((of_fakes + of_reals) / 2)
    return _interval(float(mean), np.concatenate(parts), level)


def bootstrap_means(
    values: Mapping[str, ArrayLike],
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    none: str = "there are no videos",
) -> dict[str, Interval]:
    """Means over the same videos, all from the same draws: the interval of a difference of two is a paired one.

    Args:
        values: by name, of each video, ``[N]``; a difference is a name of its own.
        groups: each video's identity, as in :func:`bootstrap`.
        draws: bootstrap draws.
        level: as in :func:`bootstrap`.
        seed: likewise.
        none: the reason where there are no videos.

    Raises:
        DataError: the names have different numbers of videos, or a value is not a finite number.
    """
    count = len(next(iter(values.values()))) if values else 0  # type: ignore[arg-type]
    table = {name: check_margins(column, count, name) for name, column in values.items()}
    if not count:
        return {name: Interval(None, None, None, level, 0, none) for name in table}
    numbers = group_numbers(groups, count)
    means = {name: float(column.mean()) for name, column in table.items()}
    if len(np.unique(numbers)) < 2:
        why = "all videos are of one identity: nothing says how another one would be"
        return {name: Interval(mean, None, None, level, 0, why) for name, mean in means.items()}
    label, columns = np.full(count, FAKE), np.stack(list(table.values()), axis=1)
    drawn = [
        (weights @ columns) / weights.sum(axis=1, keepdims=True)
        for weights in draw_weights(label, numbers, draws, seed, both_classes=False)
    ]
    every = np.concatenate(drawn)
    return {name: _interval(mean, every[:, i], level) for i, (name, mean) in enumerate(means.items())}


def _why_no_interval(label: NDArray[np.int64], groups: NDArray[np.int64]) -> str | None:
    for kind, name in ((REAL, "real"), (FAKE, "fake")):
        mine = np.unique(groups[label == kind])
        if (label == kind).any() and len(mine) < 2:
            return f"all {name} videos are of one identity: nothing says how another one would score"
    return None


def _interval(value: float | None, drawn: Floats, level: float) -> Interval:
    kept = drawn[np.isfinite(drawn)]
    if len(kept) < len(drawn) / 2:
        reason = f"undefined in {len(drawn) - len(kept)} of {len(drawn)} bootstrap draws: too few videos"
        return Interval(value, None, None, level, len(kept), reason)
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, len(kept))
