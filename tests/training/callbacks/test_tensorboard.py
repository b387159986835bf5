"""The event files of the callback ``tensorboard``, read back as TensorBoard reads them."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from writers import temporary_of

from dfcore.config import TrainConfig, override
from dfcore.errors import RunInterrupted, UsageError
from dfcore.runs.folder import read_lines
from dfcore.training.protocols import BaseCallback
from dfcore.training.trainer import train

pytest.importorskip("tensorboard", reason="the extra dfcore[tensorboard] is not installed")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dfcore.training.callbacks.tensorboard import TensorBoard

Point = tuple[int, float]


def scalars(folder: Path) -> dict[str, list[Point]]:
    """Every point of every tag, in the order of the files."""
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0}, purge_orphaned_data=False).Reload()
    return {tag: [(point.step, point.value) for point in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def times(folder: Path, tag: str) -> list[float]:
    found = EventAccumulator(str(folder), purge_orphaned_data=False).Reload()
    return [point.wall_time for point in found.Scalars(tag)]


class Interrupt(BaseCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, run: Any) -> None:
        if run.step == self.step:
            os.kill(os.getpid(), 15)


def test_it_holds_what_metrics_holds(tiny: ModuleType, tmp_path: Path) -> None:
    result = tiny.tiny_run(tiny.tiny_config(tmp_path), extra=(TensorBoard(),))
    found, lines = scalars(result.folder / "tensorboard"), read_lines(result.folder / "metrics.jsonl")
    steps = [line for line in lines if line["kind"] == "train"]
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert [step for step, _ in found["train/loss"]] == [*range(1, 16)]
    assert [value for _, value in found["train/loss"]] == pytest.approx([line["loss"] for line in steps])
    assert [value for _, value in found["learning_rate"]] == pytest.approx([line["lr"] for line in steps])
    for name in ("video_auc", "frame_auc", "cue_video_auc", "loss", "frame_real_accuracy"):
        expected = [(line["step"], pytest.approx(line["val"][name])) for line in epochs]
        assert found[f"val/{name}"] == expected, name
    assert [step for step, _ in found["train_epoch/accuracy"]] == [5, 10, 15]
    assert "val/notes" not in found


@pytest.mark.parametrize("place", ["step7", "epoch2", "finish"])
def test_killed_and_resumed_every_point_is_there_once(tiny: ModuleType, tmp_path: Path, place: str) -> None:
    """At ``epoch2`` the kill comes behind a validation whose points were written, before the state that knows of it."""
    if not hasattr(os, "fork"):
        pytest.skip("the run that is killed is forked, which this system cannot")
    config, whole = tiny.tiny_config(tmp_path), tiny.tiny_config(tmp_path / "whole")
    killed = tiny.in_child(lambda: tiny.tiny_run(config, extra=(TensorBoard(), tiny.Kill(place))))
    assert killed == -9
    folder = tmp_path / "tiny_stage1" / "tensorboard"
    before = scalars(folder)
    assert before["train/loss"][-1][0] == {"step7": 7, "epoch2": 10, "finish": 15}[place]
    first = times(folder, "train/loss")[0]
    tiny.tiny_run(config, resume=True, extra=(TensorBoard(),))
    unbroken = tiny.tiny_run(whole, extra=(TensorBoard(),))
    assert scalars(folder) == scalars(unbroken.folder / "tensorboard")
    assert times(folder, "train/loss")[0] == first
    assert len(list(folder.iterdir())) == 1


def test_one_that_is_added_late_has_the_earlier_points_too(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(Interrupt(4),))
    result = tiny.tiny_run(config, resume=True, extra=(TensorBoard(),))
    assert [step for step, _ in scalars(result.folder / "tensorboard")["train/loss"]] == [*range(1, 16)]


def test_a_file_that_a_kill_tore_is_made_anew(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(TensorBoard(), Interrupt(4)))
    (events,) = (tmp_path / "tiny_stage1" / "tensorboard").iterdir()
    os.truncate(events, events.stat().st_size - 5)
    temporary_of(events.with_name("events.out.tfevents.1.dfcore"))
    result = tiny.tiny_run(config, resume=True, extra=(TensorBoard(),))
    assert [step for step, _ in scalars(events.parent)["train/loss"]] == [*range(1, 16)]
    assert len(list(events.parent.iterdir())) == 1
    tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1), overwrite=True)
    assert not list((result.folder / "tensorboard").iterdir())


def test_only_the_first_process_writes(tiny: ModuleType, tmp_path: Path) -> None:
    class Second:
        def __getattr__(self, name: str) -> Any:
            return getattr(tiny.ALONE, name)

        is_main = False

    seen = TensorBoard()
    run = type("Run", (), {"world": Second()})()
    for call in (seen.on_start, seen.on_step, seen.on_epoch, seen.on_finish, seen.on_exit):
        call(run)  # a run of which only the rank is known: nothing else is asked for
    assert not list(tmp_path.iterdir())


def test_by_name_and_a_missing_number(toy: TrainConfig) -> None:
    result = train(override(toy, {"run.callbacks": "tensorboard", "stage.epochs": 1}))
    found = scalars(result.folder / "tensorboard")
    assert all(math.isfinite(value) for points in found.values() for _, value in points)
    assert found["val/loss"][0][1] == pytest.approx(result.metrics["loss"])


def test_without_the_package_the_extra_is_named(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(UsageError, match=r"pip install 'dfcore\[tensorboard\]'"):
        train(override(toy, {"run.callbacks": "tensorboard"}))
    assert not Path(toy.run.out).exists()
