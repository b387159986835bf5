"""What the scores of N videos are worth: ranking, probabilities, decisions, likelihood ratios.

All figures start from one number for each video, its *margin*: the log-odds of "fake" (natural logarithm), any real
number, higher means more like a fake. A threshold is a margin too, and a video whose margin is *at least* the
threshold is called fake.

Each metric stands here once, as a function of a weight for each video. The figure itself has all weights 1; a
bootstrap draw has as weight how often the video was drawn (:mod:`dfcore.evaluation.metrics.intervals`), so that
a thousand draws share one sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import DataError

__all__ = [
    "Figures",
    "VideoScores",
    "check_labels",
    "check_margins",
    "margin_of",
    "probability_of",
]

Floats = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Figures:
    """Named figures; one that is undefined is None, and ``reasons`` says why."""

    values: dict[str, float | None]
    reasons: dict[str, str]

    def __getitem__(self, name: str) -> float | None:
        return self.values[name]

    def to_dict(self) -> dict[str, Any]:
        """The figures as ``json`` takes them."""
        return {"values": dict(self.values), "reasons": dict(self.reasons)}


def margin_of(probability: ArrayLike) -> Floats:
    """Log-odds of probabilities, any shape; 0 and 1 are moved inwards by 2.2e-16 (scikit-learn's rule): +-36.04.

    Raises:
        DataError: a probability is not a number from 0 to 1.
    """
    p = np.asarray(probability, np.float64)
    good = (p >= 0) & (p <= 1)
    if not good.all():
        raise DataError(
            f"{int((~good).sum())} of {p.size} probabilities are not numbers from 0 to 1 "
            f"(the first: {p[~good][0]}). Leave out the videos that got no score."
        )
    p = np.clip(p, _EPS, 1 - _EPS)
    return np.log(p) - np.log1p(-p)


def probability_of(margin: ArrayLike) -> Floats:
    """The probability that belongs to log-odds: the logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(np.asarray(margin, np.float64) / 2))


def check_labels(label: ArrayLike) -> NDArray[np.int64]:
    """Labels as int64 ``[N]``.

    Raises:
        DataError: a label is neither 0 (real) nor 1 (fake), or there is more than one axis.
    """
    labels = np.asarray(label)
    if labels.ndim != 1 or not np.isin(labels, (REAL, FAKE)).all():
        raise DataError(f"labels must be a list of 0 (real) and 1 (fake); found shape {labels.shape}: {labels[:5]}")
    return labels.astype(np.int64)


def check_margins(margin: ArrayLike, n: int, what: str = "margins") -> Floats:
    """Scores as float64 ``[N]``.

    Raises:
        DataError: there are not ``n`` of them, or one is not a finite number.
    """
    values = np.asarray(margin, np.float64)
    if values.shape != (n,):
        raise DataError(f"expected {n} {what}, one for each label; found shape {values.shape}")
    finite = np.isfinite(values)
    if not finite.all():
        raise DataError(
            f"{int((~finite).sum())} of {n} {what} are not finite numbers (the first at position "
            f"{int(np.flatnonzero(~finite)[0])}: {values[~finite][0]}). A video without a score must be left out."
        )
    return values


