"""Hostile files at every door of the command line: refused with a message, and nothing in them is executed."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from stages import at_stage

import dfcore
from dfcore.cli import cli
from dfcore.config import TrainConfig
from dfcore.errors import CheckpointError, RunInterrupted
from dfcore.models import factory
from dfcore.models.files import weights
from dfcore.training.protocols import BaseCallback
from dfcore.training.trainer import train


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (open, (str(self.marker), "w"))


def with_payload(path: Path) -> None:
    torch.save({**torch.load(path, weights_only=True), "more": Evil(path.parent / "executed")}, path)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def with_a_bit_flipped(path: Path) -> None:
    """In the midst of the largest member: a tensor."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    data = bytearray(path.read_bytes())
    data[largest.header_offset + 200 + largest.file_size // 2] ^= 1
    path.write_bytes(data)


def compressed(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def declaring_more(path: Path) -> None:
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"data.pkl"))
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**30)
    path.write_bytes(data)


def with_member(name: str, *, link: bool = False) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o120777 if link else 0o100644) << 16
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(entry, "/etc/passwd")

    return change


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pickled object": (
        with_payload,
        r"would have to be executed to be read.* is refused \(it calls for _?io\.open\)",
    ),
    "cut short": (cut, "no torch archive"),
    "a flipped bit": (with_a_bit_flipped, "checksum of|SHA-256 differs"),
    "a compressed archive": (compressed, "compressed or declares more"),
    "an archive that declares more": (declaring_more, "compressed or declares more"),
    "a name that leads up": (with_member("../../evil"), r"a member that torch does not write \('../../evil'\)"),
    "a name from the root": (with_member("/tmp/evil"), r"does not write \('/tmp/evil'\)"),
    "a name of another system": (with_member("a\\..\\evil"), "does not write"),
    "a link": (with_member("archive/link", link=True), r"does not write \('archive/link'\)"),
}


def everything_in(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


# -- weights: --from, predict --models, dfcore.load ----------------------------------------------------------------


def by_from(path: Path, toy: TrainConfig) -> None:
    train(at_stage(toy, 2, stage__epochs=1, stage__start=str(path)))


def by_stage(path: Path, toy: TrainConfig) -> None:
    place = Path(toy.run.out) / "toy_stage1" / "toy_stage1_final.pt"
    place.parent.mkdir(parents=True)
    path.rename(place)
    train(at_stage(toy, 2, stage__epochs=1))


def by_predict(path: Path, toy: TrainConfig) -> None:
    cli.main(["predict", "video.mp4", "--models", str(path)], standalone_mode=False)


def by_load(path: Path, toy: TrainConfig) -> None:
    dfcore.load(path)


@pytest.mark.parametrize("door", [by_from, by_stage, by_predict, by_load])
@pytest.mark.parametrize("kind", HOSTILE)
def test_weights(toy: TrainConfig, tmp_path: Path, kind: str, door: Any) -> None:
    path = tmp_path / "toy_stage1_final.pt"
    model = factory.create("toy", backbone="test_efficientnet", pretrained=False, seed=1)
    weights.save_final(path, model, {"stage": 1})
    change, words = HOSTILE[kind]
    change(path)
    with pytest.raises(CheckpointError, match=words):
        door(path, toy)
    assert not list(tmp_path.rglob("executed"))
    assert not list(tmp_path.rglob("*evil*"))
    assert not list(tmp_path.rglob("last.pt"))


# -- last.pt: --resume ---------------------------------------------------------------------------------------------


class Interrupt(BaseCallback):
    def on_step(self, run: Any) -> None:
        if run.step == 3:
            os.kill(os.getpid(), 15)


@pytest.fixture
def last(tiny: ModuleType, tmp_path: Path) -> Path:
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(tiny.tiny_config(tmp_path), extra=(Interrupt(),))
    return tmp_path / "tiny_stage1" / "last.pt"


def refuses_to_resume(tiny: ModuleType, last: Path, words: str) -> None:
    before, there = last.read_bytes(), everything_in(last.parent)
    with pytest.raises(CheckpointError, match=rf"last\.pt.*({words}).*overwrite=True"):
        tiny.tiny_run(tiny.tiny_config(last.parent.parent), resume=True)
    assert everything_in(last.parent) == there
    assert last.read_bytes() == before


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_state_of_a_run(tiny: ModuleType, last: Path, kind: str) -> None:
    change, words = HOSTILE[kind]
    change(last)
    refuses_to_resume(tiny, last, words)
    assert not (last.parent / "executed").exists()


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": 2}, "has format 2"),
    "no weights": ({"model": None}, r"not the state of a run \(model\)"),
    "words for a number": ({"step": "3"}, r"not the state of a run \(step\)"),
    "epochs without a history": ({"epoch": 2}, "contradicts itself"),
    "a view over nothing": ({"model": {"a": torch.zeros(1).expand(10**12)}}, "contradicts itself"),
    "weights of another model": ({"model": {"a": torch.zeros(1)}}, "does not fit this run"),
    "an optimiser of another model": ({"optimiser": {}}, "does not fit this run"),
    "no generators": ({"rng": []}, "does not fit this run"),
    "generators of another kind": ({"rng": [{"torch": 5}]}, "does not fit this run"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_state_that_says_something_else(tiny: ModuleType, last: Path, kind: str) -> None:
    changes, words = CHANGES[kind]
    torch.save({**torch.load(last, weights_only=True), **changes}, last)
    refuses_to_resume(tiny, last, words)


@pytest.mark.parametrize("text", ["[]", "{}", '{"config": []}', "{"])
def test_a_configuration_that_is_none(tiny: ModuleType, last: Path, text: str) -> None:
    (last.parent / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json.*overwrite=True"):
        tiny.tiny_run(tiny.tiny_config(last.parent.parent), resume=True)


@pytest.mark.parametrize("text", ["[]", "{}", '{"metrics": 5, "best_epoch": 1}', '{"metrics": {}, "best_epoch": "x"}'])
def test_a_summary_that_is_none(toy: TrainConfig, text: str) -> None:
    folder = Path(toy.run.out) / "toy_stage1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"config": toy.to_json()}))
    (folder / "summary.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"summary\.json.*overwrite=True"):
        train(toy, resume=True)
