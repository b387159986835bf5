from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dfcore.cli.datasets import command
from dfcore.errors import DatasetError, UnknownNameError, UsageError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three real and three fake images in each of train and test."""
    for n in range(12):
        path = tmp_path / "copy" / ("train" if n < 6 else "test") / ("fake" if n % 2 else "real") / f"p{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(n).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    return tmp_path / "copy"


class TestList:
    def test_names_what_is_announced_and_where_it_is(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("DFCORE_DATASET_FACEFORENSICS", str(tmp_path))
        lines = {line.split()[0]: line for line in run().output.split("\n\n")[0].splitlines()}
        assert f"{tmp_path} (by DFCORE_DATASET_FACEFORENSICS)" in lines["faceforensics"]
        assert "not configured" in lines["folder"]
        assert "--data demo" in lines["demo"]

    def test_a_configured_folder_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        toml = tmp_path / "dfcore.toml"
        toml.write_text('[datasets]\nfolder = "mine"\n')
        monkeypatch.setenv("DFCORE_CONFIG", str(toml))
        assert f"{tmp_path / 'mine'} (by {toml}; no such folder)" in run().output
        (tmp_path / "mine").mkdir()
        entry = next(e for e in json.loads(run("--json").output) if e["name"] == "folder")
        assert (entry["root"], entry["configured_by"], entry["exists"]) == (str(tmp_path / "mine"), str(toml), True)


class TestVerify:
    def test_a_good_copy(self, folder: Path) -> None:
        result = run("verify", "folder", folder)
        assert result.exit_code == 0, result.output
        rows = [line.split() for line in result.output.splitlines()]
        assert ["original", "real", "3", "3", "6"] in rows
        assert ["fake", "fake", "3", "3", "6"] in rows
        assert ["all", "6", "6", "12"] in rows
        assert "Verdict: can be used (0 problems, 0 warnings)." in result.output

    def test_json(self, folder: Path) -> None:
        content = json.loads(run("verify", "folder", folder, "--json", "--decode").stdout)
        assert content["usable"] is True
        assert content["videos"] == 12
        assert content["root"] == str(folder)
        assert {
            "manipulation": "fake",
            "compression": "",
            "label": "fake",
            "split": "test",
            "videos": 3,
            "audio": "",
        } in content["counts"]

    def test_a_leak_ends_with_the_data_errors_code(self, folder: Path) -> None:
        shutil.copy(folder / "train/real/p0.png", folder / "test/real/again.png")
        result = run("verify", "folder", folder)
        assert isinstance(result.exception, DatasetError)
        assert result.exception.exit_code == 4
        assert "Files that are there twice, in different splits or classes: 1." in str(result.exception)
        assert "PROBLEM (leak)" in result.output
        assert "test/real/again" in result.output
        assert "Verdict: cannot be used" in result.output
        result = run("verify", "folder", folder, "--json")
        assert json.loads(result.stdout)["problems"][0]["kind"] == "leak"
        assert isinstance(result.exception, DatasetError)

    def test_long_lists_are_cut_but_not_the_unreadable_files(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*.png")):
            shutil.copy(path, path.with_name(f"{path.stem}x.png"))
        for n in range(8):
            (folder / f"train/fake/empty{n}.mp4").touch()
        output = run("verify", "folder", folder).output
        assert all(f"train/fake/empty{n}: " in output for n in range(8))
        assert "Files that cannot be read: 8 of 32." in output
        assert "Files that are there twice: 12." in output
        assert "and 7 more (--json lists all)" in output

    def test_the_root_may_be_configured(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DFCORE_DATASET_FOLDER", str(folder))
        assert "12 files" in run("verify", "folder").output

    def test_no_root(self) -> None:
        assert isinstance(run("verify", "faceforensics").exception, UsageError)

    def test_an_unknown_dataset(self, folder: Path) -> None:
        error = run("verify", "facforensics", folder).exception
        assert isinstance(error, UnknownNameError)
        assert "'faceforensics'" in str(error)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        error = run("verify", "faceforensics", tmp_path / "none").exception
        assert isinstance(error, DatasetError)
        assert "does not exist" in str(error)

    def test_missing_files_and_notes_are_said(self, tmp_path: Path, real_media: Path) -> None:
        result = run("verify", "faceforensics", real_media / "faceforensics")
        assert result.exit_code == 0, result.output
        rows = [line.split() for line in result.output.splitlines()]
        assert ["original_sequences/youtube/c40", "996"] in rows
        assert ["original", "c40", "real", "5", "5"] in rows
        assert "Nothing of raw is there" in result.output


def test_names_are_escaped_in_what_is_found_and_verified(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"se\x1bt\xe9")
    for label in ("real", "fake"):
        for name in ("a\x1b[31mred.png", os.fsdecode(b"caf\xe9.png"), "two\nlines.png"):
            path = root / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (root / "real" / "\x1b]0;title\x07.txt").touch()
    for arguments in (("verify", "folder", root), ("find", tmp_path)):
        shown = run(*arguments).output
        assert "se\\x1bt\\xe9" in shown
        assert not {"\x1b", "\x07", "\udce9"} & set(shown)
    listed = run("verify", "folder", root).output
    for name in ("a\\x1b[31mred", "caf\\xe9", "\\x1b]0;title\\x07.txt"):
        assert name in listed
    rows = json.loads(run("find", tmp_path, "--json").stdout)
    assert [Path(row["root"]) for row in rows] == [root]
