"""How good a specialist was measured to be, by what lies beside its weights, and how it was trained.

Evaluations (``evaluations/*/evaluation.json`` beside the runs) of just these weights come first: they are of videos
that nothing was chosen by. The calibration file's validation scores are next, and the figure in the weights' own
description last; both are of the validation videos, which the best epoch was chosen by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfcore.data.records import FAKE, REAL
from dfcore.errors import CheckpointError, DfcoreError
from dfcore.evaluation.metrics.intervals import bootstrap
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.filesystem.paths import read_regular
from dfcore.text import decode_text, parse_json

__all__ = ["Measured", "Training", "measured_quality", "training_of"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of quality: the area under the ROC curve, of whole videos.

    Attributes:
        on: the videos that it was measured on, in words.
        auc: the figure; None where it is undefined.
        low, high: its interval; None where there is none.
        level: of the interval.
        real, fake: how many videos.
        coverage: the share of the videos that got a score; None where that is not known.
        note: what must be known of the figure, or "".
    """

    on: str
    auc: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    real: int | None = None
    fake: int | None = None
    coverage: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Training:
    """How weights were trained, as their file says: rows of a name and a text, and what was noted of the data."""

    rows: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def measured_quality(path: Path, weights_hash: str) -> tuple[list[Measured], list[str]]:
    """What was measured of these weights, and sentences about what could not be learnt or was not promised.

    Args:
        path: the file of weights; one that is not there teaches nothing.
        weights_hash: their SHA-256.
    """
    measured, limits = _evaluations(path, weights_hash)
    calibration = calibration_path(path)
    if calibration.is_file():
        try:
            stored = CalibrationFile.read(calibration, weights_hash)
        except CheckpointError as error:
            limits.append(str(error))
        else:
            measured.append(_validation(stored))
            limits += [f"{line[0].upper()}{line[1:]}." for line in stored.rules.shortfalls()]
    if not measured:
        limits.append("Nothing is known of its quality: no evaluation and no calibration of these weights was found.")
    elif all(one.note for one in measured):
        limits.append("No evaluation on videos that nothing was chosen by was found: its quality on others is unknown.")
    return measured, limits


def _evaluations(path: Path, weights_hash: str) -> tuple[list[Measured], list[str]]:
    found, problems = [], []
    folders = {parent / "evaluations" for parent in list(path.absolute().parents)[:2]}
    for file in sorted(one for folder in folders for one in folder.glob("*/evaluation.json")):
        try:
            report = parse_json(decode_text(read_regular(file)))
            found += list(_of_these_weights(report, weights_hash))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f"{file} cannot be read as an evaluation ({type(error).__name__}: {error}).")
    return found, problems


def _of_these_weights(report: Mapping[str, Any], weights_hash: str) -> Iterator[Measured]:
    for detector in report["detectors"]:
        if (detector.get("weights") or {}).get("hash") != weights_hash:
            continue
        auc, coverage = detector["video"]["auc"], detector["coverage"]
        notes = list(detector.get("warnings", ()))
        if report["split"] != "test":
            notes.insert(0, "These videos are not the test split: weights or thresholds may have been chosen by them.")
        yield Measured(
            on=f"{report['title']}, {report['split']} split",
            auc=auc["value"],
            low=auc["low"],
            high=auc["high"],
            level=auc["level"],
            real=coverage["real"],
            fake=coverage["fake"],
            coverage=coverage["share"],
            note=" ".join(notes),
        )


def _validation(stored: CalibrationFile) -> Measured:
    labels, margins, groups = [], [], []
    conformal = stored.rules.conformal.to_dict()
    for in_class, kinds in conformal["scores"].items():
        for kind, label in (("real", REAL), ("fake", FAKE)):
            margins += kinds[kind]
            labels += [label] * len(kinds[kind])
            groups += conformal["groups"][in_class][kind]
    auc = bootstrap(VideoScores(labels, margins), groups, names=["auc"])["auc"]
    return Measured(
        on=f"{stored.dataset}, validation videos",
        auc=auc.value,
        low=auc.low,
        high=auc.high,
        level=auc.level,
        real=labels.count(REAL),
        fake=labels.count(FAKE),
        coverage=stored.coverage,
        note="The best epoch and the calibration were chosen by these videos, so the figure is too good.",
    )


def training_of(path: Path) -> Training:
    """How weights were trained; empty where the file is not there or does not say."""
    from dfcore.models.files import weights

    if not path.is_file():
        return Training()
    try:
        meta = weights.describe(path)
    except DfcoreError as error:
        return Training(notes=(str(error),))
    config, data = _mapping(meta.get("config")), _mapping(meta.get("data"))
    videos = _mapping(_mapping(data.get("videos")).get("train"))
    rows = [
        ("Backbone", _mapping(meta.get("model")).get("backbone")),
        ("Training videos", f"{videos['real']} real, {videos['fake']} fake" if {"real", "fake"} <= set(videos) else ""),
        ("Kinds of fake", ", ".join(map(str, _mapping(config.get("data")).get("manipulations") or ()))),
        ("Compressions", ", ".join(map(str, _mapping(config.get("data")).get("compressions") or ()))),
        ("Epoch", f"{meta['epoch']} of {meta['epochs']}" if {"epoch", "epochs"} <= set(meta) else ""),
        ("Started from", _mapping(meta.get("parent")).get("hash")),
        ("Trained with", ", ".join(f"{name} {version}" for name, version in _mapping(meta.get("versions")).items())),
    ]
    notes = data.get("notes") if isinstance(data.get("notes"), list) else []
    return Training(tuple((name, str(value)) for name, value in rows if value), tuple(map(str, notes or [])))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
