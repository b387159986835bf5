"""The cross-dataset table: what was trained on one dataset, tested on the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfcore.assessment.result import Evaluation
from dfcore.errors import DataError
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.filesystem.paths import is_folder, read_regular, require_file
from dfcore.results import Result
from dfcore.text import decode_text, parse_json

__all__ = ["CrossTable", "cross_table", "read_report"]

REPORT = "evaluation.json"


@dataclass(frozen=True, slots=True)
class CrossTable(Result):
    """A metric of several detectors on several datasets.

    Attributes:
        metric: its name (``auc``).
        rows: detectors, as ``name, trained on``; in the order in which they were found.
        columns: what was tested on, as ``dataset, split``.
        cells: the figure of row and column; what was not evaluated is missing.
    """

    metric: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Interval]

    def to_dict(self) -> dict[str, Any]:
        """The table as ``json`` takes it: a row for each cell."""
        return {
            "metric": self.metric,
            "rows": list(self.rows),
            "columns": list(self.columns),
            "cells": [
                {"row": row, "column": column, **interval.to_dict()} for (row, column), interval in self.cells.items()
            ],
        }


def cross_table(sources: Iterable[Evaluation | Path | str], metric: str = "auc") -> CrossTable:
    """The table of several evaluations.

    Of two figures for one cell the later one counts.

    Args:
        sources: evaluations, their ``evaluation.json``, or folders where such files lie at any depth.
        metric: one of :attr:`dfcore.evaluation.metrics.scores.VideoScores.NAMES`.

    Raises:
        DataError: a file is not a report, or there is none.
    """
    cells: dict[tuple[str, str], Interval] = {}
    for report in _reports(sources):
        column = f"{report['title']}, {report['split']}"
        for one in report["detectors"]:
            trained_on = (one.get("weights") or {}).get("trained_on") or "unknown"
            if metric not in one["video"]:
                raise DataError(f"no report has a metric {metric!r}; choose from {', '.join(one['video'])}.")
            cells[f"{one['name']}, {trained_on}", column] = Interval(**one["video"][metric])
    rows, columns = (tuple(dict.fromkeys(key[axis] for key in cells)) for axis in (0, 1))
    return CrossTable(metric, rows, columns, cells)


def _reports(sources: Iterable[Evaluation | Path | str]) -> Sequence[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for source in sources:
        if isinstance(source, Evaluation):
            found.append(source.report)
            continue
        path = Path(source)
        files = sorted(path.rglob(REPORT)) if is_folder(path) else [path]
        if not files:
            raise DataError(f"{path} holds no {REPORT}. Evaluate first: it writes one for each evaluation.")
        found += [read_report(file) for file in files]
    return found


def read_report(path: Path) -> dict[str, Any]:
    """The report in an ``evaluation.json``.

    Raises:
        DataError: it cannot be read, or is not one that this dfcore knows.
    """
    require_file(path, DataError, remedy="Name the evaluation.json of an evaluation.")
    try:
        report = parse_json(decode_text(read_regular(path)))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. Evaluate again to make it anew.") from error
    if not isinstance(report, dict) or report.get("format") != 1 or "detectors" not in report:
        raise DataError(f"{path} is not the report of an evaluation (format 1).")
    return report
