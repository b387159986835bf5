"""Which epochs are the best.

The best epoch is the one whose validation scores would lose least once they are calibrated: the lowest
``calibrated_loss`` (see :func:`dfcore.evaluation.metrics.calibrated_loss`), the log-loss per sample after the best
logistic curve from score to probability. Per sample and not per video, for a few dozen videos are soon told apart
completely, and then the samples still show which epoch does it with more to spare.

Why not the highest AUC: with 12 genuine and 12 forged videos its standard error is about .06, so one lucky order
among many epochs decides. The log-loss sees by how much each sample is right or wrong. Why not the log-loss as it is:
it rises when a network grows overconfident, although it goes on telling the classes apart better; and that is what
calibration, which every verdict goes through, takes away (Berta, Holzmueller, Jordan and Bach, 2025, "Rethinking
early stopping: refine, then calibrate"). ``tests/runs/test_ranking.py`` compares the three where the truth is known.
Every epoch's figure stands for itself, so an epoch that is worse than another stays so whatever comes later: what was
deleted as worse is never wanted again. A rule with a band around the best AUC has not that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

__all__ = ["best_epochs", "rank_key"]


def best_epochs(history: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Numbers (from 1) of the ``count`` best epochs, best first.

    Best is the lowest calibrated loss; of equals the highest AUC per video, then per frame, then the lowest loss, then
    the earliest. Where that loss is undefined (one class only) the others decide; likewise where one of the epochs has
    no such figure, for it was written by an earlier version. Epochs without validation count by their number, the last
    as the best.
    """
    known = all("calibrated_loss" in line["val"] for line in history if line["val"])

    def key(line: Mapping[str, Any]) -> tuple[float, ...]:
        if not line["val"]:
            return (float(line["epoch"]),)
        first, *rest = rank_key(line["val"])
        return (first if known else 0.0, *rest, -float(line["epoch"]))

    return [int(line["epoch"]) for line in sorted(history, key=key, reverse=True)[:count]]


def rank_key(metrics: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Greater is better: the lower calibrated loss, then the video AUC, the frame AUC, the lower loss. What is None
    counts as lowest.
    """
    return (
        _lower(metrics.get("calibrated_loss")),
        _higher(metrics.get("video_auc")),
        _higher(metrics.get("frame_auc")),
        _lower(metrics.get("loss")),
    )


def _lower(value: float | None) -> float:
    return -inf if value is None else -float(value)


def _higher(value: float | None) -> float:
    return -1.0 if value is None else float(value)
