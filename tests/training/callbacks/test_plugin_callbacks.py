"""Callbacks that a plugin announces, used by name through the command line; and early stopping."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from dfcore.cli import cli
from dfcore.config import TrainConfig
from dfcore.errors import RunInterrupted, UnknownNameError
from dfcore.runs.folder import read_json, read_lines
from dfcore.training import loop


def arguments(toy: TrainConfig, *more: str, **sets: object) -> list[str]:
    """``dfcore train toy`` with the toy's own configuration."""
    values = {
        "data.clip_frames": 2,
        "data.compressions": "C23",
        "data.samples_per_video": 1,
        "data.eval_samples": 2,
        "data.val_share": 0.2,
        "data.workers": 0,
        "data.store": toy.data.store,
        "run.device": "cpu",
        "run.out": toy.run.out,
        **{key.replace("__", "."): value for key, value in sets.items()},
    }
    given = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    fixed = ("--stage", "1", "--dataset", "toy", "--data", toy.data.root, "--backbone", "test_efficientnet")
    return ["train", "toy", *fixed, "--no-pretrained", "--batch-size", "4", *given, *more]


def dfcore(*given: str) -> None:
    cli.main(list(given), standalone_mode=False)


@pytest.fixture
def ledger(toy_plugin: ModuleType) -> list[tuple[str, int]]:
    """What the plugin's callback did, and its count then."""
    toy_plugin.Ledger.entries = []
    return toy_plugin.Ledger.entries


def test_a_plugins_callback_by_name_with_its_state(
    toy: TrainConfig, ledger: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = {"run__callbacks": "ledger", "run__save_every": 1}
    steps = 2 * 4
    apply, calls = loop.apply_gradients, 0

    def interrupting(run: Any) -> None:
        nonlocal calls
        calls += 1
        apply(run)
        if calls == 3:
            os.kill(os.getpid(), 15)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "apply_gradients", interrupting)
        with pytest.raises(RunInterrupted):
            dfcore(*arguments(toy, "--epochs", "2", **sets))
    assert ledger == [("start", 0), ("step", 1), ("step", 2), ("step", 3), ("exit", 3)]
    last = torch.load(Path(toy.run.out) / "toy_stage1" / "last.pt", weights_only=True)
    assert last["callbacks"]["toy_plugin.Ledger"] == {"count": 3}
    ledger.clear()
    dfcore(*arguments(toy, "--epochs", "2", "--resume", **sets))
    assert ledger[:2] == [("start", 3), ("step", 4)]
    assert ledger[-4:] == [("step", steps), ("epoch", steps), ("finish", steps), ("exit", steps)]


def test_an_unknown_callback_is_named_before_anything_is_done(toy: TrainConfig) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown callback 'leger'. Did you mean 'ledger'\?.*tensorboard"):
        dfcore(*arguments(toy, run__callbacks="leger"))
    assert not Path(toy.run.out).exists()


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Validation that gives these AUCs, epoch after epoch; and the epochs that were validated."""
    scores, seen = [0.6, 0.9, 0.7, 0.9, 0.99, 1.0], []
    validate = loop.validate

    def made(run: Any, signals: Any) -> dict[str, Any]:
        seen.append(run.epoch + 1)
        score = scores[run.epoch]
        given = {"calibrated_loss": 1 - score, "video_auc": score, "frame_auc": 0.5, "loss": 0.7}
        return {**validate(run, signals), **given}

    monkeypatch.setattr(loop, "validate", made)
    return seen


def test_patience_ends_a_run_early_with_the_best_epochs_weights(
    toy: TrainConfig, scored: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    dfcore(*arguments(toy, "--epochs", "6", run__patience=2))
    folder = Path(toy.run.out) / "toy_stage1"
    assert scored == [1, 2, 3, 4]  # epoch 4 is as good as 2, not better
    summary = read_json(folder / "summary.json")
    assert (summary["best_epoch"], summary["epochs"]) == (2, 4)
    assert summary["stopped"] == "no epoch since epoch 2 was better (run.patience=2)"
    assert torch.load(folder / "toy_stage1_final.pt", weights_only=True)["epoch"] == 2
    assert "stopped early: no epoch since epoch 2 was better" in capsys.readouterr().out
    dfcore(*arguments(toy, "--epochs", "6", "--resume", run__patience=2))
    assert "is finished; nothing was done" in capsys.readouterr().out
    dfcore("runs", "--out", toy.run.out, "--json")
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["state"], run["epoch"], run["epochs"], run["best"]) == ("finished", 4, 6, 2)


def test_patience_counts_over_a_resume(toy: TrainConfig, scored: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    end_epoch = loop.end_epoch

    def interrupting(run: Any, *rest: Any) -> None:
        end_epoch(run, *rest)
        if run.epoch == 3:
            os.kill(os.getpid(), 15)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "end_epoch", interrupting)
        with pytest.raises(RunInterrupted):
            dfcore(*arguments(toy, "--epochs", "6", run__patience=2))
    dfcore(*arguments(toy, "--epochs", "6", "--resume", run__patience=2))
    assert scored == [1, 2, 3, 4]
    lines = read_lines(Path(toy.run.out) / "toy_stage1" / "metrics.jsonl")
    assert [line["epoch"] for line in lines if line["kind"] == "epoch"] == [1, 2, 3, 4]
