"""Kaggle's folders and their limits, in an imitation."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from dfcore import kaggle as module
from dfcore.errors import UsageError
from dfcore.kaggle import free_space, kaggle, run_folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "kaggle/working").mkdir(parents=True)
    monkeypatch.setenv("DFCORE_KAGGLE", str(tmp_path / "kaggle"))
    return tmp_path / "kaggle"


def test_the_folders(root: Path) -> None:
    here = kaggle()
    assert here is not None
    assert (here.input, here.working, here.scratch) == (root / "input", root / "working", root / "temp")
    assert here.reason == f"DFCORE_KAGGLE={root}"
    assert run_folder() == str(root / "working/runs")
    assert here.keeps(root / "working/runs/x")
    assert not here.keeps(root / "temp/x")


def test_elsewhere_it_is_not_kaggle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kaggle() is None
    assert run_folder() == "runs"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setattr(module.Path, "is_dir", lambda self: False)
    assert kaggle() is None, "the variable alone, without the folders"


def test_it_is_known_by_its_variable_and_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Path, "is_dir", lambda self: str(self) == "/kaggle/working")
    assert kaggle() is None, "the folder alone, as in a copy of Kaggle's image"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    here = kaggle()
    assert here is not None
    assert (here.root, here.reason) == (Path("/kaggle"), "KAGGLE_KERNEL_RUN_TYPE=Batch")
    monkeypatch.setenv("DFCORE_KAGGLE", "no")
    assert kaggle() is None


def test_a_stand_in_needs_its_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DFCORE_KAGGLE", str(tmp_path))
    with pytest.raises(UsageError, match="no folder 'working'"):
        kaggle()


def test_where_temp_cannot_be_made_the_systems_is_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "access", lambda path, mode: False)
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: "/elsewhere")
    here = kaggle()
    assert here is not None
    assert here.scratch == Path("/elsewhere")
    (root / "temp").mkdir()  # it is there already
    assert here.scratch == root / "temp"


def test_in_the_working_folder_its_limit_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUOTA", 5000)
    (root / "working/runs/a").mkdir(parents=True)
    (root / "working/runs/a/x").write_bytes(b"x" * 1000)
    (root / "working/y").write_bytes(b"x" * 500)
    (root / "working/link").symlink_to(root / "working/y")
    link = (root / "working/link").lstat().st_size
    assert free_space(root / "working/not/there/yet").free == 3500 - link
    assert "Kaggle keeps" in free_space(root / "working").where
    free = shutil.disk_usage(root).free
    assert free_space(root / "temp/x").free == pytest.approx(free, rel=0.01)
    assert free_space(root / "temp/x").where == str(root)
    (root / "working/z").write_bytes(b"x" * 9000)
    assert free_space(root / "working").free == 0


def test_kaggle_keeps_twenty_gigabytes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**12))
    (root / "working/x").write_bytes(bytes(1000))
    found = free_space(root / "working")
    assert found.free == 19_999_999_000
    assert found.where == f"{root / 'working'} (Kaggle keeps 20 GB there at most)"


def test_a_full_disk_counts_before_the_limit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=7))
    assert free_space(root / "working").free == 7
