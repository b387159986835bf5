"""The time limit, by a clock that is set by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from stages import at_stage

import dfcore.data.prepare.videos as prepare
import dfcore.evaluation.predictions as evaluate
import dfcore.training.curriculum as curriculum
import dfcore.training.loop as loop
from dfcore.cli import main
from dfcore.config import TrainConfig, override
from dfcore.errors import ConfigError, TimeLimitReached
from dfcore.runs.folder import RunFolder
from dfcore.testing.demo import make_demo
from dfcore.text import parse_duration
from dfcore.training.protocols import BaseCallback
from dfcore.training.runtime import machine
from dfcore.training.runtime.time_limit import TimeLimit
from dfcore.training.trainer import train


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("11h30m", 41400), ("2h", 7200), ("1H 5min 3s", 3903)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "11:30", "5", "1.5h", "m", "30m2h", "-1h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="11h30m"):
        parse_duration(text)


def test_a_time_limit_is_checked_where_it_is_set() -> None:
    with pytest.raises(ConfigError, match=r"run\.time_limit takes a time as 11h30m or 45m, not '-1'"):
        override(TrainConfig(), {"run.time_limit": -1})
    assert override(TrainConfig(), {"run.time_limit": ""}).run.time_limit == ""


class Clock(BaseCallback):
    """Counts optimiser steps as seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def on_step(self, run: Any) -> None:
        self.now += 1


@pytest.mark.slow
def test_a_run_ends_behind_the_step_and_goes_on_to_the_same_weights(toy: TrainConfig, tmp_path: Path) -> None:
    whole = train(override(toy, {"run.out": str(tmp_path / "whole")}))
    clock = Clock()
    with pytest.raises(TimeLimitReached, match=r"the time limit of 1s at step 1 of .*resume=True"):
        train(toy, callbacks=[clock], limit=TimeLimit("1s", clock))
    again = train(toy, resume=True)
    first, second = (torch.load(result.final, weights_only=True)["state_dict"] for result in (whole, again))
    assert all(torch.equal(second[name], value) for name, value in first.items())


def test_preparing_ends_behind_a_video_and_keeps_it(toy: TrainConfig, tmp_path: Path) -> None:
    clock = Clock()
    limit = TimeLimit("2s", clock)
    clock.now = 5
    fresh = override(toy, {"data.store": str(tmp_path / "store")})
    with pytest.raises(TimeLimitReached, match="while videos were being prepared"):
        train(fresh, limit=limit)
    assert len(list((tmp_path / "store").rglob("*.safetensors"))) == 1


def test_the_limit_is_counted_from_the_start_of_the_command(tiny: ModuleType) -> None:
    clock = Clock()
    limit = TimeLimit("10s", clock)
    clock.now = 9.5
    assert not limit.over
    clock.now = 10
    assert limit.over
    assert not machine.NO_LIMIT.over


def stages(toy: TrainConfig, limit: str = "") -> list[TrainConfig]:
    values = {"stage.epochs": 1, "stage.start": "scratch", "run.callbacks": "count", "run.time_limit": limit}
    return [at_stage(override(toy, values), number) for number in (1, 2)]


@pytest.mark.slow
def test_one_limit_for_the_whole_curriculum(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    count = toy_plugin.Count
    monkeypatch.setattr(count, "steps", 0)
    train(override(stages(toy)[0], {"run.out": str(tmp_path / "first")}))
    steps, count.steps = count.steps, 0
    monkeypatch.setattr(curriculum, "TimeLimit", lambda text: TimeLimit(text, lambda: float(count.steps)))
    with pytest.raises(TimeLimitReached, match=r"at step 1 of .*toy_stage2/last\.pt.*resume=True"):
        curriculum.train_curriculum(stages(toy, f"{steps + 1}s"))
    assert RunFolder.of(stages(toy)[0]).summary.exists()


def test_a_stage_is_not_begun_when_the_time_is_up(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = stages(toy, "9s")
    late = RunFolder.of(first).summary.exists
    monkeypatch.setattr(curriculum, "TimeLimit", lambda text: TimeLimit(text, lambda: 9.0 * late()))
    with pytest.raises(TimeLimitReached, match=r"before stage 2 began.*resume=True"):
        curriculum.train_curriculum([first, second])
    assert not RunFolder.of(second).path.exists()
    results = curriculum.train_curriculum(stages(toy))
    assert [result.folder.name for result in results] == ["toy_stage1", "toy_stage2"]


class TestCommand:
    """``dfcore train --time-limit``, to its exit code; the time is up when so many calls of a function are done."""

    ARGUMENTS = "train cm --stage 1 --epochs 2 --backbone test_efficientnet --no-pretrained --batch-size 2"
    SETS = ("samples_per_video=1", "eval_samples=1", "workers=0", "clips_per_video=1")

    def dfcore(self, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
        sets = [word for key in self.SETS for word in ("--set", f"data.{key}")]
        monkeypatch.setattr(sys, "argv", ["dfcore", *self.ARGUMENTS.split(), *sets, *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        return int(done.value.code or 0)

    @pytest.mark.slow
    def test_it_ends_resumable_wherever_it_is_and_goes_on_to_the_same_weights(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = make_demo(tmp_path / "demo", pairs=(1, 1, 0), frames=10, size=256, workers=1)
        assert self.dfcore(monkeypatch, "--data", data, "--out", tmp_path / "whole") == 0
        capsys.readouterr()
        places = (
            (prepare, "_record", "while videos were being prepared"),
            (loop, "apply_gradients", "at step 1 of 4"),
            (evaluate, "move_views", "at step 2 of 4 (epoch 1 of 2)"),  # validating
        )
        for module, name, said in places:
            with monkeypatch.context() as patch:
                calls: list[int] = []
                original = getattr(module, name)
                patch.setattr(module, name, lambda *a, _f=original, _c=calls, **k: (_f(*a, **k), _c.append(1))[0])
                patch.setattr(TimeLimit, "over", property(lambda limit, _c=calls: bool(limit.text) and len(_c) > 0))
                limited = ("--data", data, "--out", tmp_path / "limited", "--resume", "--time-limit", "11h30m")
                assert self.dfcore(patch, *limited) == 75, name
            error = capsys.readouterr().err
            assert "time limit of 11h30m" in error
            assert said in error
            assert "--resume" in error
        assert self.dfcore(monkeypatch, "--data", data, "--out", tmp_path / "limited", "--resume") == 0
        first, second = (
            torch.load(tmp_path / out / "cm_stage1/cm_stage1_final.pt", weights_only=True)["state_dict"]
            for out in ("whole", "limited")
        )
        assert all(torch.equal(second[name], value) for name, value in first.items())

    def test_a_time_that_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.dfcore(monkeypatch, "--data", tmp_path, "--out", tmp_path / "x", "--time-limit", "soon") == 2
        assert "11h30m" in capsys.readouterr().err
