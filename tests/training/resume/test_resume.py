"""A run that is killed and resumed ends as one that was not."""

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

from dfcore.errors import CheckpointError, RunExistsError, RunInterrupted, UsageError
from dfcore.models.files.weights import read_final
from dfcore.runs.folder import read_lines
from dfcore.training.protocols import BaseCallback

SCRIPT = Path(__file__).parents[2] / "helpers" / "tiny_run.py"
STEPS_PER_EPOCH, EPOCHS = 5, 3

PLACES = {
    "step1": "before anything was saved",
    "step4": "in mid-epoch, just before a save",
    "step7": "in mid-epoch, a step after a save",
    "epoch1": "between validation and the save after it",
    "epoch3": "after the last validation",
    "finish": "when all that is left is the final weights",
    "2:half": "with half of last.pt written",
    "3:half": "with half of the last.pt written that ends an epoch's training",
    "4:rename": "with last.pt written but not yet in its place",
}


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    if not hasattr(os, "fork"):
        pytest.skip("the runs that are killed are forked, which this system cannot")
    root = tmp_path_factory.mktemp("scenarios")
    subprocess.run([sys.executable, str(SCRIPT), str(root), "", *PLACES], check=True)
    return root, json.loads((root / "found.json").read_text())


def final_hash(root: Path, place: str) -> str:
    return read_final(root / f"killed-{place.replace(':', '-')}" / "tiny_stage1" / "tiny_stage1_final.pt")["hash"]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=list(PLACES.values()))
def test_killed_and_resumed_ends_bit_for_bit_the_same(scenarios: tuple[Path, dict[str, Any]], place: str) -> None:
    root, found = scenarios
    assert found[place]["killed"] == -9
    assert found[place]["result"] == 0
    assert final_hash(root, place) == final_hash(root, "")
    last, unbroken = (
        torch.load(root / f"killed-{name.replace(':', '-')}" / "tiny_stage1" / "last.pt", weights_only=True)
        for name in (place, "")
    )
    assert last["model"].keys() == unbroken["model"].keys()
    assert all(torch.equal(last["model"][name], unbroken["model"][name]) for name in last["model"])
    assert torch.equal(last["rng"][0]["torch"], unbroken["rng"][0]["torch"])
    drop_times = [[{**line, "seconds": 0} for line in state["history"]] for state in (last, unbroken)]
    assert drop_times[0] == drop_times[1]


@pytest.mark.parametrize("place", PLACES, ids=list(PLACES.values()))
def test_metrics_file_has_every_line_once(scenarios: tuple[Path, dict[str, Any]], place: str) -> None:
    root, _ = scenarios

    def lines(name: str) -> list[dict[str, Any]]:
        path = root / f"killed-{name.replace(':', '-')}" / "tiny_stage1" / "metrics.jsonl"
        return [{**line, "seconds": 0} for line in read_lines(path)]

    assert lines(place) == lines("")
    assert [line["epoch"] for line in lines(place) if line["kind"] == "epoch"] == [1, 2, 3]
    assert [line["step"] for line in lines(place) if line["kind"] == "train"] == list(range(1, 16))


@pytest.mark.parametrize("place", ["2:half", "4:rename"])
def test_temporary_files_are_left_by_the_kill_and_cleaned_by_the_resume(
    scenarios: tuple[Path, dict[str, Any]], place: str
) -> None:
    root, found = scenarios
    assert found[place]["temporary"] == 1
    assert not list((root / f"killed-{place.replace(':', '-')}").glob("*/.*.tmp"))


