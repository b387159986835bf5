from __future__ import annotations

import json
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from dfcore.errors import DatasetError
from dfcore.runs.folder import RunFolder
from dfcore.training.checkpoint import rng_state, set_rng_state
from dfcore.training.inputs.data import TrainingData
from dfcore.training.protocols import BaseCallback
from dfcore.training.result import finished_result

CPU = torch.device("cpu")


def test_a_run_leaves_all_its_files(tiny: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.tiny_config(tmp_path, stage__epochs=2)
    result = tiny.tiny_run(config)
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "config.json",
        "last.pt",
        "log.txt",
        "metrics.jsonl",
        "summary.json",
        "tiny_stage1_epoch01.zip",
        "tiny_stage1_epoch02.zip",
        "tiny_stage1_final.pt",
    ]
    printed = capsys.readouterr().out
    assert printed == (result.folder / "log.txt").read_text()
    for words in ("10 in 2 epochs", "batch 3 x 2", "epoch 2/2", "best epoch", str(result.final), str(result.plot)):
        assert words in printed, words
    stored = json.loads((result.folder / "config.json").read_text())
    assert stored["config"] == json.loads(json.dumps(config.to_json()))


def test_the_finished_result_is_read_back(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path, stage__epochs=2)
    result = tiny.tiny_run(config)
    assert finished_result(RunFolder.of(config)) == result


def test_without_validation_the_last_epoch_is_final(
    tiny: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny.tiny_data()
    data.val = None
    result = tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=2), data=data)
    assert result.best_epoch == 2
    assert result.metrics == {}
    assert "no validation videos" in capsys.readouterr().out


def test_validation_of_one_class_chooses_by_loss(tiny: ModuleType, tmp_path: Path) -> None:
    data = tiny.tiny_data()
    data.val = tiny.TinySamples(2, fake_only=True)
    result = tiny.tiny_run(tiny.tiny_config(tmp_path), data=data)
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    losses = [line["val"]["loss"] for line in lines if line["kind"] == "epoch"]
    assert result.metrics["video_auc"] is None
    assert "no real videos" in result.metrics["notes"][0]
    assert result.best_epoch == 1 + losses.index(min(losses))


def test_nothing_to_train_on(tiny: ModuleType, tmp_path: Path) -> None:
    data = TrainingData(tiny.TinySamples(1, 0), tiny.TinySampler(0), None)
    with pytest.raises(DatasetError, match="no training video could be used"):
        tiny.tiny_run(tiny.tiny_config(tmp_path), data=data)


def test_the_seed_decides(tiny: ModuleType, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        config = tiny.tiny_config(tmp_path / name, stage__epochs=1, run__seed=seed)
        result = tiny.tiny_run(config)
        return torch.load(result.final, weights_only=True)["state_dict"]["classifier.1.weight"]

    assert torch.equal(weights("a", 1), weights("b", 1))
    assert not torch.equal(weights("a2", 1), weights("c", 2))  # the same data and start, other dropout


def test_every_generator_is_saved_and_restored() -> None:
    def draw() -> tuple[float, float, float, float]:
        gauss = random.gauss(0, 1)
        return torch.rand(1).item(), random.random(), np.random.rand(), gauss  # noqa: NPY002

    draw()  # a gauss value is now kept back by Python's generator
    state = rng_state(CPU)
    expected = draw()
    draw()
    set_rng_state(state, CPU)
    assert draw() == expected


def test_last_holds_plain_values_only(tiny: ModuleType, tmp_path: Path) -> None:
    class Save(BaseCallback):
        def state_dict(self) -> dict[str, Any]:
            return {"numbers": [1, 2.5, None], "tensor": torch.ones(2)}

    tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1), extra=(Save(),))
    state = torch.load(tmp_path / "tiny_stage1" / "last.pt", weights_only=True)
    assert state["epoch"] == 1
    assert [key for key in state["callbacks"] if key.endswith("Save")]


def test_on_exit_is_called_after_an_error(tiny: ModuleType, tmp_path: Path) -> None:
    class Fail(BaseCallback):
        closed = False

        def on_step(self, run: Any) -> None:
            raise OSError("mine")

        def on_exit(self, run: Any) -> None:
            self.closed = True

    fail = Fail()
    with pytest.raises(OSError, match="mine"):
        tiny.tiny_run(tiny.tiny_config(tmp_path), extra=(fail,))
    assert fail.closed
