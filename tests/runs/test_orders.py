"""Files and processes are told by name, whatever order the file system has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from any_order import LETTERS, MIXED, list_in_any_order

from dfcore.runs import hold, prune
from dfcore.runs.folder import RunFolder, differences
from dfcore.runs.report import find_stores


def test_epochs_are_found_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path, "cm_stage1")
    paths = [folder.epoch_zip(epoch) for epoch in range(1, 7)]
    for path in paths:
        path.touch()
    list_in_any_order(monkeypatch)
    assert folder.epoch_zips() == paths


def test_what_differs_is_told_by_key() -> None:
    before, now = {"a": dict.fromkeys(MIXED, 1)}, {"a": dict.fromkeys(MIXED, 2)}
    assert differences(before, now) == [f"a.{name} was 1, is 2" for name in LETTERS]


def test_holders_are_those_of_the_marks_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [tmp_path / f"{hold._MARK}.{name}" for name in LETTERS]
    for mark in marks:
        mark.touch()
    list_in_any_order(monkeypatch)
    read: list[Path] = []
    monkeypatch.setattr(hold, "read_holder", lambda path: read.append(path))
    assert hold.holders_of(tmp_path) == []
    assert read == marks


def test_a_stores_files_are_listed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store" / "mine"
    store.mkdir(parents=True)
    (store / "index.jsonl").touch()
    for name in MIXED:
        (store / f"{name}.safetensors").write_bytes(b"12")
    listed = ["index.jsonl", *(f"{name}.safetensors" for name in MIXED)]
    monkeypatch.setattr("dfcore.runs.report.os.walk", lambda path: [(str(path), [], listed)])
    [found] = find_stores(tmp_path)
    names = [file.name for file in found.files if file.suffix == ".safetensors"]
    assert names == [f"{name}.safetensors" for name in LETTERS]
    assert found.size == 2 * len(LETTERS)


def test_what_was_left_half_written_is_listed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f".{name}.tmp" for name in LETTERS]
    for path in paths:
        path.touch()
    list_in_any_order(monkeypatch)
    monkeypatch.setattr(prune, "is_left_behind", lambda path, age: path.name != ".b.tmp")
    found = prune._temporary(SimpleNamespace(folder=SimpleNamespace(path=tmp_path)))  # type: ignore[arg-type]
    assert found == [path for path in paths if path.name != ".b.tmp"]
