"""An evaluation's report and scores do not depend on whether its plots can be drawn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dfcore.console.progress import Silent
from dfcore.evaluation.plots import evaluation as plots

Evaluate = Callable[..., Any]


class Heard(Silent):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.warned += [text] if text.startswith("warning: ") else []


def test_a_plot_that_fails_costs_that_plot_alone(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(plots, "roc_plot", broken)
    heard = Heard()
    found = evaluate(plots=True, progress=heard)
    assert heard.warned == [
        "warning: roc.png cannot be drawn (RuntimeError: no font). The report and the scores are complete."
    ]
    assert found.json.is_file()
    assert found.csv.is_file()
    assert {path.name for path in found.plots} >= {"precision_recall.png", "scores_toy_stage1.png"}
    assert all(path.is_file() for path in found.plots)


def test_a_plot_that_cannot_be_written_costs_that_plot_alone(evaluate: Evaluate, tmp_path: Path) -> None:
    folder = evaluate().folder
    (folder / "roc.png").mkdir()
    heard = Heard()
    found = evaluate(plots=True, progress=heard, resume=True)
    assert found.folder == folder
    assert [text.partition(" (")[0] for text in heard.warned] == ["warning: roc.png cannot be drawn"]
    assert "precision_recall.png" in {path.name for path in found.plots}


def test_a_matplotlib_that_cannot_be_imported_costs_the_plots_alone(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("dfcore.evaluation.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("dfcore.evaluation.plots")
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    heard = Heard()
    found = evaluate(plots=True, progress=heard)
    assert found.plots == ()
    assert found.json.is_file()
    assert found.csv.is_file()
    [said] = heard.warned
    assert said.startswith("warning: no plot can be drawn (ModuleNotFoundError: ")


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["MPLBACKEND=of a notebook", "MPLCONFIGDIR=/dev/null/x", "MATPLOTLIBRC=/dev/zero"])
@pytest.mark.parametrize(
    "module", ["dfcore.assessment.output.write", "dfcore.training.trainer", "dfcore.inference.report.write"]
)
def test_no_command_depends_on_matplotlib_s_variables(tmp_path: Path, variable: str, module: str) -> None:
    """Its import reads them, and raises where one names what is not there."""
    name, _, value = variable.partition("=")
    code = f"import {module}, sys; assert not any(one.split('.')[0] == 'matplotlib' for one in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, name: value}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
