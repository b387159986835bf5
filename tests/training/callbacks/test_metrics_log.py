"""The lines of ``metrics.jsonl``, and which of them a run that goes on keeps."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dfcore.runs.folder import read_lines
from dfcore.text import to_json
from dfcore.training.callbacks import metrics_log
from dfcore.training.callbacks.metrics_log import MetricsLog


def made_run(folder: Path, *, epoch: int = 0, step: int = 0, steps_in: int = 150) -> Any:
    return SimpleNamespace(
        folder=SimpleNamespace(metrics=folder / "metrics.jsonl"),
        world=SimpleNamespace(on_main=lambda action: action()),
        plan=SimpleNamespace(steps_in=lambda number: steps_in + number),
        epoch=epoch,
        step=step,
        lr=0.1,
        history=[],
        check_lock=lambda: None,
    )


def train_line(step: int, epoch: int) -> dict[str, Any]:
    return {"kind": "train", "step": step, "epoch": epoch, "lr": 0.1, "loss": step / 10}


def epoch_line(epoch: int, step: int) -> dict[str, Any]:
    return {"kind": "epoch", "epoch": epoch, "step": step, "val": {"loss": None}}


LINES = [train_line(1, 1), train_line(2, 1), epoch_line(1, 2), train_line(3, 2), train_line(4, 2), epoch_line(2, 4)]


@pytest.mark.parametrize(
    ("epoch", "step", "kept"),
    [
        (2, 4, 6),
        (1, 4, 5),  # killed in or behind the second validation: the state before it was kept
        (1, 3, 4),
        (1, 2, 3),
        (0, 2, 2),  # the first epoch's steps are saved, its validation is done again
        (0, 1, 1),
        (0, 0, 0),
    ],
)
def test_a_run_that_goes_on_drops_the_lines_behind_its_state(tmp_path: Path, epoch: int, step: int, kept: int) -> None:
    run = made_run(tmp_path, epoch=epoch, step=step)
    text = "".join(to_json(line) + "\n" for line in LINES)
    run.folder.metrics.write_text(text + '{"kind": "train", "st')  # and a line that the kill cut short
    MetricsLog().on_start(run)
    assert run.folder.metrics.read_text() == "".join(to_json(line) + "\n" for line in LINES[:kept])


def test_a_new_run_begins_with_an_empty_file(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    MetricsLog().on_start(run)
    assert run.folder.metrics.read_bytes() == b""


@pytest.mark.parametrize(("steps_in", "steps"), [(1, 1), (50, 1), (51, 2), (100, 2), (101, 3)])
def test_an_epoch_has_fifty_lines_at_most(tmp_path: Path, steps_in: int, steps: int) -> None:
    run, log = made_run(tmp_path, steps_in=steps_in), MetricsLog()
    for step in range(1, steps_in + 1):
        run.step, run.last_loss = step, torch.tensor(float(step))
        log.on_step(run)
    lines = read_lines(run.folder.metrics)
    assert [line["step"] for line in lines] == list(range(steps, steps_in + 1, steps))
    assert [line["loss"] for line in lines] == [line["step"] - (steps - 1) / 2 for line in lines]
    assert lines[0] == {"kind": "train", "step": steps, "epoch": 1, "lr": 0.1, "loss": (steps + 1) / 2}


def test_the_epoch_under_way_says_how_many_steps_a_line_stands_for(tmp_path: Path) -> None:
    run, log = made_run(tmp_path, epoch=1, step=4, steps_in=50), MetricsLog()  # 51 steps in the second epoch
    for loss in (1.0, 2.0):
        run.step, run.last_loss = run.step + 1, torch.tensor(loss)
        log.on_step(run)
    assert [(line["step"], line["epoch"], line["loss"]) for line in read_lines(run.folder.metrics)] == [(6, 2, 1.5)]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_null_and_does_not_stay(tmp_path: Path, loss: float) -> None:
    run, log = made_run(tmp_path, steps_in=10), MetricsLog()
    for step, value in ((1, loss), (2, 3.0)):
        run.step, run.last_loss = step, torch.tensor(value)
        log.on_step(run)
    assert [line["loss"] for line in read_lines(run.folder.metrics)] == [None, 3.0]


def test_the_sum_since_the_last_line_goes_on_after_a_resume(tmp_path: Path) -> None:
    run, log = made_run(tmp_path), MetricsLog()
    assert log.state_dict() == {"sum": None, "count": 0}
    run.step, run.last_loss = 1, torch.tensor(2.0)
    log.on_step(run)
    state = log.state_dict()
    assert (state["sum"].item(), state["count"]) == (2.0, 1)
    log.load_state_dict({})  # of a dfcore that did not keep it
    assert log.state_dict() == {"sum": None, "count": 0}
    log.load_state_dict(state)
    for step, value in ((2, 4.0), (3, 9.0)):
        run.step, run.last_loss = step, torch.tensor(value)
        log.on_step(run)
    assert [line["loss"] for line in read_lines(run.folder.metrics)] == [5.0]
    assert log.state_dict() == {"sum": None, "count": 0}


def test_an_epochs_line_is_its_history_and_the_plot_is_drawn_then_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, log, drawn = made_run(tmp_path), MetricsLog(), []
    monkeypatch.setattr(metrics_log, "draw", lambda run: drawn.append(len(run.history)))
    for epoch in (1, 2):
        run.history.append({"epoch": epoch, "step": 5 * epoch, "val": {}})
        log.on_epoch(run)
    log.on_finish(run)
    assert read_lines(run.folder.metrics) == [{"kind": "epoch", **line} for line in run.history]
    assert drawn == [1, 2, 2]
