"""From specialists' margins to a verdict, by what was learnt on validation videos and stored beside the weights.

A specialist's own rules are in its calibration file (:mod:`dfcore.evaluation.verdicts.calibration_file`), those of
several in ``ensemble.json`` (:mod:`dfcore.evaluation.verdicts.ensemble`). Without them there is no verdict, only raw
scores: every file is ``uncertain``, and the reason says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.evaluation.verdicts.ensemble import NAME as ENSEMBLE
from dfcore.evaluation.verdicts.ensemble import StoredEnsemble
from dfcore.evaluation.verdicts.rules import JudgedScore
from dfcore.inference.models import Member

__all__ = ["ENSEMBLE", "Decision", "Judge", "find_judge"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one person's margins.

    Attributes:
        verdict: ``fake``, ``real`` or ``uncertain``.
        margin: the fused margin (log-odds).
        probability: calibrated P(fake) at the stated prior; None where nothing is calibrated.
        log_likelihood_ratio: natural logarithm, likewise.
        reason: what the verdict rests on.
        capped: whether the ratio is as far from 0 as the validation videos can bear out.
        statement: what the verdict promises and rests on, in words; "" where nothing is calibrated.
    """

    verdict: str
    margin: float
    probability: float | None = None
    log_likelihood_ratio: float | None = None
    reason: str = ""
    capped: bool = False
    statement: str = ""


class Judge(Protocol):
    """Decides on one person."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said once, under the verdicts."""
        ...

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """The verdict.

        Args:
            margins: by label, of the members that gave a score and count; at least one.
            in_class: what is known of the file beforehand (:func:`dfcore.evaluation.verdicts.rules.class_key`).
        """
        ...


def mean(margins: Mapping[str, float]) -> float:
    """The plain mean, of the exact sum: neither the order of the scores nor the version of Python changes it."""
    return math.fsum(margins.values()) / len(margins)


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """No verdict beyond the raw scores: they are averaged where there are several."""

    notes: tuple[str, ...]
    reason: str

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """Uncertain, with the reason, whatever the margins are."""
        return Decision("uncertain", mean(margins), reason=self.reason)


@dataclass(frozen=True, slots=True)
class Alone:
    """One specialist with its own calibration.

    Attributes:
        stored: its calibration file.
        prior: the share of fakes among such videos.
        notes: what its verdicts rest on.
    """

    stored: CalibrationFile
    prior: float
    notes: tuple[str, ...]

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """By this specialist's margin."""
        return _decision(self.stored.verdict_of(mean(margins), in_class, prior=self.prior))


@dataclass(frozen=True, slots=True)
class Together:
    """Several, by an ensemble's fusion of their calibrated likelihood ratios.

    Attributes:
        stored: the ensemble.
        labels: each member's label here, and the one that the ensemble knows it by.
        prior: the share of fakes among such videos.
        notes: what its verdicts rest on.
    """

    stored: StoredEnsemble
    labels: Mapping[str, str]
    prior: float
    notes: tuple[str, ...]

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """By the fused likelihood ratio of the members that gave a margin."""
        known = {self.labels[name]: margin for name, margin in margins.items()}
        found = self.stored.fuse(known, in_class, prior=self.prior)
        if found.judged is None:
            return Decision("uncertain", mean(margins), reason=found.reason)
        return _decision(found.judged)


def _decision(found: JudgedScore) -> Decision:
    return Decision(
        verdict=found.verdict,
        margin=found.margin,
        probability=found.probability,
        log_likelihood_ratio=found.log_likelihood_ratio,
        reason=found.reason,
        capped=found.capped,
        statement=found.statement,
    )


def find_judge(members: Sequence[Member], ensemble: Path | None = None, *, prior: float = 0.5) -> Judge:
    """What decides for these specialists: their ensemble, or one's own calibration, else nothing beyond raw scores.

    Args:
        members: those that judge.
        ensemble: an ``ensemble.json``; None looks for one beside the runs of all.
        prior: the share of fakes among such videos, before a score is seen; it moves the probability alone.

    Raises:
        CheckpointError: the ensemble was named and cannot be used.
        UsageError: the prior is not between 0 and 1.
    """
    if not 0 < prior < 1:
        raise UsageError(f"prior, the share of fakes among such videos, must be above 0 and below 1, not {prior}.")
    counted = [member for member in members if member.counted]
    if len(counted) == 1 and ensemble is None:
        return _alone(counted[0], prior)
    path = ensemble or _beside(counted)
    if path is None:
        return _averaged("")
    try:
        return _together(path, counted, prior)
    except CheckpointError as error:
        if ensemble is not None:
            raise
        return _averaged(str(error))


def _alone(member: Member, prior: float) -> Judge:
    path = calibration_path(member.path)
    if not path.is_file():
        note = f"{member.label} is not calibrated, so there is no verdict: run `dfcore calibrate {member.path}`."
        return Uncalibrated((note,), "uncalibrated: the raw score alone is no verdict")
    try:
        stored = CalibrationFile.read(path, member.hash)
    except CheckpointError as error:
        return Uncalibrated((f"no verdict: {error}",), "uncalibrated: the stored calibration cannot be used")
    return Alone(stored, prior, (stored.rules.conformal.statement(),))


def _averaged(problem: str) -> Judge:
    note = (
        f"{problem} " if problem else ""
    ) + "The fused score is the plain mean of the specialists' log-odds, and there is no verdict: fit an ensemble with "
    return Uncalibrated((note + "`dfcore ensemble fit`.",), "uncalibrated: the mean of raw scores is no verdict")


def _beside(members: Sequence[Member]) -> Path | None:
    """The ``ensemble.json`` in a folder that holds all of the weights, or the runs of all."""
    for up in (0, 1):
        folders = {member.path.resolve().parents[up] for member in members if len(member.path.resolve().parents) > up}
        if len(folders) == 1 and (path := next(iter(folders)) / ENSEMBLE).is_file():
            return path
    return None


def _together(path: Path, members: Sequence[Member], prior: float) -> Judge:
    # The members' hashes are compared here: these are the weights that judge, wherever the ensemble found its own.
    stored = StoredEnsemble.load(path, check_weights=False)
    labels = {member.label: stored.label_of(member.hash) for member in members}
    strangers = [name for name, known in labels.items() if known is None]
    if strangers:
        raise CheckpointError(f"{path} was fitted without the weights of {', '.join(strangers)}. Fit it again.")
    known = {name: label for name, label in labels.items() if label is not None}
    notes = (f"Fused by {path} ({stored.fusion.kind}).", stored.rules.conformal.statement())
    return Together(stored, known, prior, notes)
