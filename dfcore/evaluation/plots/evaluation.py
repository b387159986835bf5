"""Plots of an evaluation, drawn without a display and without pyplot's global state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from dfcore.errors import UsageError, WriteError
from dfcore.evaluation.metrics.curves import histogram, precision_recall, reliability, roc
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.metrics.scores import check_labels

__all__ = [
    "auc_bars_plot",
    "figure_bytes",
    "histogram_plot",
    "precision_recall_plot",
    "reliability_plot",
    "roc_plot",
    "save_figure",
]

FORMATS = ("png", "svg")
_REAL, _FAKE = "tab:blue", "tab:red"
Scores = Mapping[str, tuple[ArrayLike, ArrayLike]]
"""By name (a specialist, the ensemble): labels ``[N]`` and margins ``[N]``."""


def roc_plot(scores: Scores, title: str, auc: Mapping[str, Interval] | None = None) -> Figure:
    """One ROC curve for each name, with its AUC and interval in the legend where ``auc`` has it."""
    figure, axes = _figure(title)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle=":")
    drawn = 0
    for name, (label, margin) in scores.items():
        curve = roc(label, margin)
        if curve is None:
            continue
        worth = f", AUC {auc[name]}" if auc and name in auc else ""
        axes.plot(curve.x, curve.y, label=name + worth, linewidth=1.5)
        drawn += 1
    _finish(axes, "false-alarm rate (real videos called fake)", "detection rate (fakes found)", drawn)
    return figure


def precision_recall_plot(scores: Scores, title: str) -> Figure:
    """One precision-recall curve for each name; dotted, the precision of calling every video fake."""
    figure, axes = _figure(title)
    drawn = 0
    for name, (label, margin) in scores.items():
        curve = precision_recall(label, margin)
        if curve is None:
            continue
        # Steps, not slopes: between two thresholds there is no other classifier with a precision in between.
        (line,) = axes.step([0.0, *curve.x], [curve.y[0], *curve.y], where="pre", label=name, linewidth=1.5)
        axes.axhline(float(np.mean(check_labels(label))), color=line.get_color(), linewidth=1, linestyle=":")
        drawn += 1
    _finish(axes, "recall (fakes found)", "precision (called fake and fake)", drawn)
    return figure


def reliability_plot(scores: Scores, title: str) -> Figure:
    """Share of fakes against mean probability in ten bins; a marker's area grows with the bin's videos."""
    figure, axes = _figure(title)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle=":")
    drawn = 0
    for name, (label, margin) in scores.items():
        bins = reliability(label, margin)
        if not bins:
            continue
        x, y = [b.mean_probability for b in bins], [b.fake_share for b in bins]
        total = sum(b.n for b in bins)
        (line,) = axes.plot(x, y, linewidth=1, label=name)
        axes.scatter(x, y, s=[15 + 200 * b.n / total for b in bins], color=line.get_color(), alpha=0.5)
        drawn += 1
    _finish(axes, "mean probability of fake", "share of fakes", drawn)
    return figure


def histogram_plot(
    label: ArrayLike, margin: ArrayLike, title: str, thresholds: Mapping[str, float] | None = None
) -> Figure:
    """The margins of reals and of fakes over the same bins, with named thresholds as lines."""
    figure, axes = _figure(title)
    counted = histogram(label, margin)
    if counted is not None:
        for name, counts, colour in (("real", counted.real, _REAL), ("fake", counted.fake, _FAKE)):
            axes.stairs(counts, counted.edges, fill=True, alpha=0.4, color=colour, label=f"{name} (n={sum(counts)})")
    for i, (name, threshold) in enumerate((thresholds or {}).items()):
        axes.axvline(threshold, color="0.3", linestyle=("--", "-.", ":")[i % 3], linewidth=1, label=name)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(axes, "margin (log-odds of fake)", "videos", counted is not None, unit_square=False)
    return figure


def auc_bars_plot(auc: Mapping[str, Interval], title: str, floor: Interval | None = None) -> Figure:
    """AUC with its interval for each name (a manipulation, a codec); dashed, the leak floor."""
    figure, axes = _figure(title, height=1.6 + 0.4 * max(1, len(auc)))
    names = list(auc)
    axes.axvline(0.5, color="0.7", linewidth=1)
    for row, name in enumerate(names):
        found = auc[name]
        if found.value is None:
            axes.text(0.02, row, found.reason or "undefined", va="center", fontsize=8, color="0.3")
            continue
        axes.barh(row, found.value, color=_REAL, alpha=0.5, height=0.6)
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [row, row], color="black", linewidth=1.5, marker="|")
        axes.text(0.02, row, f"{found}", va="center", fontsize=8)
    if floor is not None and floor.value is not None:
        axes.axvline(floor.value, color=_FAKE, linestyle="--", label=f"file properties alone: {floor}")
        figure.legend(fontsize=8, loc="outside lower center")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("AUC")
    return figure


def figure_bytes(figure: Figure, file_format: str = "png") -> bytes:
    """The figure as the bytes of a PNG or SVG file.

    Raises:
        UsageError: another format.
    """
    if file_format not in FORMATS:
        raise UsageError(f"unknown plot format {file_format!r}; choose from {', '.join(FORMATS)}")
    buffer = BytesIO()
    figure.savefig(buffer, format=file_format)
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write the figure as PNG or SVG, by the name's ending; the file is there whole or not at all.

    Raises:
        UsageError: another ending.
        WriteError: the file cannot be written.
    """
    target = Path(path)
    content = figure_bytes(figure, target.suffix.lower().lstrip("."))
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            aside.write_bytes(content)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot write the plot {target}: {error}. Free some space or choose another folder."
        ) from error
    return target


def _figure(title: str, height: float = 4.8) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)  # whatever MPLBACKEND says
    axes = figure.subplots()
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    return figure, axes


def _finish(axes: Axes, x: str, y: str, drawn: int | bool, *, unit_square: bool = True) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if unit_square:
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
    if drawn:
        axes.legend(fontsize=8)
    else:
        axes.text(0.5, 0.5, "not defined\nfor these videos", ha="center", va="center", transform=axes.transAxes)
