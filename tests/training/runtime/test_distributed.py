from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.distributed as dist

from dfcore.device import choose_precision
from dfcore.errors import DfcoreError, RunError, RunExistsError, RunInterrupted
from dfcore.evaluation.predictions import predict_samples
from dfcore.evaluation.summary import summarise
from dfcore.models.files.weights import read_final
from dfcore.training.loaders import evaluation_loader, worker_count
from dfcore.training.protocols import BaseCallback
from dfcore.training.runtime.distributed import World

SCRIPT = Path(__file__).parents[2] / "helpers" / "two_processes.py"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found."""
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    out = tmp_path_factory.mktemp("two")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launcher, str(SCRIPT), str(out)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found = [json.loads((out / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    found[0] |= {"stdout": done.stdout, "out": out}
    return found


@pytest.mark.slow
def test_two_processes_measure_what_one_does(tiny: ModuleType, both: list[dict[str, Any]]) -> None:
    loader = evaluation_loader(tiny.TinySamples(2, videos=11), batch_size=4, workers=0, device=CPU, world=World())
    alone = summarise(predict_samples(tiny.TinyModel(), loader, CPU, choose_precision(CPU), World()))
    assert both[0]["metrics"] == both[1]["metrics"]
    assert both[0]["metrics"]["samples"] == 33  # an odd number: no sample is padded in or left out
    assert both[0]["metrics"].keys() == alone.keys()
    for name, value in alone.items():
        assert both[0]["metrics"][name] == pytest.approx(value, rel=1e-5), name


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_with_twice_the_batch(
    tiny: ModuleType, both: list[dict[str, Any]], tmp_path: Path
) -> None:
    """The same samples in each step and the gradient of their mean loss; accumulated, and with a smaller last step."""
    alone = tiny.plain_run(tmp_path)
    assert len(alone.norms) == 3
    for found in both:
        assert found["plain"]["norms"] == pytest.approx(alone.norms, rel=1e-4)
        assert found["plain"]["train"] == pytest.approx(alone.train, rel=1e-5)
        for name, values in alone.weights.items():
            assert found["plain"]["weights"][name] == pytest.approx(values, abs=1e-5), name


@pytest.mark.slow
def test_training_stays_in_step(both: list[dict[str, Any]]) -> None:
    assert both[0]["size"] == 2
    for name in ("hash", "loss", "best"):
        assert both[0][name] == both[1][name], name


@pytest.mark.slow
def test_weights_that_the_first_has_loaded_are_given_to_the_others(both: list[dict[str, Any]]) -> None:
    first, second = (found["shared"] for found in both)
    assert first["before"] != second["before"]
    assert first["after"] == second["after"] == first["before"]


@pytest.mark.slow
def test_the_metrics_are_those_of_the_weights_that_are_kept(tiny: ModuleType, both: list[dict[str, Any]]) -> None:
    """Each process had batch-norm statistics of its own in training; all must measure the first one's."""
    model = tiny.TinyModel()
    model.load_state_dict(read_final(both[0]["out"] / "whole" / "tiny_stage1" / "tiny_stage1_final.pt")["state_dict"])
    loader = evaluation_loader(tiny.TinySamples(2), batch_size=4, workers=0, device=CPU, world=World())
    alone = summarise(predict_samples(model, loader, CPU, choose_precision(CPU), World()))
    assert both[0]["best"]["loss"] == pytest.approx(alone["loss"], rel=1e-5)


@pytest.mark.slow
def test_a_signal_to_one_stops_both_at_the_same_step(both: list[dict[str, Any]]) -> None:
    assert "stopped by a signal to another process at step 3 of 6" in both[0]["interrupted"]
    assert "stopped by SIGTERM at step 3 of 6" in both[1]["interrupted"]


@pytest.mark.slow
def test_both_resume_to_the_same_weights(both: list[dict[str, Any]]) -> None:
    assert {found["resumed_hash"] for found in both} == {both[0]["hash"]}


@pytest.mark.slow
def test_an_error_of_the_first_reaches_both(both: list[dict[str, Any]]) -> None:
    assert both[0]["error"] == "CheckpointError: the disk is full"
    assert both[1]["error"] == "RunError: process 0 of 2 ended: the disk is full"


@pytest.mark.slow
def test_a_full_disk_of_the_first_reaches_both(both: list[dict[str, Any]]) -> None:
    assert both[1]["full"] == [
        "WriteError: tiny_stage1_epoch01.zip cannot be written",
        "RunError: process 0 of 2 ended: tiny_stage1_epoch01.zip cannot be written",
    ]


@pytest.mark.slow
def test_only_the_first_speaks(both: list[dict[str, Any]]) -> None:
    assert both[0]["stdout"].count("epoch 1/2") == 2  # two runs, one line each


class StopAt(BaseCallback):
    def on_step(self, run: Any) -> None:
        os.kill(os.getpid(), 15)


def test_resuming_with_another_number_of_processes_is_refused(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(StopAt(),))
    last = tmp_path / "tiny_stage1" / "last.pt"
    state = torch.load(last, weights_only=True)
    torch.save({**state, "conditions": {**state["conditions"], "processes": 2}}, last)
    with pytest.raises(RunExistsError, match=r"processes \(was 2, is 1\)"):
        tiny.tiny_run(config, resume=True)


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    world = World.start(lambda local: CPU)
    assert world == World(0, 1, 0)
    assert world.is_main
    assert world.gather("x") == ["x"]
    assert world.on_main(lambda: 5) == 5
    values = torch.tensor([1.0])
    assert world.total(values) == values
    assert world.total(values) is not values
    model = torch.nn.Linear(1, 1)
    assert world.wrap(model, CPU) is model
    world.share_buffers(model)
    world.close()


def test_an_error_on_the_only_process_is_its_own() -> None:
    def fail() -> None:
        raise RunError("no")

    with pytest.raises(DfcoreError, match="no"):
        World().on_main(fail)


def test_half_set_variables_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(RunError, match=r"torchrun --standalone.*unset WORLD_SIZE"):
        World.start(lambda local: CPU)


def test_loader_processes_by_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    assert worker_count(3, CPU) == 3
    assert worker_count(0, torch.device("cuda")) == 0
    assert worker_count(-1, CPU) == 2
    assert worker_count(-1, torch.device("cuda")) == 8
    assert worker_count(-1, torch.device("cuda"), local_size=4) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert worker_count(-1, CPU) == 0
