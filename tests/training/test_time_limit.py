"""The time limit, by a clock that is set by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import dfcore.training.execute as execute
from dfcore.config import TrainConfig, override
from dfcore.errors import ConfigError, TimeLimitReached
from dfcore.training.protocols import BaseCallback
from dfcore.training.time_limit import TimeLimit, parse_duration
from dfcore.training.trainer import train


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("11h30m", 41400), ("2h", 7200), ("1H 5min 3s", 3903)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "11:30", "5", "1.5h", "m", "30m2h", "-1h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match="11h30m"):
        parse_duration(text)


class Clock(BaseCallback):
    """Counts optimiser steps as seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def on_step(self, run: Any) -> None:
        self.now += 1


def test_a_run_ends_behind_the_step_and_goes_on_to_the_same_weights(toy: TrainConfig, tmp_path: Path) -> None:
    whole = train(override(toy, {"run.out": str(tmp_path / "whole")}))
    clock = Clock()
    with pytest.raises(TimeLimitReached, match=r"the time limit of 1s at step 1 of .*--resume"):
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
    assert not execute.NO_LIMIT.over
