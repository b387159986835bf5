"""What a set of predictions is worth, per sample ("frame") and per video."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.records import FAKE, LABEL_NAMES, REAL
from dfcore.errors import TrainingError
from dfcore.evaluation.metrics.scores import probability_of
from dfcore.evaluation.predictions import Predictions

__all__ = ["THRESHOLD", "auc", "calibrated_loss", "summarise", "video_level"]

THRESHOLD = 0.5
"""A probability of at least this is called "fake"."""

_SURE = 1e-9
"""Nearest to 0 and 1 that a probability is taken to be when its log-odds are needed; also a tolerance."""
_STEPS = 50
"""Of Newton's method, at most; four or five are usual."""


def summarise(predictions: Predictions) -> dict[str, Any]:
    """All metrics of ``predictions``, as plain numbers that ``json`` takes.

    ``loss`` and ``cue_loss`` are mean negative log-likelihoods in nats, per sample. The prefix ``frame_`` means per
    sample, ``video_`` per video, whose margin (log-odds of "fake") is the mean of its samples'. ``accuracy``,
    ``real_accuracy``, ``fake_accuracy`` (recall of each class), ``balanced_accuracy`` (their mean) and ``f1`` (of
    "fake") are taken at a probability of 0.5; ``auc`` is the area under the ROC curve; ``cue_frame_auc`` and
    ``cue_video_auc`` are those of the cue head alone.

    ``calibrated_loss`` is :func:`calibrated_loss` of the samples: epochs are compared by it.

    ``coverage`` is the share of the samples that the specialist judges. One that it abstains from counts in no other
    figure. Where it abstains from all (AV on silent videos), all are measured, for training must choose by something,
    and ``notes`` says so.

    A metric that a missing class leaves undefined is ``None``, and ``notes`` says why.

    Raises:
        TrainingError: an output is not a finite number.
    """
    _refuse_non_finite(predictions)
    predictions, coverage, abstained = _judged(predictions)
    labels, notes = predictions.label, [*_notes(predictions.label), *abstained]
    summary: dict[str, Any] = {"samples": len(predictions), "videos": len(np.unique(predictions.video))}
    summary["coverage"] = coverage
    summary["loss"] = _log_loss(predictions.logits, labels)
    summary["cue_loss"] = _log_loss(predictions.cue_logits, labels)
    video_labels, video_fake = video_level(predictions.video, labels, predictions.margin)
    _, video_cue = video_level(predictions.video, labels, predictions.cue_margin)
    summary |= {f"frame_{name}": value for name, value in _scores(labels, predictions.fake).items()}
    summary |= {f"video_{name}": value for name, value in _scores(video_labels, video_fake).items()}
    summary["cue_frame_auc"] = auc(labels, predictions.cue_fake)
    summary["cue_video_auc"] = auc(video_labels, video_cue)
    summary["calibrated_loss"] = calibrated_loss(labels, predictions.fake)
    summary["notes"] = notes
    return summary


def _judged(predictions: Predictions) -> tuple[Predictions, float, list[str]]:
    """What is measured, the share of the samples that are judged, and what there is to say of the others."""
    judged, total = predictions.judged, len(predictions)
    if judged is None or judged.all():
        return predictions, 1.0, []
    if not judged.any():
        note = f"the specialist abstains from all {total} samples; the figures are of the model without its evidence"
        return predictions, 0.0, [note]
    note = f"the specialist abstains from {int((~judged).sum())} of {total} samples; they are not counted"
    return predictions.only(judged), float(judged.mean()), [note]


def video_level(
    video: NDArray[np.int64], label: NDArray[np.int64], margin: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Label and probability of "fake" of each video, ``[V]`` each, ordered by the video's number. The probability is
    that of the mean of its samples' margins (log-odds).
    """
    _, first, inverse, count = np.unique(video, return_index=True, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, weights=margin, minlength=len(count)) / count
    return label[first], probability_of(mean)


def auc(label: NDArray[np.int64], fake: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve, ties counted half; None unless both classes are there."""
    if len(np.unique(label)) < 2:
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, fake))


