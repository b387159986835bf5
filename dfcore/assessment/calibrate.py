"""Calibrate weights that are there already, as training does at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dfcore.assessment.targets import Target
from dfcore.assessment.validation import score_validation
from dfcore.config import TrainConfig
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibrate_scores, calibration_path
from dfcore.training.runtime.machine import Machine

__all__ = ["Calibrated", "calibrate_target"]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was learnt of one file of weights.

    Attributes:
        label: what the weights are called.
        path: the calibration, written beside them.
        calibration: its content.
    """

    label: str
    path: Path
    calibration: CalibrationFile

    def to_dict(self) -> dict[str, object]:
        """As ``json`` takes it."""
        return {"label": self.label, "path": str(self.path), "calibration": self.calibration.to_dict()}


def calibrate_target(target: Target, config: TrainConfig, machine: Machine, *, alpha: float) -> Calibrated:
    """Score the validation videos, learn from them, and write what was learnt beside the weights.

    Raises:
        DfcoreError: whatever :func:`dfcore.assessment.validation.score_validation` raises.
        UsageError: ``alpha`` is not between 0 and 0.5.
        WriteError: the file cannot be written.
    """
    videos = score_validation(target, config, machine)
    found = calibrate_scores(
        videos,
        specialist=target.specialist,
        stage=target.meta.get("stage"),
        weights=str(target.meta["hash"]),
        dataset=config.stage.dataset,
        alpha=alpha,
        seed=config.run.seed,
    )
    path = calibration_path(target.path)
    machine.world.on_main(lambda: found.write(path))
    return Calibrated(target.label, path, found)
