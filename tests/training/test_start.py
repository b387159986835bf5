"""Which weights a stage starts from, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from stages import at_stage

from dfcore import configure
from dfcore.config import TrainConfig, override
from dfcore.errors import CheckpointError, ConfigError, RunError, RunExistsError, RunInterrupted
from dfcore.runs.report import find_runs
from dfcore.training.curriculum import train_curriculum
from dfcore.training.protocols import BaseCallback
from dfcore.training.start import describe_rates, lr_factors
from dfcore.training.trainer import train


class Start(BaseCallback):
    """Keeps the weights that the run began with."""

    def __init__(self) -> None:
        self.state: dict[str, torch.Tensor] = {}

    def on_start(self, run: Any) -> None:
        self.state = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}


def first_stage(toy: TrainConfig) -> Path:
    return train(override(toy, {"stage.epochs": 1})).final


def rewritten(path: Path, **changes: Any) -> Path:
    """The same file, saying something else of itself."""
    torch.save({**torch.load(path, weights_only=True), **changes}, path)
    return path


def second_stage(toy: TrainConfig, **values: Any) -> TrainConfig:
    return at_stage(toy, 2, **{"stage__epochs": 1, **values})


def same(start: Start, path: Path) -> bool:
    before = torch.load(path, weights_only=True)["state_dict"]
    return all(torch.equal(start.state[name], before[name]) for name in before)


def test_weights_that_are_named_are_started_from_and_recorded(
    toy: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = first_stage(toy)
    named = tmp_path / "elsewhere.pt"
    first.rename(named)
    start = Start()
    result = train(second_stage(toy, stage__start=str(named)), callbacks=[start])
    assert same(start, named)
    assert f"from {named}" in capsys.readouterr().out
    parent = json.loads((result.folder / "config.json").read_text())["parent"]
    assert (parent["file"], parent["stage"], parent["specialist"]) == (str(named), 1, "toy")
    assert parent["hash"] == torch.load(named, weights_only=True)["hash"]


def test_a_stage_may_start_from_scratch(toy: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    first, start = first_stage(toy), Start()
    train(second_stage(toy, stage__start="scratch"), callbacks=[start])
    assert not same(start, first)
    assert "from a random start" in capsys.readouterr().out


def test_a_missing_predecessor_names_the_file_and_the_command(toy: TrainConfig) -> None:
    with pytest.raises(RunError, match=r"toy_stage1_final.pt is not there.*'toy' with stage=1.*stage\.start=scratch"):
        train(second_stage(toy))
    with pytest.raises(RunError, match=r"stage\.start=nowhere\.pt: no such file"):
        train(second_stage(toy, stage__start="nowhere.pt"))


def test_another_specialists_weights_are_refused(toy: TrainConfig) -> None:
    rewritten(first_stage(toy), specialist="cm")
    with pytest.raises(CheckpointError, match=r"holds specialist 'cm', not 'toy'"):
        train(second_stage(toy))


def test_weights_of_another_stage_are_refused_unless_they_are_named(toy: TrainConfig) -> None:
    final = rewritten(first_stage(toy), stage=4)
    with pytest.raises(CheckpointError, match="written by stage 4, not by stage 1"):
        train(second_stage(toy))
    train(second_stage(toy, stage__start=str(final)))


def test_another_backbone_is_refused_by_name(toy: TrainConfig) -> None:
    first_stage(toy)
    with pytest.raises(CheckpointError, match=r"backbone test_efficientnet, the configuration says test_resnet"):
        train(second_stage(toy, model__backbone="test_resnet"))


# -- a stage that was trained again after the next one was made from it ------------------------------------------------


class Interrupt(BaseCallback):
    def on_step(self, run: Any) -> None:
        if run.step == 2:
            os.kill(os.getpid(), 15)


def retrained(toy: TrainConfig, **values: Any) -> Path:
    return train(override(toy, {"stage.epochs": 1, **values}), overwrite=True).final


@pytest.mark.slow
def test_a_stage_made_from_weights_that_are_no_more_is_not_built_on(
    toy: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = override(toy, {"stage.epochs": 1}), second_stage(toy)
    train_curriculum([first, second])
    final = Path(toy.run.out) / "toy_stage2" / "toy_stage2_final.pt"
    before = final.read_bytes()
    retrained(toy)
    assert train(second, resume=True).final == final  # trained again, and the same came of it
    retrained(toy, **{"stage.lr": 1e-3})
    words = r"toy_stage2 started from other weights than .*toy_stage1_final\.pt holds now \(\w{12} then, \w{12} now\)"
    for again in (
        lambda: train(second, resume=True),
        lambda: train_curriculum([override(first, {"stage.lr": 1e-3}), second]),
    ):
        with pytest.raises(RunExistsError, match=rf"{words}.*'toy' with stage=2 and overwrite=True"):
            again()
    assert final.read_bytes() == before
    (listed,) = [run for run in find_runs(Path(toy.run.out)) if run.outdated]
    assert listed.name == "toy_stage2"
    train(second, overwrite=True)
    capsys.readouterr()
    train_curriculum([override(first, {"stage.lr": 1e-3}), second])
    assert capsys.readouterr().out.count("is finished; nothing was done") == 2
    assert not any(run.outdated for run in find_runs(Path(toy.run.out)))


@pytest.mark.slow
def test_an_unfinished_stage_does_not_go_on_from_weights_that_are_no_more(toy: TrainConfig) -> None:
    first, second = first_stage(toy), second_stage(toy)
    with pytest.raises(RunInterrupted):
        train(second, callbacks=[Interrupt()])
    kept = first.read_bytes()
    rewritten(first, hash="0" * 64)
    with pytest.raises(RunExistsError, match="stage 1 was trained again since"):
        train(second, resume=True)
    first.write_bytes(kept[:1000])  # damaged: nothing to compare, and the run has its own weights
    resumed = train(second, resume=True)
    parent = torch.load(resumed.final, weights_only=True)["parent"]
    assert parent["file"] == str(first)  # a resumed run remembers too
    assert parent["stage"] == 1


@pytest.mark.slow
def test_weights_that_were_named_are_not_compared(toy: TrainConfig, tmp_path: Path) -> None:
    named = first_stage(toy).rename(tmp_path / "named.pt")
    second = second_stage(toy, stage__start=str(named))
    with pytest.raises(RunInterrupted):
        train(second, callbacks=[Interrupt()])
    rewritten(named, hash="0" * 64).rename(Path(toy.run.out) / "toy_stage1" / "toy_stage1_final.pt")
    named.write_bytes(b"")
    assert train(second, resume=True).final.exists()


@pytest.mark.parametrize(
    ("values", "backbone", "others", "says"),
    [
        ({}, 1, 10, "backbone 0.0001, everything else 0.001"),
        ({"model.pretrained": False}, 10, 10, "0.001, for everything starts at random"),
        ({"model.pretrained": False, "model.backbone_weights": "b4.pth"}, 1, 10, "backbone 0.0001"),
        ({"stage.number": 2}, 1, 1, "nothing starts at random, so stage.head_lr_factor=10 has no effect"),
        ({"stage.number": 2, "stage.start": "scratch"}, 1, 10, "backbone 5e-05"),
        ({"stage.start": "cm_stage0_final.pt"}, 1, 1, "no effect"),
    ],
)
def test_what_starts_at_random_has_the_factor(
    values: dict[str, Any], backbone: float, others: float, says: str
) -> None:
    values = {**values}
    stage = int(values.pop("stage.number", 1))
    config = configure("cm", stage=stage, data="/data", set={"stage.head_lr_factor": 10, **values})
    factor_of = lr_factors(config)
    assert factor_of("backbone.model.conv_stem.weight") == backbone
    for name in ("cue_module.dct.weight", "attention_head.q.weight", "classifier.0.weight", "cue_head.weight"):
        assert factor_of(name) == others
    assert says in describe_rates(config)
    assert describe_rates(override(config, {"stage.head_lr_factor": 1})) == ""


@pytest.mark.parametrize("factor", [0, -1, "nan", "inf"])
def test_a_factor_that_is_no_positive_number_is_refused(factor: Any) -> None:
    with pytest.raises(ConfigError, match=r"stage\.head_lr_factor takes a number above 0"):
        override(TrainConfig(), {"stage.head_lr_factor": factor})
