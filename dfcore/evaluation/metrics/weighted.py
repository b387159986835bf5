"""The metrics of :class:`dfcore.evaluation.metrics.scores.VideoScores` as functions of weights, many draws at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dfcore.evaluation.metrics.scores import VideoScores

__all__ = ["BINS", "METRICS", "Draws", "bin_of"]

Floats = NDArray[np.float64]

BINS = 10
"""Equally wide bins of probability in ``calibration_error`` and in the reliability diagram."""


def bin_of(probability: Floats, bins: int = BINS) -> NDArray[np.int64]:
    """``[N]``, the number of the bin of each probability; a bin holds its lower edge, the last one 1 too."""
    return np.minimum((probability * bins).astype(np.int64), bins - 1)


class Draws:
    """Videos with D sets of weights; what several metrics need is computed on first use and kept.

    Args:
        videos: the N scored videos.
        weights: ``[D, N]``, in the order of ``videos.label``.
    """

    def __init__(self, videos: VideoScores, weights: Floats) -> None:
        self.videos = videos
        self.weights = weights

    @cached_property
    def fakes(self) -> Floats:
        """``[D, N]``, the weights of the fakes, 0 for the others."""
        return self.weights * self.videos.fake

    @cached_property
    def reals(self) -> Floats:
        """``[D, N]``, the weights of the reals, 0 for the others."""
        return self.weights - self.fakes

    @cached_property
    def probability(self) -> Floats:
        """``[N]``, P(fake)."""
        return 0.5 * (1 + np.tanh(self.videos.margin / 2))

    @cached_property
    def roc(self) -> tuple[Floats, Floats]:
        """False-alarm and detection rates ``[D, S + 1]``, from the threshold that calls none fake to the lowest."""
        return self._rates(self.reals), self._rates(self.fakes)

    @cached_property
    def called(self) -> tuple[Floats, Floats]:
        """``[D]`` each, the weight of the reals and of the fakes that are called fake at the threshold."""
        hit = (self.videos.margin >= self.videos.threshold).astype(np.float64)
        return self.reals @ hit, self.fakes @ hit

    @cached_property
    def totals(self) -> tuple[Floats, Floats]:
        """``[D]`` each, the weight of all reals and of all fakes."""
        return self.reals.sum(axis=1), self.fakes.sum(axis=1)

    def mean(self, value: Floats) -> Floats:
        """``[D]``, the mean of ``value`` ``[N]`` over all videos."""
        return self.weights @ value / self.weights.sum(axis=1)

    def steps(self, weights: Floats) -> Floats:
        """``[D, S]``, the weight at or above each distinct score, highest first."""
        return np.cumsum(weights[:, self.videos.order], axis=1)[:, self.videos.step_ends]

    def _rates(self, weights: Floats) -> Floats:
        counts = np.pad(self.steps(weights), ((0, 0), (1, 0)))
        return counts / counts[:, -1:]


def _auc(draws: Draws) -> Floats:
    alarms, found = draws.roc
    return (np.diff(alarms, axis=1) * (found[:, 1:] + found[:, :-1])).sum(axis=1) / 2


def _average_precision(draws: Draws) -> Floats:
    fakes, reals = draws.steps(draws.fakes), draws.steps(draws.reals)
    recall = np.pad(fakes, ((0, 0), (1, 0))) / fakes[:, -1:]
    gained = np.diff(recall, axis=1)
    # Where nothing was drawn yet, no recall is gained either.
    precision = np.divide(fakes, fakes + reals, out=np.zeros_like(fakes), where=fakes + reals > 0)
    return (gained * precision).sum(axis=1)


def _equal_error_rate(draws: Draws) -> Floats:
    alarms, found = draws.roc
    gap = alarms - (1 - found)  # grows from -1 to 1 along the curve
    defined = np.isfinite(gap).all(axis=1)
    after = np.argmax(gap >= 0, axis=1)
    after[~defined] = 1
    rows = np.arange(len(gap))
    low, high = gap[rows, after - 1], gap[rows, after]
    share = -low / (high - low)
    rate = alarms[rows, after - 1] + share * (alarms[rows, after] - alarms[rows, after - 1])
    return np.where(defined, rate, np.nan)


def _found_at(limit: float) -> Callable[[Draws], Floats]:
    def found_at(draws: Draws) -> Floats:
        alarms, found = draws.roc
        last = (alarms <= limit).sum(axis=1) - 1
        rate = found[np.arange(len(found)), last]
        return np.where(np.isfinite(alarms[:, -1]), rate, np.nan)

    return found_at


def _shift(draws: Draws) -> Floats:
    n_real, n_fake = draws.totals
    margin = draws.videos.margin - draws.videos.margin.mean()  # a common offset would cost the variance its digits
    real, fake = draws.reals @ margin / n_real, draws.fakes @ margin / n_fake
    variance = (draws.reals @ margin**2 - n_real * real**2) / (n_real - 1)
    # Equal scores leave a rounding error instead of 0.
    spread = variance > 1e-12 * np.mean(margin**2)
    return np.where(spread & (n_real > 1), (fake - real) / np.sqrt(np.where(spread, variance, 1.0)), np.nan)


def _log_loss(draws: Draws) -> Floats:
    margin, fake = draws.videos.margin, draws.videos.fake
    return draws.mean(np.logaddexp(0.0, np.where(fake > 0, -margin, margin)))


def _brier(draws: Draws) -> Floats:
    return draws.mean((draws.probability - draws.videos.fake) ** 2)


def _calibration_error(draws: Draws) -> Floats:
    bins = bin_of(draws.probability)
    excess = np.zeros((len(bins), BINS))
    excess[np.arange(len(bins)), bins] = draws.probability - draws.videos.fake
    # |sum of (p - y)| in a bin is its weight times the distance of the two means.
    return np.abs(draws.weights @ excess).sum(axis=1) / draws.weights.sum(axis=1)


def _cllr(draws: Draws) -> Floats:
    if draws.videos.llr is None:
        return np.full(len(draws.weights), np.nan)
    n_real, n_fake = draws.totals
    of_fakes = draws.fakes @ np.logaddexp(0.0, -draws.videos.llr) / n_fake
    of_reals = draws.reals @ np.logaddexp(0.0, draws.videos.llr) / n_real
    return (of_fakes + of_reals) / (2 * np.log(2))


def _cllr_min(draws: Draws) -> Floats:
    """Pools each draw by itself; 1000 draws of 1000 videos take about half a second."""
    fakes = np.diff(draws.steps(draws.fakes), axis=1, prepend=0)
    reals = np.diff(draws.steps(draws.reals), axis=1, prepend=0)
    return np.array([_pooled_cost(fake, real) for fake, real in zip(fakes, reals, strict=True)])


def _pooled_cost(fakes: Floats, reals: Floats) -> float:
    """The lowest Cllr of any likelihood ratio that does not fall with the score; weights per step, highest first."""
    from sklearn.isotonic import isotonic_regression

    if not (fakes.sum() and reals.sum()):
        return float("nan")
    fakes, reals = fakes / fakes.sum(), reals / reals.sum()
    there = fakes + reals > 0
    fakes, reals = fakes[there], reals[there]
    share = isotonic_regression(fakes / (fakes + reals), sample_weight=fakes + reals, increasing=False)
    # With each class weighing 1, the share of fakes is the posterior at even odds: the LR is share / (1 - share).
    # A class that is absent from a pool costs nothing there, though its ratio is infinite.
    of_fakes = -(fakes[fakes > 0] * np.log2(share[fakes > 0])).sum()
    of_reals = -(reals[reals > 0] * np.log2(1 - share[reals > 0])).sum()
    return max(0.0, float((of_fakes + of_reals) / 2))  # rounding may leave -1e-17 of a zero


def _accuracy(draws: Draws) -> Floats:
    (alarms, found), (n_real, n_fake) = draws.called, draws.totals
    return (n_real - alarms + found) / (n_real + n_fake)


def _real_accuracy(draws: Draws) -> Floats:
    return 1 - draws.called[0] / draws.totals[0]


def _fake_accuracy(draws: Draws) -> Floats:
    return draws.called[1] / draws.totals[1]


def _balanced_accuracy(draws: Draws) -> Floats:
    return (_real_accuracy(draws) + _fake_accuracy(draws)) / 2


def _f1(draws: Draws) -> Floats:
    alarms, found = draws.called
    n_fake = draws.totals[1]
    return np.where(n_fake > 0, 2 * found / (found + alarms + n_fake), np.nan)


METRICS: dict[str, Callable[[Draws], Floats]] = {
    "auc": _auc,
    "average_precision": _average_precision,
    "equal_error_rate": _equal_error_rate,
    "tpr_at_fpr_1": _found_at(0.01),
    "tpr_at_fpr_5": _found_at(0.05),
    "shift": _shift,
    "cllr_min": _cllr_min,
    "log_loss": _log_loss,
    "brier": _brier,
    "calibration_error": _calibration_error,
    "cllr": _cllr,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "real_accuracy": _real_accuracy,
    "fake_accuracy": _fake_accuracy,
    "f1": _f1,
}
"""Each metric by name: :class:`Draws` in, ``[D]`` out, NaN where a draw leaves it undefined."""
