"""Plots of a run, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = ["curves", "to_png"]

Epoch = Mapping[str, Any]

_LOSS = (("train", "loss", "train"), ("val", "loss", "validation"))
_AUC = (
    ("val", "video_auc", "per video"),
    ("val", "frame_auc", "per frame"),
    ("val", "cue_video_auc", "cue head alone, per video"),
)
_CLASSES = (("val", "frame_real_accuracy", "real"), ("val", "frame_fake_accuracy", "fake"))


def curves(history: Sequence[Epoch], title: str, best: int | None = None) -> Figure:
    """Loss, AUC and per-class accuracy over the epochs.

    Args:
        history: a mapping for each epoch with ``epoch`` (from 1), ``train`` and ``val`` (metrics; ``val`` may be {}).
        title: the figure's heading.
        best: the epoch (from 1) to mark with a dotted line.
    """
    figure = Figure(figsize=(13.5, 4.2), dpi=110, layout="constrained")
    figure.suptitle(title)
    left, middle, right = figure.subplots(1, 3)
    _draw(left, history, _LOSS, "Loss of the classifier", best)
    _draw(middle, history, _AUC, "Validation AUC", best)
    _draw(right, history, _CLASSES, "Validation accuracy by class, per frame", best)
    middle.axhline(0.5, color="0.7", linewidth=1, zorder=0)
    for axes in (middle, right):
        axes.set_ylim(-0.03, 1.03)
    return figure


def to_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw(
    axes: Axes, history: Sequence[Epoch], series: Sequence[tuple[str, str, str]], title: str, best: int | None
) -> None:
    drawn = False
    for part, key, label in series:
        points = [(line["epoch"], line[part][key]) for line in history if line[part].get(key) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label)
            drawn = True
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    if best is not None and drawn:
        axes.axvline(best, color="0.4", linestyle=":", label="best epoch")
    if drawn:
        axes.legend(fontsize=8)
    else:
        axes.text(0.5, 0.5, "not defined\nfor this validation set", ha="center", va="center", transform=axes.transAxes)
