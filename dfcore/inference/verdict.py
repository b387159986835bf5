"""From specialists' margins to a verdict, by what was learnt on validation videos and stored beside the weights.

``{specialist}_stage{N}_calibration.json`` lies beside the weights that it belongs to, and holds::

    format            1
    weights           SHA-256 of the weights (state_hash)
    calibration       dfcore.evaluation.verdicts.calibration.Calibration.to_dict()
    conformal         dfcore.evaluation.verdicts.conformal.ConformalVerdicts.to_dict(), of the same margins
    operating_points  {name: dfcore.evaluation.verdicts.operating_points.OperatingPoint.to_dict()}

``ensemble.json`` holds the same for the fused likelihood ratio, without ``weights``, and besides::

    members           {label: {"weights": SHA-256, "calibration": Calibration.to_dict()}}
    fusion            dfcore.evaluation.verdicts.fusion.Fusion.to_dict()

Without them there is no verdict, only raw scores: every file is ``uncertain``, and the reason says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from dfcore.errors import CheckpointError
from dfcore.inference.models import Member

__all__ = ["CALIBRATION", "ENSEMBLE", "Decision", "Judge", "calibration_path", "find_judge"]

FORMAT = 1
CALIBRATION = "_calibration.json"
ENSEMBLE = "ensemble.json"
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one person's margins.

    Attributes:
        verdict: ``fake``, ``real`` or ``uncertain``.
        margin: the fused margin (log-odds).
        probability: calibrated P(fake) at even prior odds; None where nothing is calibrated.
        log_likelihood_ratio: natural logarithm, likewise.
        reason: what the verdict rests on.
    """

    verdict: str
    margin: float
    probability: float | None = None
    log_likelihood_ratio: float | None = None
    reason: str = ""


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
            in_class: what is known of the file beforehand (its codec), as validation videos were classed.
        """
        ...


def mean(margins: Mapping[str, float]) -> float:
    """The plain mean, in order of name: the same sum whatever the order in which scores came."""
    return sum(margins[name] for name in sorted(margins)) / len(margins)


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """No verdict beyond the raw scores: they are averaged where there are several."""

    notes: tuple[str, ...]
    reason: str

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """See :class:`Judge`."""
        return Decision("uncertain", mean(margins), reason=self.reason)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One score's calibration and conformal verdicts, as stored."""

    calibration: Any
    conformal: Any

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Calibrated:
        """From a file's content.

        Raises:
            CheckpointError: it is not that.
        """
        from dfcore.evaluation.verdicts.calibration import Calibration
        from dfcore.evaluation.verdicts.conformal import ConformalVerdicts

        try:
            return cls(Calibration.from_dict(stored["calibration"]), ConformalVerdicts.from_dict(stored["conformal"]))
        except KeyError as error:
            raise CheckpointError(f"it has no {error.args[0]!r}. Calibrate again.") from error

    def decide(self, margin: float, in_class: str | None) -> Decision:
        """The verdict on a margin."""
        found = self.conformal.judge(margin, in_class)
        ratio = float(self.calibration.log_likelihood_ratio(margin))
        return Decision(found.verdict, margin, float(self.calibration.probability(margin)), ratio, found.reason)

    def statement(self) -> str:
        """What its verdicts promise, in words."""
        return str(self.conformal.statement())


@dataclass(frozen=True, slots=True)
class Alone:
    """One specialist with its own calibration."""

    calibrated: Calibrated
    notes: tuple[str, ...] = ()

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """See :class:`Judge`."""
        return self.calibrated.decide(mean(margins), in_class)


@dataclass(frozen=True, slots=True)
class Together:
    """Several, by an ensemble's fusion of their calibrated likelihood ratios."""

    members: Mapping[str, Any]
    fusion: Any
    calibrated: Calibrated
    notes: tuple[str, ...] = ()

    def decide(self, margins: Mapping[str, float], in_class: str | None) -> Decision:
        """See :class:`Judge`."""
        ratios = {name: float(self.members[name].log_likelihood_ratio(margin)) for name, margin in margins.items()}
        return self.calibrated.decide(self.fusion.fuse(ratios).llr, in_class)


def calibration_path(weights: Path) -> Path:
    """Where the calibration of a file of weights lies: beside it."""
    stem = weights.name.removesuffix("_final.pt").removesuffix(".zip")
    return weights.with_name(stem + CALIBRATION)


def find_judge(members: Sequence[Member], ensemble: Path | None = None) -> Judge:
    """What decides for these specialists: their ensemble, or one's own calibration, else nothing beyond raw scores.

    Args:
        members: those that judge.
        ensemble: an ``ensemble.json``; None looks for one beside the runs of all.

    Raises:
        CheckpointError: the ensemble was named and cannot be used.
    """
    counted = [member for member in members if member.counted]
    if len(counted) == 1 and ensemble is None:
        return _alone(counted[0])
    path = ensemble or _beside(counted)
    if path is not None:
        try:
            return _together(path, counted)
        except CheckpointError as error:
            if ensemble is not None:
                raise
            return _averaged(str(error))
    return _averaged("")


def _alone(member: Member) -> Judge:
    path = calibration_path(member.path)
    if not path.is_file():
        note = f"{member.label} is not calibrated, so there is no verdict: run `dfcore calibrate {member.path}`."
        return Uncalibrated((note,), "uncalibrated: the raw score alone is no verdict")
    try:
        stored = _read(path)
        if stored.get("weights") != member.hash:
            raise CheckpointError(f"{path} belongs to other weights than {member.path}. Calibrate again.")
        found = Calibrated.of(stored)
        return Alone(found, (found.statement(),))
    except CheckpointError as error:
        return Uncalibrated((f"no verdict: {error}",), "uncalibrated: the stored calibration cannot be used")


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


def _together(path: Path, members: Sequence[Member]) -> Judge:
    from dfcore.evaluation.verdicts.calibration import Calibration
    from dfcore.evaluation.verdicts.fusion import Fusion

    stored = _read(path)
    try:
        known = {str(name): one for name, one in stored["members"].items()}
        hashes = {str(one["weights"]): name for name, one in known.items()}
        fusion = Fusion.from_dict(stored["fusion"])
        calibrations = {name: Calibration.from_dict(one["calibration"]) for name, one in known.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a stored ensemble ({error!r}). Fit it again.") from error
    strangers = [member.label for member in members if member.hash not in hashes]
    if strangers:
        raise CheckpointError(f"{path} was fitted without the weights of {', '.join(strangers)}. Fit it again.")
    named = {hashes[member.hash]: member.label for member in members}
    fusion = replace(fusion, **_renamed(fusion, named))
    found = Calibrated.of(stored)
    mine = {named[name]: one for name, one in calibrations.items() if name in named}
    return Together(mine, fusion, found, (f"Fused by {path} ({fusion.kind}).", found.statement()))


def _renamed(fusion: Any, named: Mapping[str, str]) -> dict[str, Any]:
    """The fusion's members under the labels that they have here."""

    def labels(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(named.get(name, name) for name in names)

    return {
        "members": labels(fusion.members),
        "fits": tuple(replace(fit, members=labels(fit.members)) for fit in fusion.fits),
    }


def _read(path: Path) -> dict[str, Any]:
    """The object in a file.

    Raises:
        CheckpointError: it cannot be read, or is of another format.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(f"{path} is larger than {MAX_BYTES // 2**20} MiB: it was not written by dfcore.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Calibrate again.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not of format {FORMAT}. Calibrate again with this dfcore.")
    return found
