"""A report as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dfcore.assessment.explanations.table import faithfulness_table
from dfcore.assessment.output.cells import cell, escape
from dfcore.assessment.output.cross import CrossTable
from dfcore.text import printable

__all__ = ["cross_dataset_table", "report_tables"]

_FIGURES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "equal_error_rate": "equal error rate",
    "tpr_at_fpr_1": "TPR at 1 % FPR",
    "tpr_at_fpr_5": "TPR at 5 % FPR",
    "shift": "shift of fakes (standard deviations of genuine)",
    "cllr_min": "Cllr, best monotone calibration",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "cllr": "Cllr",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "real_accuracy": "accuracy on real",
    "fake_accuracy": "accuracy on fake",
    "f1": "F1",
}
_KINDS = {"manipulation": "", "compression": "compression", "codec": "codec", "size": "face"}


def report_tables(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The report's tables, in the order in which they are to be read; each is something that ``rich`` prints."""
    detectors = report["detectors"]
    yield _main_table(report)
    if any(one.get("faithfulness") for one in detectors):
        yield faithfulness_table(detectors)
    for one in detectors:
        yield from _kind_tables(one)
    for one in detectors:
        for warning in one["warnings"]:
            yield Text(printable(f"warning: {one['name']}: {warning}"), style="yellow")


def _main_table(report: Mapping[str, Any]) -> Table:
    detectors = report["detectors"]
    table = Table(title=escape(f"{report['title']}, {report['split']} split"), title_justify="left")
    table.add_column("", overflow="fold")
    for one in detectors:
        table.add_column(escape(one["name"]), justify="right", overflow="fold")

    def row(name: str, *cells: str) -> None:
        table.add_row(escape(name), *map(escape, cells))

    row("videos, real / fake", *(f"{one['coverage']['real']} / {one['coverage']['fake']}" for one in detectors))
    row("coverage", *(_coverage(one["coverage"]) for one in detectors))
    row("AUC", *(cell(one["video"]["auc"]) for one in detectors))
    row("  leak floor", *(cell(one["leak_floor"]["auc"]) for one in detectors))
    row("  background control", *(_control(one) for one in detectors))
    row("  cue head alone", *(cell(one["cue"] and one["cue"]["auc"]) for one in detectors))
    row("  per frame", *(cell(one["frame"]["auc"]) for one in detectors))
    table.add_section()
    for key, name in list(_FIGURES.items())[1:]:
        if key == "accuracy":
            table.add_section()
            row("threshold, margin", *(f"{one['threshold']['margin']:.3f}" for one in detectors))
            row("  operating point", *(one["threshold"]["name"] for one in detectors))
        row(name, *(cell(one["video"][key]) for one in detectors))
    verdicts = [one["verdicts"] for one in detectors]
    if any(verdicts):
        table.add_section()
        for name in ("real", "fake"):
            row(
                f"verdicts on {name}: fake / uncertain / real",
                *(_verdicts(found and found[name]) for found in verdicts),
            )
    calibrated = [one["calibrated"] for one in detectors]
    if any(calibrated):
        table.add_section()
        for key in ("log_loss", "brier", "calibration_error"):
            row(f"{_FIGURES[key]}, calibrated", *(cell(found and found[key]) for found in calibrated))
    return table


def _coverage(coverage: Mapping[str, Any]) -> str:
    return "-" if coverage["share"] is None else f"{coverage['judged']} of {coverage['videos']}"


def _verdicts(counts: Mapping[str, int] | None) -> str:
    return "-" if counts is None else " / ".join(str(counts[name]) for name in ("fake", "uncertain", "real"))


def _control(one: Mapping[str, Any]) -> str:
    video = one["control"]["video"]
    return cell(video and video["auc"])


def _kind_tables(one: Mapping[str, Any]) -> Iterator[Table]:
    table = Table(title=escape(f"{one['name']}, by kind of video"), title_justify="left")
    for column in ("", "real", "fake", "AUC", "shift", "right: real", "fake"):
        table.add_column(column, justify="right" if column else "left", overflow="fold")
    for kind, title in _KINDS.items():
        parts = one["by"][kind]
        if kind != "manipulation" and len(parts) < 2:
            continue
        table.add_section()
        for name, found in parts.items():
            values = (found[key]["value"] for key in ("shift", "real_accuracy", "fake_accuracy"))
            counts = (str(found["real"]), str(found["fake"]))
            shown = ("-" if value is None else f"{value:.2f}" for value in values)
            table.add_row(escape(f"{title} {name}".strip()), *counts, cell(found["auc"], 2), *shown)
    if table.row_count:
        yield table


def cross_dataset_table(table: CrossTable) -> Table:
    """Detectors down, what they were tested on across."""
    found = Table(title=f"{_FIGURES.get(table.metric, table.metric)}: trained on, tested on", title_justify="left")
    found.add_column("detector, trained on", overflow="fold")
    for column in table.columns:
        found.add_column(escape(column), justify="right", overflow="fold")
    for row in table.rows:
        intervals = (table.cells.get((row, column)) for column in table.columns)
        found.add_row(escape(row), *(cell(None if one is None else one.to_dict()) for one in intervals))
    return found
