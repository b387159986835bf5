from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dfcore.data.datasets.fakeavceleb import FakeAVCeleb
from dfcore.data.datasets.folder import Folder
from dfcore.data.records import FAKE, REAL
from dfcore.testing.layouts import as_fakeavceleb, as_folder

NAMES = ("original/a.mp4", "original/b.mp4", "fakes/a_b.mp4", "fakes/b_a.mp4")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """Named as the demo's videos are, and empty: layouts are names alone."""
    for name in NAMES:
        (tmp_path / "demo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "demo" / name).write_bytes(b"x")
    return tmp_path / "demo"


def layouts(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dfcore.testing.layouts", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_help_is_shown_and_fills_no_folder(tmp_path: Path) -> None:
    done = layouts("--help", folder=tmp_path)
    assert done.returncode == 0
    assert "usage: python -m dfcore.testing.layouts" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_option_is_no_folder_either(tmp_path: Path) -> None:
    assert layouts("--to", folder=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_ones_own_is_read_with_both_classes(demo: Path, tmp_path: Path) -> None:
    records = Folder().scan(as_folder(demo, tmp_path / "mine")).records
    assert sorted((record.id, record.label) for record in records) == [
        ("fake/a_b", FAKE),
        ("fake/b_a", FAKE),
        ("real/a", REAL),
        ("real/b", REAL),
    ]


def test_fakeavceleb_is_read_with_fakes_of_their_targets(demo: Path, tmp_path: Path) -> None:
    records = FakeAVCeleb().scan(as_fakeavceleb(demo, tmp_path / "fav")).records
    assert sorted((record.label, record.audio_label) for record in records) == [(REAL, REAL)] * 2 + [(FAKE, REAL)] * 2
    fakes = [record for record in records if record.label == FAKE]
    assert all({"id00000", "id00001"} <= {name.rpartition(":")[2] for name in record.group} for record in fakes)
