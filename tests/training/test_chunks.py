"""Which chunks are trained on; the stage on made parts of DFDC, also killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from stages import at_stage

from dfcore.config import TrainConfig, override
from dfcore.data.records import VideoRecord
from dfcore.errors import DatasetError, UsageError
from dfcore.testing.layouts import make_parts
from dfcore.training.inputs.chunks import in_chunks

TINY = "--backbone test_efficientnet --no-pretrained --from-scratch --epochs 1 --batch-size 2"
SETS = "--set data.samples_per_video=1 --set data.eval_samples=1 --set data.workers=0 --set run.save_every=1"


def records(*parts: int, split: str = "train") -> list[VideoRecord]:
    return [
        VideoRecord(f"{part}/{label}", Path("x"), label, split=split, part=f"dfdc_train_part_{part}")
        for part in parts
        for label in (0, 1)
    ]


def config(chunks: str, **data: str) -> TrainConfig:
    values = {"stage.chunks": chunks, **{f"data.{key}": value for key, value in data.items()}}
    return at_stage(override(TrainConfig(), values), 4)


def test_the_order_is_the_one_asked_for() -> None:
    marked, order, notes = in_chunks(records(0, 5, 49), config("9,0"))
    assert order == (9, 0)
    assert [record.chunk for record in marked] == [0, 0, 1, 1, 9, 9]
    assert notes == ["trained on in chunks: 9, 0, in this order.", "not trained on: chunk 1."]


def test_present_takes_what_is_there_in_the_stages_order() -> None:
    assert in_chunks(records(*range(50)), config("present"))[1] == (9, 8, 3, 5, 7, 2, 6, 4, 1, 0)
    assert in_chunks(records(0, 1, 15, 49), config("present"))[1] == (9, 3, 0)


def test_a_missing_chunk_is_an_error_that_names_it_and_those_that_are_there() -> None:
    half = [record for record in records(0, 5, 10) if record.id != "10/1"]  # no fake in chunk 2
    with pytest.raises(DatasetError, match=r"of chunk 2, 7 in .*complete chunks there: 0, 1\..*stage\.chunks=0,1"):
        in_chunks(half, config("0,2,7"))
    with pytest.raises(DatasetError, match="chunk 0 in"):
        in_chunks([*records(0, split="val"), *records(5)], config("0,1"))


def test_what_did_not_come_in_parts_is_taken_whole() -> None:
    plain = [VideoRecord("a", Path("a"), label) for label in (0, 1)]
    found, order, notes = in_chunks(plain, config("9,8"))
    assert (found, order) == (plain, ())
    assert "taken whole" in notes[0]


@pytest.mark.parametrize("chunks", ["a,1", "1,1", "-1"])
def test_what_is_no_chunk(chunks: str) -> None:
    with pytest.raises(UsageError, match="different numbers"):
        in_chunks(records(0), config(chunks))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_parts(tmp_path_factory.mktemp("parts") / "dfdc", parts=(0, 45, 49), pairs=1, frames=10, size=256)


def train(parts: Path, out: Path, *more: str, kill: str = "") -> subprocess.CompletedProcess[str]:
    arguments = ["train", "cm", "--stage", "4", "--data", str(parts), "--out", str(out)]
    command = [*arguments, *TINY.split(), *SETS.split(), "--chunks", "9,0", "--keep-chunks", "1", *more]
    script = [sys.executable, "-m", "dfcore"]
    env = {**os.environ, "COLUMNS": "200"}
    if kill:
        script = [sys.executable, str(Path(__file__).parents[1] / "helpers" / "killed_run.py"), kill]
    return subprocess.run([*script, *command], capture_output=True, text=True, check=False, env=env)


def outcome(out: Path) -> tuple[list[tuple[object, ...]], dict[str, torch.Tensor]]:
    """The history without the seconds, and the final weights."""
    last = torch.load(out / "cm_stage4/last.pt", weights_only=True)
    final = torch.load(out / "cm_stage4/cm_stage4_final.pt", weights_only=True)["state_dict"]
    lines = [(line["data"], line["step"], line["lr"], str(line["train"]), str(line["val"])) for line in last["history"]]
    return lines, final


@pytest.mark.slow
def test_chunk_after_chunk_and_the_same_when_killed_on_the_way(parts: Path, tmp_path: Path) -> None:
    done = train(parts, tmp_path / "whole")
    assert done.returncode == 0, done.stdout + done.stderr
    lines, final = outcome(tmp_path / "whole")
    assert [line[0] for line in lines] == ["chunk 9", "chunk 0"]
    rates = [line[2] for line in lines]
    assert rates[1] < rates[0]  # one schedule over both
    stored = json.loads((tmp_path / "whole/cm_stage4/config.json").read_text())["data"]
    assert stored["chunks"] == {"9": {"real": 2, "fake": 2}, "0": {"real": 2, "fake": 2}}
    names = {path.parent.name for path in (tmp_path / "whole/store").rglob("*.safetensors")}
    assert {name for name in names if "part" in name} == {"dfdc_train_part_0", "dfdc_train_part_49"}  # 45 is dropped

    for kill in ("step:1", "dropping:1", "preparing:1", "validating:1"):
        killed = train(parts, tmp_path / "killed", "--resume", kill=kill)
        assert killed.returncode == -signal.SIGKILL, kill + killed.stdout + killed.stderr
    done = train(parts, tmp_path / "killed", "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    again, weights = outcome(tmp_path / "killed")
    assert again == lines
    assert all(torch.equal(weights[name], value) for name, value in final.items())


def test_chunks_are_named_in_the_order_of_their_numbers() -> None:
    there = [*records(5), *records(40), *records(0)]  # chunks 1, 8, 0
    assert in_chunks(there, config("0"))[2][1] == "not trained on: chunk 1, 8."
    with pytest.raises(DatasetError, match=r"complete chunks there: 0, 1, 8\..*stage\.chunks=0,1,8, or"):
        in_chunks(there, config("2"))