class Stop(BaseCallback):
    """Sends a signal after a step."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step, self.calls = number, step, 0

    def on_step(self, run: Any) -> None:
        self.calls += 1
        if run.step == self.step:
            os.kill(os.getpid(), self.number)

    def state_dict(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.calls = state["calls"]


@pytest.mark.parametrize("number", [2, 15], ids=["SIGINT", "SIGTERM"])
def test_a_signal_saves_and_the_resumed_run_ends_the_same(tiny: ModuleType, tmp_path: Path, number: int) -> None:
    config = tiny.tiny_config(tmp_path, run__save_every=0)
    stop = Stop(number, 3)
    with pytest.raises(RunInterrupted, match=r"at step 3 of 15 \(epoch 1 of 3\).*resume=True") as caught:
        tiny.tiny_run(config, extra=(stop,))
    assert caught.value.exit_code == 130
    assert stop.calls == 3
    resumed = Stop(number, 0)
    result = tiny.tiny_run(config, resume=True, extra=(resumed,))
    assert resumed.calls == 15  # the callback's own state went on too
    whole = tiny.tiny_run(tiny.tiny_config(tmp_path / "whole"))
    assert read_final(result.final)["hash"] == read_final(whole.final)["hash"]


def test_a_run_with_two_rates_is_resumed_with_both(
    tiny: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"stage__head_lr_factor": 4.0, "model__backbone_weights": "a file, so that the backbone is not at random"}
    config = tiny.tiny_config(tmp_path / "one", **values)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(Stop(15, 7),))
    result = tiny.tiny_run(config, resume=True)
    whole = tiny.tiny_run(tiny.tiny_config(tmp_path / "whole", **values))
    plain = tiny.tiny_run(tiny.tiny_config(tmp_path / "plain"))
    assert read_final(result.final)["hash"] == read_final(whole.final)["hash"]
    assert read_final(result.final)["hash"] != read_final(plain.final)["hash"]
    lines = [line for line in read_lines(result.folder / "metrics.jsonl") if line["kind"] == "epoch"]
    assert [line["head_lr"] / line["lr"] for line in lines] == pytest.approx([4, 4, 4])
    assert "backbone 0.01, everything else 0.04" in (result.folder / "log.txt").read_text()


def test_a_signal_during_validation_loses_no_training(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path, run__save_every=0)
    data = tiny.tiny_data()
    data.val.__class__ = type("Interrupting", (tiny.TinySamples,), {"__getitem__": interrupting})
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, data=data)
    state = torch.load(tmp_path / "tiny_stage1" / "last.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (0, STEPS_PER_EPOCH)
    steps = Stop(15, 0)
    tiny.tiny_run(config, resume=True, extra=(steps,))
    assert steps.calls == STEPS_PER_EPOCH * (EPOCHS - 1)  # only the validation is done again


def interrupting(self: Any, index: int) -> Any:
    if index == 3:
        os.kill(os.getpid(), 15)
    return super(type(self), self).__getitem__(index)


def test_an_unfinished_run_is_not_touched_without_a_flag(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(Stop(15, 3),))
    before = (tmp_path / "tiny_stage1" / "last.pt").read_bytes()
    with pytest.raises(RunExistsError, match=r"unfinished run.*resume=True.*overwrite=True.*run\.out"):
        tiny.tiny_run(config)
    assert (tmp_path / "tiny_stage1" / "last.pt").read_bytes() == before


@pytest.fixture(scope="module")
def finished(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("finished")
    return tiny.tiny_run(tiny.tiny_config(out))


def test_a_finished_run_is_refused_in_words(tiny: ModuleType, finished: Any) -> None:
    config = tiny.tiny_config(finished.folder.parent)
    with pytest.raises(RunExistsError, match=r"finished run \(tiny_stage1_final.pt\).*overwrite=True"):
        tiny.tiny_run(config)
    with pytest.raises(UsageError, match="one of them"):
        tiny.tiny_run(config, resume=True, overwrite=True)


def test_overwrite_starts_anew(tiny: ModuleType, tmp_path: Path) -> None:
    first = tiny.tiny_run(tiny.tiny_config(tmp_path))
    (first.folder / "notes.txt").write_text("the user's own")
    (first.folder / "tiny_stage1_epoch77.zip").write_text("old")
    again = tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1), overwrite=True)
    assert again.best_epoch == 1
    assert [line["epoch"] for line in read_lines(again.folder / "metrics.jsonl") if line["kind"] == "epoch"] == [1]
    assert not (first.folder / "tiny_stage1_epoch77.zip").exists()
    assert (first.folder / "notes.txt").exists()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("stage__epochs", 4, "stage.epochs was 3, is 4"),
        ("stage__batch_size", 2, "stage.batch_size was 3, is 2"),
        ("run__seed", 5, "run.seed was 0, is 5"),
        ("model__backbone", "resnet18", "model.backbone was efficientnet_b4, is resnet18"),
        ("data__compressions", "c23", r"data.compressions was \[\], is \['c23'\]"),
    ],
)
def test_resuming_with_another_configuration_is_refused(
    tiny: ModuleType, tmp_path: Path, key: str, value: object, words: str
) -> None:
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(tiny.tiny_config(tmp_path), extra=(Stop(15, 1),))
    with pytest.raises(RunExistsError, match=words):
        tiny.tiny_run(tiny.tiny_config(tmp_path, **{key: value}), resume=True)


def test_what_does_not_matter_may_change(tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(tiny.tiny_config(tmp_path), extra=(Stop(15, 1),))
    config = tiny.tiny_config(tmp_path, run__save_every=100, run__keep=1, data__root="/elsewhere")
    assert tiny.tiny_run(config, resume=True).final.exists()


def test_other_videos_are_refused(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(Stop(15, 1),))
    with pytest.raises(RunExistsError, match="videos, labels or splits"):
        tiny.tiny_run(config, resume=True, data=tiny.tiny_data(train_videos=8))


def test_a_damaged_state_is_named(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(config, extra=(Stop(15, 1),))
    last = tmp_path / "tiny_stage1" / "last.pt"
    last.write_bytes(last.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"last.pt is not a checkpoint.*cut short.*overwrite=True"):
        tiny.tiny_run(config, resume=True)


def test_resume_of_nothing_starts(tiny: ModuleType, tmp_path: Path) -> None:
    assert tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1), resume=True).final.exists()
