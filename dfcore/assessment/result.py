"""What an evaluation came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.scored import ScoredVideo
from dfcore.results import Result

__all__ = ["Evaluation"]


@dataclass(frozen=True, slots=True)
class Evaluation(Result):
    """What an evaluation came to.

    Attributes:
        folder: where the report lies.
        report: the content of ``evaluation.json``, as ``docs/evaluate.md`` documents it.
        videos: the scored videos, by detector.
        plots: the files of the plots.
    """

    folder: Path
    report: dict[str, Any]
    videos: dict[str, tuple[ScoredVideo, ...]] = field(repr=False, default_factory=dict)
    plots: tuple[Path, ...] = ()

    @property
    def json(self) -> Path:
        """The report's file."""
        return self.folder / "evaluation.json"

    @property
    def csv(self) -> Path:
        """The table of all videos' scores."""
        return self.folder / "scores.csv"

    @property
    def names(self) -> tuple[str, ...]:
        """The detectors, in their order."""
        return tuple(one["name"] for one in self.report["detectors"])

    def detector(self, name: str = "") -> dict[str, Any]:
        """The part of the report on one detector; the first where none is named.

        Raises:
            KeyError: there is none of that name.
        """
        found: dict[str, dict[str, Any]] = {one["name"]: one for one in self.report["detectors"]}
        return found[name or self.names[0]]

    def figure(self, metric: str = "auc", detector: str = "") -> Interval:
        """A figure per video, with its interval."""
        return Interval(**self.detector(detector)["video"][metric])
