"""Calibrate weights that are there already, as training does at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dfcore.assessment.fitting.validation import score_validation
from dfcore.assessment.targets import Target
from dfcore.config import TrainConfig
from dfcore.evaluation.genuine import GenuineStatistics, GenuineVideo, genuine_path
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibrate_scores, calibration_path
from dfcore.filesystem.writing import require_place
from dfcore.plugins import registry
from dfcore.training.runtime.machine import Machine

__all__ = ["Calibrated", "calibrate_target"]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was learnt of one file of weights.

    Attributes:
        label: what the weights are called.
        path: the calibration, written beside them.
        calibration: its content.
        genuine: the statistics of the genuine videos, written beside the weights too; None where there are too few.
    """

    label: str
    path: Path
    calibration: CalibrationFile
    genuine: Path | None = None

    def to_dict(self) -> dict[str, object]:
        """As ``json`` takes it."""
        genuine = None if self.genuine is None else str(self.genuine)
        return {
            "label": self.label,
            "path": str(self.path),
            "calibration": self.calibration.to_dict(),
            "genuine": genuine,
        }


def calibrate_target(target: Target, config: TrainConfig, machine: Machine, *, alpha: float) -> Calibrated:
    """Score the validation videos, learn from them, and write what was learnt beside the weights.

    Raises:
        DfcoreError: whatever :func:`dfcore.assessment.fitting.validation.score_validation` raises.
        UsageError: ``alpha`` is not between 0 and 0.5.
        WriteError: the file cannot be written.
    """
    path = calibration_path(target.path)
    machine.world.on_main(lambda: require_place(path))
    genuine: dict[str, GenuineVideo] = {}
    videos = score_validation(target, config, machine, genuine)
    stage, of, dataset = target.meta.get("stage"), str(target.meta["hash"]), config.stage.dataset
    found = calibrate_scores(
        videos,
        specialist=target.specialist,
        stage=stage,
        weights=of,
        dataset=dataset,
        alpha=alpha,
        seed=config.run.seed,
    )
    in_order = [genuine[video.id] for video in videos if video.id in genuine]
    spec = registry().specialist(target.specialist)
    statistics = GenuineStatistics.fit(in_order, spec, stage=stage, weights=of, dataset=dataset)
    beside = None if statistics is None else genuine_path(target.path)

    def write() -> None:
        found.write(path)
        if statistics is not None and beside is not None:
            statistics.write(beside)

    machine.world.on_main(write)
    return Calibrated(target.label, path, found, beside)
