from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from dfcore.errors import DataError, UsageError, WriteError
from dfcore.evaluation.metrics import curves
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.metrics.scores import VideoScores, probability_of
from dfcore.evaluation.plots import evaluation as plots

PNG = b"\x89PNG\r\n\x1a\n"


def scored() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 200)
    return label, np.round(random.normal(size=200) + label, 1)


def test_roc_and_precision_recall_agree_with_scikit_learn() -> None:
    label, margin = scored()
    curve = curves.roc(label, margin)
    x, y, thresholds = sk.roc_curve(label, margin, drop_intermediate=False)
    assert curve.x == pytest.approx(x)
    assert curve.y == pytest.approx(y)
    assert curve.threshold[0] is None
    assert curve.threshold[1:] == pytest.approx(thresholds[1:])
    precision, recall, thresholds = sk.precision_recall_curve(label, margin)
    curve = curves.precision_recall(label, margin)
    assert curve.y == pytest.approx(precision[-2::-1])
    assert curve.x == pytest.approx(recall[-2::-1])
    assert curve.threshold == pytest.approx(thresholds[::-1])
    assert set(curve.to_dict()) == {"x", "y", "threshold"}


def test_reliability_agrees_with_scikit_learn_and_with_the_calibration_error() -> None:
    label, margin = scored()
    margin = margin + 1e-6  # scikit-learn puts a probability of exactly 0.5 into the lower bin, we into the upper
    bins = curves.reliability(label, margin)
    share, mean = calibration_curve(label, probability_of(margin), n_bins=10)
    assert [b.fake_share for b in bins] == pytest.approx(share)
    assert [b.mean_probability for b in bins] == pytest.approx(mean)
    assert sum(b.n for b in bins) == 200
    assert all(b.low <= b.mean_probability <= b.high for b in bins)
    error = sum(b.n * abs(b.mean_probability - b.fake_share) for b in bins) / 200
    assert error == pytest.approx(VideoScores(label, margin).figures(["calibration_error"])["calibration_error"])
    with pytest.raises(UsageError, match="bins"):
        curves.reliability(label, margin, 0)


def test_the_histogram_counts_each_class_once() -> None:
    found = curves.histogram([0, 0, 1, 1, 1], [0.0, 1.0, 1.0, 3.0, 4.0], bins=4)
    assert found.edges == (0, 1, 2, 3, 4)
    assert found.real == (1, 1, 0, 0)
    assert found.fake == (0, 1, 0, 2)
    assert curves.histogram([], []) is None


def test_curves_of_one_class_are_none() -> None:
    assert curves.roc([1, 1], [0, 1]) is None
    assert curves.precision_recall([0, 0], [0, 1]) is None
    assert curves.precision_recall([1, 1], [0, 1]).y == (1, 1)
    with pytest.raises(DataError, match="not finite"):
        curves.roc([0, 1], [0, np.nan])


def test_the_plots_show_the_curves_that_they_are_given() -> None:
    label, margin = scored()
    auc = {"cm": Interval(0.76, 0.7, 0.82)}
    axes = plots.roc_plot({"cm": (label, margin), "one class": ([1], [0.0])}, "ROC", auc).axes[0]
    diagonal, line = axes.lines
    curve = curves.roc(label, margin)
    assert line.get_xdata() == pytest.approx(curve.x)
    assert line.get_ydata() == pytest.approx(curve.y)
    assert line.get_label() == "cm, AUC 0.760 (0.700 to 0.820)"
    assert list(diagonal.get_xdata()) == [0, 1]
    line, base = plots.precision_recall_plot({"cm": (label, margin)}, "PR").axes[0].lines
    assert line.get_ydata()[1:] == pytest.approx(curves.precision_recall(label, margin).y)
    assert line.get_drawstyle() == "steps-pre"  # up to a recall, the precision of the threshold that reaches it
    assert base.get_ydata()[0] == pytest.approx(label.mean())
    line = plots.reliability_plot({"cm": (label, margin)}, "R").axes[0].lines[1]
    assert line.get_ydata() == pytest.approx([b.fake_share for b in curves.reliability(label, margin)])


def test_the_histogram_shows_both_classes_and_the_thresholds() -> None:
    label, margin = scored()
    axes = plots.histogram_plot(label, margin, "H", {"1 % false alarms": 1.5}).axes[0]
    real, fake = axes.patches
    assert real.get_data().values.sum() == (label == 0).sum()
    assert fake.get_data().values.sum() == (label == 1).sum()
    assert real.get_label() == f"real (n={(label == 0).sum()})"
    assert axes.lines[0].get_xdata()[0] == 1.5


def test_the_bars_show_each_figure_its_interval_and_why_one_is_missing() -> None:
    auc = {"Deepfakes": Interval(0.9, 0.8, 0.95), "FaceSwap": Interval(None, None, None, reason="no real videos")}
    axes = plots.auc_bars_plot(auc, "AUC", Interval(0.6, 0.5, 0.7)).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.9]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Deepfakes", "FaceSwap"]
    assert [text.get_text() for text in axes.texts] == ["0.900 (0.800 to 0.950)", "no real videos"]
    drawn = [list(line.get_xdata()) for line in axes.lines]
    assert [0.8, 0.95] in drawn
    assert [0.6, 0.6] in drawn


def test_what_is_undefined_is_said_on_the_plot() -> None:
    for figure in (
        plots.roc_plot({"cm": ([1], [0.0])}, "ROC"),
        plots.precision_recall_plot({}, "PR"),
        plots.reliability_plot({}, "R"),
        plots.histogram_plot([], [], "H"),
    ):
        assert "not defined" in figure.axes[0].texts[0].get_text()
        assert plots.figure_bytes(figure).startswith(PNG)


def test_files_are_png_or_svg_by_their_name(tmp_path: Path) -> None:
    figure = plots.roc_plot({"cm": scored()}, "ROC")
    assert plots.save_figure(figure, tmp_path / "roc.png").read_bytes().startswith(PNG)
    root = ElementTree.fromstring(plots.save_figure(figure, tmp_path / "roc.svg").read_bytes())
    assert root.tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["roc.png", "roc.svg"]
    with pytest.raises(UsageError, match="'gif'; choose from png, svg"):
        plots.save_figure(figure, tmp_path / "roc.gif")
    with pytest.raises(WriteError, match="cannot write the plot"):
        plots.save_figure(figure, tmp_path / "missing" / "roc.png")


def test_a_full_disk_leaves_the_plot_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure, target = plots.roc_plot({"cm": scored()}, "ROC"), tmp_path / "roc.png"
    target.write_bytes(b"before")

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", half)
        with pytest.raises(WriteError, match="No space left"):
            plots.save_figure(figure, target)
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["roc.png"]


def test_drawing_needs_no_display_and_touches_no_global_state(tmp_path: Path) -> None:
    code = (
        "import sys; from dfcore.evaluation.plots.evaluation import *;"
        f"save_figure(roc_plot({{'a': ([0, 1], [0, 1])}}, 't'), {str(tmp_path / 'a.png')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"} | {"MPLBACKEND": "tkagg"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
    assert (tmp_path / "a.png").exists()
