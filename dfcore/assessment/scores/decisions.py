"""Thresholds and likelihood ratios of a specialist, as its validation videos taught them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.assessment.targets import Target
from dfcore.data.records import VideoRecord
from dfcore.errors import UsageError
from dfcore.evaluation.report import Threshold
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibrate_scores, calibration_path
from dfcore.evaluation.verdicts.operating_points import AIMS
from dfcore.evaluation.verdicts.rules import VerdictRules
from dfcore.plugins import registry

__all__ = ["Decisions", "by_rules", "check_operating_point", "decide", "even", "may_validate", "stored"]


@dataclass(frozen=True, slots=True)
class Decisions:
    """How a detector's scores become decisions.

    Attributes:
        threshold: from which margin on a video is called fake.
        rules: calibration, operating points and conformal verdicts; None where nothing was validated.
        source: what they were learnt on, in words; "" for nothing.
    """

    threshold: Threshold
    rules: VerdictRules | None = None
    source: str = ""

    @property
    def ratios(self) -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
        """From margins to natural-log likelihood ratios; None where nothing was fitted."""
        return None if self.rules is None else self.rules.calibration.log_likelihood_ratio

    def about(self) -> dict[str, Any] | None:
        """For the report."""
        if self.rules is None:
            return None
        calibration = self.rules.calibration
        return {
            "source": self.source,
            "kind": calibration.kind,
            "real": calibration.n_real,
            "fake": calibration.n_fake,
            "note": calibration.note,
        }


def check_operating_point(name: str) -> None:
    """Refuse a name that is none.

    Raises:
        UsageError: it lists those there are.
    """
    if name not in AIMS:
        raise UsageError(f"unknown operating point {name!r}; choose from {', '.join(AIMS)}.")


def may_validate(target: Target, dataset: str, records: Sequence[VideoRecord]) -> str:
    """Why the evaluated dataset's validation split may not teach a target's threshold; "" where it may.

    It may where it is the dataset that the weights were trained on: a threshold chosen on another one would be fitted
    to what is to be measured.
    """
    if not target.dataset:
        return f"{target.label} does not say what it was trained on"
    if target.dataset != dataset:
        title = registry().dataset(dataset).title
        return f"{title} is not the dataset that {target.label} was trained on"
    if not any(record.split == "val" for record in records):
        return "there is no validation split"
    return ""


def stored(target: Target) -> CalibrationFile | None:
    """What lies beside the weights; None without such a file.

    Raises:
        CheckpointError: it is damaged, or belongs to other weights.
    """
    path = calibration_path(target.path)
    return CalibrationFile.read(path, str(target.meta["hash"])) if path.exists() else None


def decide(
    target: Target,
    operating_point: str,
    *,
    dataset: str,
    file: CalibrationFile | None,
    videos: Sequence[ScoredVideo] | None,
    refused: str,
) -> Decisions:
    """What is decided by.

    Args:
        target: the weights.
        operating_point: one of :data:`~dfcore.evaluation.verdicts.operating_points.AIMS`.
        dataset: that is evaluated.
        file: the calibration beside the weights, where there is one.
        videos: without one, the dataset's validation videos, scored by these weights; None where they may not teach.
        refused: why they may not.
    """
    if file is not None:
        path = calibration_path(Path(target.path.name))
        return by_rules(file.rules, operating_point, f"validation videos of {file.dataset} ({path})")
    if videos is not None:
        found = calibrate_scores(
            videos,
            specialist=target.specialist,
            stage=target.meta.get("stage"),
            weights=str(target.meta["hash"]),
            dataset=dataset,
        )
        return by_rules(found.rules, operating_point, f"validation videos of {dataset}, scored now")
    return even(f"nothing was validated ({refused}): a raw probability of 0.5")


def by_rules(rules: VerdictRules, operating_point: str, source: str) -> Decisions:
    """Decisions by what was learnt; ``source`` says on what."""
    point = rules.operating_points.get(operating_point)
    if point is None:
        return even(f"{source} are not of both classes: a raw probability of 0.5", rules)
    about = f"{source}, {point.n_real} real and {point.n_fake} fake"
    return Decisions(Threshold(point.threshold, operating_point, about, point.note or ""), rules, source)


def even(source: str, rules: VerdictRules | None = None) -> Decisions:
    """Decisions at a raw probability of 0.5, because ``source``; a warning says that nothing chose it."""
    warning = f"the threshold is not one that was chosen: {source}. Accuracies and F1 depend on it, AUC does not."
    return Decisions(Threshold(0.0, "even", source, warning), rules, source if rules else "")
