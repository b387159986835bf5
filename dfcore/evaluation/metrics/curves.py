"""The points of the evaluation plots: ROC, precision-recall, reliability, histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import UsageError
from dfcore.evaluation.metrics.scores import VideoScores, probability_of
from dfcore.evaluation.metrics.weighted import BINS, bin_of

__all__ = ["Curve", "Histogram", "ReliabilityBin", "histogram", "precision_recall", "reliability", "roc"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a curve, one for each threshold, highest first.

    Attributes:
        x: false-alarm rate (ROC) or recall (precision-recall).
        y: detection rate (ROC) or precision (precision-recall).
        threshold: the margin of each point; the ROC's first point, where nothing is called fake, has None.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    threshold: tuple[float | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """The curve as ``json`` takes it."""
        return {"x": list(self.x), "y": list(self.y), "threshold": list(self.threshold)}


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The videos whose probability is from ``low`` to ``high``: their mean probability and their share of fakes."""

    low: float
    high: float
    n: int
    mean_probability: float
    fake_share: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many reals and fakes have a score between neighbouring ``edges`` (K + 1 of them)."""

    edges: tuple[float, ...]
    real: tuple[int, ...]
    fake: tuple[int, ...]


def roc(label: ArrayLike, margin: ArrayLike) -> Curve | None:
    """False-alarm and detection rate at each distinct margin; None unless both classes are there."""
    videos = VideoScores(label, margin)
    if not (videos.n_real and videos.n_fake):
        return None
    reals, fakes, threshold = _counts(videos)
    x, y = np.append(0.0, reals / videos.n_real), np.append(0.0, fakes / videos.n_fake)
    return Curve(tuple(x.tolist()), tuple(y.tolist()), (None, *threshold.tolist()))


def precision_recall(label: ArrayLike, margin: ArrayLike) -> Curve | None:
    """Recall and precision at each distinct margin; None where no video is fake."""
    videos = VideoScores(label, margin)
    if not videos.n_fake:
        return None
    reals, fakes, threshold = _counts(videos)
    return Curve(
        tuple((fakes / videos.n_fake).tolist()), tuple((fakes / (fakes + reals)).tolist()), tuple(threshold.tolist())
    )


def reliability(label: ArrayLike, margin: ArrayLike, bins: int = BINS) -> list[ReliabilityBin]:
    """The bins that hold a video, of ``bins`` equally wide ones; with the default, those of ``calibration_error``."""
    videos = VideoScores(label, margin)
    probability = probability_of(videos.margin)
    place = bin_of(probability, _at_least_one(bins))
    found = []
    for i in np.unique(place):
        here = place == i
        mean, share = float(probability[here].mean()), float(videos.fake[here].mean())
        found.append(ReliabilityBin(float(i) / bins, float(i + 1) / bins, int(here.sum()), mean, share))
    return found


def histogram(label: ArrayLike, margin: ArrayLike, bins: int = 30) -> Histogram | None:
    """Counts of each class over the same equally wide bins of margin; None without videos."""
    videos = VideoScores(label, margin)
    if not len(videos):
        return None
    edges = np.histogram_bin_edges(videos.margin, _at_least_one(bins))
    counts = [np.histogram(videos.margin[videos.label == kind], edges)[0].tolist() for kind in (REAL, FAKE)]
    return Histogram(tuple(edges.tolist()), tuple(counts[0]), tuple(counts[1]))


def _counts(videos: VideoScores) -> tuple[Floats, Floats, Floats]:
    """Reals and fakes at or above each distinct margin, and the margins, highest first."""
    fake, ends = videos.fake[videos.order], videos.step_ends
    return np.cumsum(1 - fake)[ends], np.cumsum(fake)[ends], videos.margin[videos.order][ends]


def _at_least_one(bins: int | Sequence[float]) -> int:
    if not isinstance(bins, int) or bins < 1:
        raise UsageError(f"bins must be a whole number of 1 or more; found {bins!r}")
    return bins