class VideoScores:
    """The scores of N videos, sorted once, and every metric of them.

    Ranking metrics see only the order of the margins; ``log_loss``, ``brier`` and ``calibration_error`` take
    ``probability_of(margin)``; ``cllr`` takes ``llr``.

    Args:
        label: ``[N]``, 0 real, 1 fake.
        margin: ``[N]``, log-odds of "fake".
        llr: ``[N]``, natural-log likelihood ratios of "fake" to "real"; without them ``cllr`` is undefined.
        threshold: the margin from which on a video is called fake. The default 0 is a probability of 0.5.

    Raises:
        DataError: a label is not 0 or 1, a score is not a finite number, or the sizes differ.
    """

    RANKING = (
        "auc",
        "average_precision",
        "equal_error_rate",
        "tpr_at_fpr_1",
        "tpr_at_fpr_5",
        "shift",
        "cllr_min",
    )
    PROBABILITY = ("log_loss", "brier", "calibration_error", "cllr")
    DECISION = ("accuracy", "balanced_accuracy", "real_accuracy", "fake_accuracy", "f1")
    NAMES = (*RANKING, *PROBABILITY, *DECISION)
    """All metrics, in the order in which they are reported."""

    def __init__(
        self, label: ArrayLike, margin: ArrayLike, *, llr: ArrayLike | None = None, threshold: float = 0.0
    ) -> None:
        self.label = check_labels(label)
        self.margin = check_margins(margin, len(self.label))
        self.llr = None if llr is None else check_margins(llr, len(self.label), "likelihood ratios")
        self.threshold = float(threshold)
        self.fake = (self.label == FAKE).astype(np.float64)
        self.order = np.argsort(-self.margin, kind="stable")
        descending = self.margin[self.order]
        # Videos with equal scores are one step of the ROC curve: no threshold separates them.
        self.step_ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True)) if len(self) else self.order

    def __len__(self) -> int:
        return len(self.label)

    @property
    def n_real(self) -> int:
        """How many videos are real."""
        return int((self.label == REAL).sum())

    @property
    def n_fake(self) -> int:
        """How many videos are fake."""
        return int((self.label == FAKE).sum())

    def why_undefined(self, name: str) -> str | None:
        """Why the metric says nothing of these videos, or None where it does."""
        if not len(self):
            return "there are no videos"
        needs_real = name not in ("f1", "fake_accuracy", *_ONE_CLASS)
        needs_fake = name not in ("real_accuracy", *_ONE_CLASS)
        if needs_real and not self.n_real:
            return "there are no real videos"
        if needs_fake and not self.n_fake:
            return "there are no fake videos"
        if name == "cllr" and self.llr is None:
            return "the scores were not calibrated, so there are no likelihood ratios"
        if name == "shift" and (self.n_real < 2 or not np.ptp(self.margin[self.label == REAL]) > 0):
            return "the scores of the real videos do not spread"
        return None

    def figures(self, names: Sequence[str] | None = None) -> Figures:
        """The metrics of these videos; see :meth:`measure` for what each is."""
        names = self.NAMES if names is None else names
        reasons = {name: why for name in names if (why := self.why_undefined(name)) is not None}
        defined = [name for name in names if name not in reasons]
        rows = self.measure(np.ones((1, len(self))), defined)
        return Figures({name: float(rows[name][0]) if name in rows else None for name in names}, reasons)

    def measure(self, weights: ArrayLike, names: Sequence[str] | None = None) -> dict[str, Floats]:
        """Every metric under D sets of weights at once.

        Args:
            weights: ``[D, N]``, not negative: how often each video counts, in the order of ``label``.
            names: which metrics; all by default.

        Returns:
            ``[D]`` for each name, NaN where a draw leaves the metric undefined:

            ``auc``: area under the ROC curve, ties counted half. ``average_precision``: precision averaged over the
            steps of recall, no interpolation. ``equal_error_rate``: where the ROC curve, its points joined by
            straight lines, has as many misses as false alarms. ``tpr_at_fpr_1``, ``tpr_at_fpr_5``: the highest share
            of fakes found by any threshold with at most 1 % (5 %) false alarms, not interpolated: with fewer than
            100 (20) real videos, the share found without a false alarm. ``shift``: mean of the fakes minus mean of
            the reals, in standard deviations (n - 1) of the reals. ``cllr_min``: ``cllr`` after the best monotone
            calibration (pool adjacent violators): what is lost to ranking alone.

            ``log_loss``: nats, of ``probability_of(margin)``. ``brier``: its mean squared error.
            ``calibration_error``: over ten equally wide bins, the share of videos in the bin times the distance of
            their mean probability from their share of fakes (Guo et al. 2017); few videos make it too large.
            ``cllr``: cost of the likelihood ratios in bits, 0 perfect, 1 for always saying 1 (Brümmer and du Preez,
            "Application-independent evaluation of speaker detection", 2006).

            ``real_accuracy``, ``fake_accuracy`` (each class's recall), ``balanced_accuracy`` (their mean),
            ``accuracy``, ``f1`` (of "fake") at ``threshold``.
        """
        from dfcore.evaluation.metrics.weighted import METRICS, Draws

        draws = Draws(self, np.asarray(weights, np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            return {name: METRICS[name](draws) for name in (self.NAMES if names is None else names)}

    def equal_error_threshold(self) -> float | None:
        """The observed margin at which misses and false alarms differ least; None unless both classes are there."""
        if not (self.n_real and self.n_fake):
            return None
        sorted_fake = self.fake[self.order]
        found = np.cumsum(sorted_fake)[self.step_ends] / self.n_fake
        alarms = np.cumsum(1 - sorted_fake)[self.step_ends] / self.n_real
        best = int(np.argmin(np.abs(alarms - (1 - found))))
        return float(self.margin[self.order][self.step_ends[best]])


_ONE_CLASS = ("accuracy", "log_loss", "brier", "calibration_error")
"""Metrics that are defined when only one class is there."""
