"""Fit an ensemble of weights that are there already, from their scores of one validation split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dfcore.assessment.fitting.validation import score_validation
from dfcore.assessment.targets import Target
from dfcore.config import TrainConfig
from dfcore.errors import CheckpointError
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.evaluation.verdicts.ensemble import StoredEnsemble
from dfcore.evaluation.verdicts.ensemble_fit import MemberScores, fit_ensemble
from dfcore.filesystem.paths import is_file
from dfcore.training.runtime.machine import Machine

__all__ = ["fit_targets"]


def fit_targets(
    members: Sequence[tuple[Target, TrainConfig]],
    machine: Machine,
    *,
    alpha: float,
    make: type[StoredEnsemble] = StoredEnsemble,
) -> StoredEnsemble:
    """Score the validation videos with each member, one after another, and learn from them.

    Raises:
        DfcoreError: whatever :func:`dfcore.assessment.fitting.validation.score_validation` and
            :func:`dfcore.evaluation.verdicts.ensemble_fit.fit_ensemble` raise.
    """
    scores = [
        MemberScores(
            target.label,
            target.specialist,
            target.meta.get("stage"),
            target.path,
            str(target.meta["hash"]),
            score_validation(target, config, machine),
            judged_before=judged_before(target),
        )
        for target, config in members
    ]
    first = members[0][1]
    return machine.world.on_main(
        lambda: fit_ensemble(scores, dataset=first.stage.dataset, alpha=alpha, seed=first.run.seed, make=make)
    )


def judged_before(target: Target) -> bool:
    """Whether it judged anything in its own validation: as its calibration says, else its metrics; True where neither
    knows.
    """
    path: Path = calibration_path(target.path)
    if is_file(path):
        try:
            found = CalibrationFile.read(path, str(target.meta["hash"]))
        except CheckpointError:
            pass  # of other weights, or damaged: it says nothing of these
        else:
            return not (found.n_real + found.n_fake and found.judged_nothing)
    metrics = target.meta.get("metrics")
    return not (isinstance(metrics, dict) and metrics.get("coverage") == 0)
