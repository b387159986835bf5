"""``ensemble.json``: several specialists whose calibrated likelihood ratios become one, and one verdict.

::

    format            1
    dfcore_version    of the core that wrote it
    dataset           whose validation videos it was learnt from
    members           {label: {"specialist", "stage", "path" (relative to this file), "weights" (SHA-256),
                               "calibration" (dfcore.evaluation.verdicts.calibration.Calibration), "coverage"}}
    left_out          {label: why it takes no part}
    fusion            dfcore.evaluation.verdicts.fusion.Fusion, of the members by their labels
    videos            {"real": n, "fake": m} of the validation videos
    abstained         how many of them no member judged
    validation        {label, "mean", "fused": {"auc", "low", "high", "log_loss", "videos"}}, each on what it judged
    calibration, operating_points, conformal
                      of the fused log likelihood ratio, as in a specialist's own file
                      (dfcore.evaluation.verdicts.calibration_file)

Nothing here knows a specialist by name. A member that abstains drops out, and the weights are then those of the members
that remain.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.verdicts.calibration import Calibration
from dfcore.evaluation.verdicts.fusion import Fusion
from dfcore.evaluation.verdicts.rules import JudgedScore, VerdictRules
from dfcore.evaluation.verdicts.stored import numbers, read_stored, take, write_stored
from dfcore.version import __version__

__all__ = ["NAME", "EnsembleMember", "FusedVerdict", "StoredEnsemble"]

NAME = "ensemble.json"
REMEDY = "Fit the ensemble again."


@dataclass(frozen=True, slots=True)
class EnsembleMember:
    """One specialist in an ensemble.

    Attributes:
        label: its name there.
        specialist, stage: whose weights they are; the stage is None where the weights name none.
        path: the file of weights.
        weights: their hash.
        calibration: from its margin to a likelihood ratio, by the ensemble's validation videos.
        coverage: the share of those videos that it judged.
    """

    label: str
    specialist: str
    stage: int | None
    path: Path
    weights: str
    calibration: Calibration
    coverage: float


@dataclass(frozen=True, slots=True)
class FusedVerdict:
    """What the members together say of one video.

    Attributes:
        verdict: ``fake``, ``real``, ``uncertain``, or ``none`` where all members abstain.
        reason: why it is that, in words.
        judged: the fused score and what it is worth; None where all members abstain.
        ratios: each member's own natural-log likelihood ratio; those that abstain are not there.
        weights: the weight of each of them.
    """

    verdict: str
    reason: str
    judged: JudgedScore | None
    ratios: Mapping[str, float]
    weights: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """As ``json`` takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StoredEnsemble:
    """An ensemble that is fitted.

    Attributes:
        members: in the order of the fusion's columns.
        fusion: the rule that makes one likelihood ratio of theirs, and why it was chosen.
        rules: calibration, operating points and conformal verdicts of that ratio.
        dataset: whose validation videos it was learnt from.
        n_real, n_fake: how many of them there were.
        abstained: how many no member judged.
        left_out: who takes no part, and why.
        validation: figures of the members, their plain mean, and the ensemble, on the videos that each judged.
    """

    members: tuple[EnsembleMember, ...]
    fusion: Fusion
    rules: VerdictRules
    dataset: str = ""
    n_real: int = 0
    n_fake: int = 0
    abstained: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    validation: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The members' labels."""
        return tuple(member.label for member in self.members)

    def label_of(self, weights_hash: str) -> str | None:
        """The member with these weights."""
        return next((member.label for member in self.members if member.weights == weights_hash), None)

    def ratios(self, margins: Mapping[str, float | None]) -> dict[str, float]:
        """Each member's natural-log likelihood ratio, of those that gave a margin.

        Raises:
            DataError: an unknown member, or a margin that is not a finite number.
        """
        by_label = {member.label: member.calibration for member in self.members}
        unknown = sorted(set(margins) - set(by_label))
        if unknown:
            raise DataError(f"{unknown[0]!r} is no member of this ensemble of {', '.join(by_label)}")
        return {
            label: float(calibration.log_likelihood_ratio(margin))
            for label, calibration in by_label.items()
            if (margin := margins.get(label)) is not None
        }

    def fuse(
        self, margins: Mapping[str, float | None], in_class: str | None = None, *, prior: float = 0.5
    ) -> FusedVerdict:
        """What the members' margins say of a new video.

        Args:
            margins: by label, log-odds of "fake"; None (or left out) for a member that abstains.
            in_class: from :func:`dfcore.evaluation.verdicts.rules.class_key`.
            prior: the share of fakes among such videos, before this one is scored.

        Raises:
            DataError: an unknown member, or a margin that is not a finite number.
            UsageError: ``prior`` is not between 0 and 1.
        """
        ratios = self.ratios(margins)
        fused = self.fusion.fuse(ratios)
        if fused.llr is None:
            return FusedVerdict("none", fused.reason or "all members abstain", None, {}, {})
        judged = self.rules.judge(fused.llr, in_class, prior=prior)
        return FusedVerdict(judged.verdict, judged.reason, judged, ratios, fused.weights)

    def require_weights(self) -> None:
        """Refuse to go on where a member's file is gone or holds other weights than those that were fitted.

        Raises:
            CheckpointError: it names the member, and says what to do.
        """
        from dfcore.models.files import weights

        for member in self.members:
            if not member.path.is_file():
                raise CheckpointError(
                    f"{member.path}, the weights of member {member.label}, is not there. Put it back (its place is "
                    f"relative to {NAME}), or fit the ensemble again without it."
                )
            found = str(weights.describe(member.path)["hash"])
            if found != member.weights:
                raise CheckpointError(
                    f"{member.path} holds other weights than the ensemble was fitted with ({member.weights[:12]} then, "
                    f"{found[:12]} now): {member.label} was trained again since. {REMEDY} Or put the earlier file back."
                )

    def save(self, path: Path | str) -> None:
        """Write ``ensemble.json``, atomically; the members' places are noted relative to it.

        Raises:
            WriteError: it cannot be written; what was there is as it was.
        """
        path = Path(path)
        write_stored(
            path,
            {
                "dfcore_version": __version__,
                "dataset": self.dataset,
                "members": {member.label: _stored(member, path.parent) for member in self.members},
                "left_out": dict(self.left_out),
                "fusion": self.fusion.to_dict(),
                "videos": {"real": self.n_real, "fake": self.n_fake},
                "abstained": self.abstained,
                "validation": {name: dict(figures) for name, figures in self.validation.items()},
                **self.rules.to_dict(),
            },
        )

    @classmethod
    def load(cls, path: Path | str, *, check_weights: bool = True) -> Self:
        """The ensemble in a file.

        Args:
            path: an ``ensemble.json``.
            check_weights: see :meth:`require_weights`; False only looks at it.

        Raises:
            CheckpointError: it is missing, damaged, or not an ensemble; or a member's weights are other ones now.
        """
        path = Path(path)
        stored = read_stored(path, REMEDY)
        try:
            members = take(stored, "members", dict)
            videos = numbers(stored, "videos", int)
            left_out, figures = take(stored, "left_out", dict), take(stored, "validation", dict)
            found = cls(
                members=tuple(_member(label, take(members, label, dict), path.parent) for label in members),
                fusion=Fusion.from_dict(take(stored, "fusion", dict)),
                rules=VerdictRules.from_dict(stored),
                dataset=take(stored, "dataset", str),
                n_real=take(videos, "real", int),
                n_fake=take(videos, "fake", int),
                abstained=take(stored, "abstained", int),
                left_out={label: take(left_out, label, str) for label in left_out},
                validation={name: _figures(take(figures, name, dict)) for name in figures},
            )
        except CheckpointError as error:
            raise CheckpointError(f"{path} is not a stored ensemble: {error}. {REMEDY}") from error
        if found.labels != found.fusion.members or not found.members:
            raise CheckpointError(
                f"{path} is not a stored ensemble: its members are {', '.join(found.labels) or 'none'}, its fusion is "
                f"of {', '.join(found.fusion.members) or 'none'}. {REMEDY}"
            )
        if check_weights:
            found.require_weights()
        return found


def _stored(member: EnsembleMember, folder: Path) -> dict[str, Any]:
    try:
        place = Path(os.path.relpath(member.path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        place = member.path.resolve().as_posix()
    return {
        "specialist": member.specialist,
        "stage": member.stage,
        "path": place,
        "weights": member.weights,
        "calibration": member.calibration.to_dict(),
        "coverage": member.coverage,
    }


def _member(label: str, stored: Mapping[str, Any], folder: Path) -> EnsembleMember:
    return EnsembleMember(
        label,
        take(stored, "specialist", str),
        take(stored, "stage", int, None),
        folder / take(stored, "path", str),
        take(stored, "weights", str),
        Calibration.from_dict(take(stored, "calibration", dict)),
        take(stored, "coverage", float),
    )


def _figures(stored: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: take(stored, name, float, None) for name in stored}
