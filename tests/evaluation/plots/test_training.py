from __future__ import annotations

import io

import pytest
from PIL import Image

from dfcore.evaluation.plots.training import curves, to_png


def line(epoch: int, **val: float | None) -> dict[str, object]:
    return {"epoch": epoch, "train": {"loss": 1 / epoch}, "val": val}


HISTORY = [
    line(
        1, loss=0.9, video_auc=0.5, frame_auc=0.4, cue_video_auc=0.6, frame_real_accuracy=0.1, frame_fake_accuracy=0.2
    ),
    line(
        2, loss=0.8, video_auc=0.7, frame_auc=0.6, cue_video_auc=0.5, frame_real_accuracy=0.3, frame_fake_accuracy=0.4
    ),
]


def test_every_curve_shows_its_numbers() -> None:
    losses, areas, classes = curves(HISTORY, "cm", best=2).axes
    drawn = {
        str(curve.get_label()): list(curve.get_ydata())
        for axes in (losses, areas, classes)
        for curve in axes.lines
        if not str(curve.get_label()).startswith("_")
    }
    assert drawn["train"] == [1.0, 0.5]
    assert drawn["validation"] == [0.9, 0.8]
    assert drawn["per video"] == [0.5, 0.7]
    assert drawn["per frame"] == [0.4, 0.6]
    assert drawn["cue head alone, per video"] == [0.6, 0.5]
    assert drawn["real"] == [0.1, 0.3]
    assert drawn["fake"] == [0.2, 0.4]
    assert drawn["best epoch"] == [0, 1]
    assert [axes.get_xlabel() for axes in (losses, areas, classes)] == ["epoch"] * 3


def test_undefined_values_leave_a_gap_or_a_word() -> None:
    history = [line(1, loss=0.9, frame_auc=0.4), line(2, loss=0.8, frame_auc=None, video_auc=None)]
    _, areas, classes = curves(history, "cm").axes
    assert list(areas.lines[0].get_xdata()) == [1]
    assert "not defined" in classes.texts[0].get_text()


def test_no_validation_and_no_epochs_at_all() -> None:
    assert len(curves([line(1)], "cm").axes[0].lines) == 1
    assert all(axes.texts for axes in curves([], "cm").axes)


@pytest.mark.parametrize("history", [HISTORY, []])
def test_png_is_readable(history: list[dict[str, object]]) -> None:
    image = Image.open(io.BytesIO(to_png(curves(history, "cm"))))
    assert image.format == "PNG"
    assert image.width > 1200
    assert len(set(image.convert("L").resize((64, 32)).tobytes())) > 3


def test_the_best_epoch_is_marked_only_where_there_is_something_to_mark() -> None:
    losses, areas, classes = curves([line(1, loss=0.9), line(2, loss=0.8)], "cm", best=2).axes
    (best,) = [curve for curve in losses.lines if curve.get_label() == "best epoch"]
    assert list(best.get_xdata()) == [2, 2]
    assert not classes.lines
    assert [list(curve.get_ydata()) for curve in areas.lines] == [[0.5, 0.5]]  # what chance reaches
    assert losses.get_legend() is not None
    assert classes.get_legend() is None
    assert [axes.get_ylim() for axes in (areas, classes)] == [(-0.03, 1.03)] * 2
