"""In training a plugin's fault is told as such: a cue map that is not finite, a callback or loss that does not fit."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from dfcore.config import TrainConfig, override
from dfcore.errors import PluginError, TrainingError
from dfcore.runs.folder import RunFolder
from dfcore.training.protocols import BaseCallback, require_callback, tell
from dfcore.training.trainer import train


def breaks_at(cues: type, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cue module's second channel is not finite from the call of that number on."""
    forward, calls = cues.forward, []

    def broken(self: Any, views: Any) -> torch.Tensor:
        calls.append(1)
        cue_map = forward(self, views)
        return cue_map.index_fill(1, torch.tensor([1]), torch.nan) if len(calls) >= call else cue_map

    monkeypatch.setattr(cues, "forward", broken)


@pytest.mark.parametrize("call", [1, 3])
def test_a_map_that_is_not_finite_is_the_cue_modules_fault(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    breaks_at(toy_plugin.ToyCues, call, monkeypatch)
    with pytest.raises(
        PluginError, match=rf"'toy'.*test_plugin_faults.py:\d+.*at step {call}, .*the cue light \(\d+ val"
    ) as found:
        train(toy)
    assert "A lower rate does not help" in str(found.value)
    assert not RunFolder.of(toy).final.exists()


@pytest.mark.parametrize("weight", [torch.nan, 3e38])
def test_weights_that_are_none_or_too_large_are_not_the_cue_modules_fault(toy: TrainConfig, weight: float) -> None:
    class Spoils(BaseCallback):
        def on_step(self, run: Any) -> None:
            with torch.no_grad():
                run.model.cue_module.layer.weight.fill_(weight)

    with pytest.raises(TrainingError, match="Try a lower rate"):
        train(toy, callbacks=[Spoils()])


class Told(BaseCallback):
    def on_step(self, run: Any) -> None:
        raise ZeroDivisionError("in a callback")


def test_what_a_plugins_callback_raises_names_it_and_its_line(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.training.protocols._of_a_plugin", lambda kind: kind is Told)
    with pytest.raises(PluginError, match=r"on_step of callback Told .*failed in on_step, .*test_plugin_faults.py:\d+"):
        train(toy, callbacks=[Told()])


def test_what_a_callers_own_callback_raises_is_the_callers(toy: TrainConfig) -> None:
    with pytest.raises(ZeroDivisionError, match="in a callback"):
        train(toy, callbacks=[Told()])


def test_a_callback_that_does_not_fit_is_refused_before_anything_is_prepared(toy: TrainConfig, tmp_path: Path) -> None:
    class Wrong(BaseCallback):
        def on_epoch(self, run: Any, epoch: int) -> None:  # type: ignore[override]
            pass

    with pytest.raises(PluginError, match=r"Wrong: on_epoch is called with \(run\); .*Write `def on_epoch"):
        train(override(toy, {"data.store": str(tmp_path / "store")}), callbacks=[Wrong()])
    assert not (tmp_path / "store").exists()


def test_a_missing_method_of_a_callback_is_named_with_what_may_be_meant() -> None:
    class Almost:
        def on_start(self, run: Any) -> None: ...
        def on_steps(self, run: Any) -> None: ...

    with pytest.raises(PluginError, match=r"no method on_step. Is 'on_steps' meant\? Write `def on_step\(self, run\)"):
        require_callback(Almost())
    require_callback(BaseCallback())


def test_callbacks_are_told_in_their_order() -> None:
    told = []

    class One(BaseCallback):
        def on_finish(self, run: Any) -> None:
            told.append(self)

    class Run:
        callbacks = (One(), One())

    tell(Run(), "on_finish")  # type: ignore[arg-type]
    assert tuple(told) == Run.callbacks
