"""A whole `train` of a made specialist on made clips: scan, split, prepare, train, evaluate, resume."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from stages import at_stage
from torch import nn

from dfcore.config import TrainConfig, override
from dfcore.errors import (
    CheckpointError,
    ConfigError,
    DatasetError,
    RunError,
    RunExistsError,
    RunInterrupted,
    UnknownNameError,
    UsageError,
)
from dfcore.models import factory
from dfcore.plugins import registry
from dfcore.training.protocols import BaseCallback
from dfcore.training.trainer import describe_defaults, train


def test_train_from_a_folder_to_final_weights(toy: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    toy = override(toy, {"data.store": ""})  # one of its own
    result = train(toy)
    assert result.final == Path(toy.run.out) / "toy_stage1" / "toy_stage1_final.pt"
    assert torch.load(result.final, weights_only=True)["specialist"] == "toy"
    assert not factory.load(result.final).training
    assert result.metrics["samples"] == 2 * result.metrics["videos"]
    stored = json.loads((result.folder / "config.json").read_text())
    assert stored["config"]["stage"]["dataset"] == "toy"
    assert stored["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert stored["precision"] == "fp32"
    assert stored["data"]["videos"].keys() == {"train", "val"}
    assert sum(sum(kinds.values()) for kinds in stored["data"]["videos"].values()) == 17  # 9 people, one failed
    assert stored["data"]["not_usable"] == 1
    assert stored["data"]["missing"] == 7
    printed = capsys.readouterr().out
    for words in (
        "toy (Toy), stage 1, 2 epochs, seed 0",
        "cpu (1 thread), fp32: reduced precision is slower",
        "test_efficientnet, from a random start",
        "Toy videos in",
        "a note of the adapter",
        "held out of train",
        "17 videos prepared now, 0 there already, 1 not usable",
        "failed.jsonl",
        "test (not read)",
        "epoch 2/2",
    ):
        assert words in printed, words


def test_test_videos_are_neither_prepared_nor_read(toy: TrainConfig) -> None:
    result = train(override(toy, {"data.store": "", "stage.epochs": 1}))
    stored = json.loads((result.folder / "config.json").read_text())
    index = (Path(stored["data"]["store"]) / "index.jsonl").read_text()
    assert "real_00_c23" in index
    for person in ("09", "10", "11"):
        assert f"_{person}_" not in index


class Stop(BaseCallback):
    def on_step(self, run: Any) -> None:
        if run.step == 2:
            os.kill(os.getpid(), 15)


def test_interrupted_and_resumed_is_bit_for_bit_the_same(toy: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    """With the real samples, augmentations, sampler and specialist, dropout included."""
    whole = train(override(toy, {"run.out": toy.run.out + "/whole"}))
    with pytest.raises(RunInterrupted):
        train(toy, callbacks=[Stop()])
    with pytest.raises(RunExistsError, match="unfinished run"):
        train(toy)
    with pytest.raises(RunExistsError, match=r"stage.lr was 0.0001, is 0.002"):
        train(override(toy, {"stage.lr": 2e-3}), resume=True)
    resumed = train(toy, resume=True)
    hashes = [torch.load(result.final, weights_only=True)["hash"] for result in (whole, resumed)]
    assert hashes[0] == hashes[1]
    assert "17 there already" in capsys.readouterr().out
    again = train(toy, resume=True)
    assert again == resumed
    assert "is finished; nothing was done" in capsys.readouterr().out
    with pytest.raises(RunExistsError, match="finished run"):
        train(toy)


def test_callbacks_by_name_and_by_object(toy: TrainConfig, toy_plugin: ModuleType) -> None:
    toy_plugin.Count.steps = 0
    mine = toy_plugin.Count()
    train(override(toy, {"run.callbacks": "count", "run.patience": 1, "stage.epochs": 1}), callbacks=[mine])
    assert toy_plugin.Count.steps == 2 * 4  # 15 or so samples in batches of 4, counted by both


def test_class_weights_take_what_the_sampler_leaves(toy: TrainConfig) -> None:
    seen: list[Any] = []
    drawn: list[list[int]] = []

    class Look(BaseCallback):
        def on_start(self, run: Any) -> None:
            seen.append((run.loss.class_weights, run.data.sampler.shares, run.data.train.labels))
            drawn.append(list(run.data.sampler))

    for power in (0.0, 0.5, 1.0):
        config = override(toy, {"stage.balance_power": power, "stage.epochs": 1, "run.out": f"{toy.run.out}/{power}"})
        train(config, callbacks=[Look()])
    for weights, shares, labels in seen:
        each = [1.0 if weights is None else weights[label].item() for label in labels]
        expected = [share * weight for share, weight in zip(shares, each, strict=True)]
        fake = sum(value for value, label in zip(expected, labels, strict=True) if label)
        assert labels.count(0) != labels.count(1)
        assert fake / sum(expected) == pytest.approx(0.5)
    assert seen[2][0] is None
    assert all(len(set(indices)) == len(indices) for indices in drawn)  # a video drawn again shows other frames
    assert max(drawn[2]) >= len(seen[2][2])  # and with replacement some were


def test_a_later_stage_starts_from_the_one_before(toy: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    second = at_stage(toy, 2, stage__epochs=1)
    with pytest.raises(RunError, match=r"toy_stage1_final.pt is not there.*'toy' with stage=1"):
        train(second)
    first = train(override(toy, {"stage.epochs": 1}))
    start: dict[str, torch.Tensor] = {}

    class Look(BaseCallback):
        def on_start(self, run: Any) -> None:
            start.update({name: tensor.clone() for name, tensor in run.model.state_dict().items()})

    result = train(second, callbacks=[Look()])
    assert result.final.name == "toy_stage2_final.pt"
    before = torch.load(first.final, weights_only=True)["state_dict"]
    assert all(torch.equal(start[name], before[name]) for name in before)
    assert "from the final weights of stage 1" in capsys.readouterr().out
    other = override(second, {"model.heads": 4, "model.backbone": "test_resnet", "run.out": toy.run.out})
    with pytest.raises(CheckpointError, match="does not fit the model"):
        train(other, overwrite=True)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"stage.loss": "crossentropy"}, UnknownNameError, "Did you mean 'cross_entropy'"),
        ({"stage.dataset": "tyo"}, UnknownNameError, "Did you mean 'toy'"),
        ({"run.callbacks": "cuont"}, UnknownNameError, "Did you mean 'count'"),
        ({"run.device": "gpu"}, UnknownNameError, "unknown device 'gpu'"),
        ({"data.root": ""}, UsageError, "no folder is named for Toy videos"),
        ({"data.root": "/nowhere"}, DatasetError, "/nowhere does not exist"),
        ({"data.compressions": "c24"}, UsageError, r"data.compressions=c24: not there. This copy has c23, c40"),
        ({"data.manipulations": "morph"}, UsageError, "This copy has swap"),
        ({"data.augment": "hflip,face_blur"}, UsageError, r"data.augment=face_blur.*It admits hflip, lattice_jitter"),
        ({"data.augment": "hflop"}, UsageError, "hflop"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    toy: TrainConfig, values: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        train(override(toy, values))
    assert not (Path(toy.run.out) / "toy_stage1").exists()


def test_label_smoothing_reaches_the_loss(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    import dfcore.training.losses

    class Plain(nn.Module):
        def __init__(self, class_weights: Any) -> None:
            super().__init__()

    monkeypatch.setattr(dfcore.training.losses, "CrossEntropy", Plain)
    with pytest.raises(ConfigError, match="takes no label smoothing"):
        train(override(toy, {"stage.label_smoothing": 0.1}))


def test_without_validation_videos_it_says_so(toy: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(override(toy, {"data.val_share": 0.0, "stage.epochs": 1}))
    assert result.metrics == {}
    assert "there are no validation videos" in capsys.readouterr().out


def test_in_a_notebook_the_results_are_offered_as_links(
    toy: TrainConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown: list[str] = []
    module: Any = ModuleType("IPython")
    module.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display = SimpleNamespace(FileLink=lambda path, result_html_suffix: path, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.chdir(tmp_path)
    train(override(toy, {"stage.epochs": 1}))
    assert shown[0] == "runs/toy_stage1/toy_stage1_final.pt"


def test_a_datasets_own_settings_are_said_as_far_as_they_are_in_force(toy: TrainConfig) -> None:
    assert describe_defaults(toy) == []  # it has none
    spec = registry().dataset("demo")
    demo = override(TrainConfig(), {"stage.dataset": "demo", **spec.defaults})
    (said,) = describe_defaults(demo)
    assert "a small backbone" in said
    for key, value in spec.defaults.items():
        assert f"{key}={value}" in said
    (said,) = describe_defaults(override(demo, {"model.backbone": "resnet50"}))
    assert "model.backbone" not in said
    assert "stage.head_lr_factor=10" in said