def calibrated_loss(label: NDArray[np.int64], fake: NDArray[np.float64]) -> float | None:
    """Mean negative log-likelihood in nats after the best rising logistic curve over the scores' log-odds; None unless
    both classes are there.

    It measures how well scores tell the classes apart, whatever their scale and offset: ln 2 with as many real as fake
    ones and scores that say nothing (or the contrary), towards 0 the wider the classes are apart. The curve
    ``1 / (1 + exp(-(a x + b)))``, ``a >= 0``, is Platt's: fitted to ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)`` in
    place of 1 and 0, so that it stays finite where all are told apart, and a handful of scores promises little.

    Args:
        label: int64 ``[N]``, 0 real, 1 fake.
        fake: float64 ``[N]``, probabilities of "fake".
    """
    if len(np.unique(label)) < 2:
        return None
    x = np.clip(fake, _SURE, 1 - _SURE)
    x = np.log(x) - np.log1p(-x)
    x = (x - x.mean()) / max(float(x.std()), _SURE)
    count = np.bincount(label, minlength=2)
    target = np.where(label == FAKE, (count[FAKE] + 1) / (count[FAKE] + 2), 1 / (count[REAL] + 2))
    slope, offset = _logistic_fit(x, target)
    if slope < 0:  # the loss is convex: the best curve that does not fall is then the flat one
        slope, offset = 0.0, float(np.log(target.mean() / (1 - target.mean())))
    z = slope * x + offset
    return float(np.logaddexp(0, np.where(label == FAKE, -z, z)).mean())


def _logistic_fit(x: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset of the logistic curve with the least cross-entropy to targets within (0, 1); Newton's method,
    each step halved until it helps (Lin, Lin and Weng, 2007, "A note on Platt's probabilistic outputs").
    """

    def loss(at: NDArray[np.float64]) -> float:
        z = at[0] * x + at[1]
        return float((np.logaddexp(0, z) - target * z).mean())

    terms = np.stack([x, np.ones_like(x)])
    at = np.zeros(2)
    for _ in range(_STEPS):
        p = 0.5 * (1 + np.tanh((at @ terms) / 2))
        gradient = (terms * (p - target)).mean(axis=1)
        if np.abs(gradient).max() < _SURE:
            break
        curvature = (terms * (p * (1 - p))) @ terms.T / len(x) + _SURE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while loss(at - step) > loss(at) and np.abs(step).max() > _SURE:
            step /= 2
        at = at - step
    return float(at[0]), float(at[1])


def _scores(label: NDArray[np.int64], fake: NDArray[np.float64]) -> dict[str, float | None]:
    called = (fake >= THRESHOLD).astype(np.int64)
    recall = [_share(called[label == kind] == kind) for kind in (REAL, FAKE)]
    balanced = None if None in recall else float(np.mean([r for r in recall if r is not None]))
    return {
        "accuracy": _share(called == label),
        "balanced_accuracy": balanced,
        "real_accuracy": recall[REAL],
        "fake_accuracy": recall[FAKE],
        "f1": _f1(label, called),
        "auc": auc(label, fake),
    }


def _f1(label: NDArray[np.int64], called: NDArray[np.int64]) -> float | None:
    """F1 of "fake"; None where no video is fake, for then it says nothing of the model."""
    if not (label == FAKE).any():
        return None
    from sklearn.metrics import f1_score

    return float(f1_score(label, called, pos_label=FAKE))


def _share(hits: NDArray[np.bool_]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _log_loss(logits: NDArray[np.float32], label: NDArray[np.int64]) -> float | None:
    if not len(label):
        return None
    margin = logits[:, 1].astype(np.float64) - logits[:, 0]
    return float(np.logaddexp(0.0, np.where(label == FAKE, -margin, margin)).mean())


def _notes(label: NDArray[np.int64]) -> list[str]:
    if not len(label):
        return ["there are no samples: nothing can be measured"]
    missing = [LABEL_NAMES[kind] for kind in (REAL, FAKE) if not (label == kind).any()]
    return [f"no {name} videos: AUC and balanced accuracy are undefined" for name in missing]


def _refuse_non_finite(predictions: Predictions) -> None:
    finite = np.isfinite(predictions.logits).all(axis=1) & np.isfinite(predictions.cue_logits).all(axis=1)
    if finite.all():
        return
    raise TrainingError(
        f"the model's output is not a finite number for {int((~finite).sum())} of {len(predictions)} samples "
        f"(the first in video number {int(predictions.video[~finite][0])}). Its weights or the precision are to "
        "blame: try run.precision=fp32, or go back to an earlier checkpoint."
    )
