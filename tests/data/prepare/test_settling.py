"""What a store comes to after damage, after a kill, and with two processes at work on it: the same as without."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import preparing
import pytest

from dfcore.data.store import array_file
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.format import evidence_name
from dfcore.errors import StoreError, WriteError


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had been read before."""
    monkeypatch.setattr(array_file, "_compared", {})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, made_video: Path) -> dict[str, Any]:
    """What one undisturbed process makes."""
    root = tmp_path_factory.mktemp("alone") / "store"
    preparing.prepare(root, made_video)
    return content(root)


def content(root: Path) -> dict[str, Any]:
    """Every file below the store; of the failures all but the time and what depends on it."""
    found: dict[str, Any] = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*")}
    lines = [json.loads(line) for line in found["failed.jsonl"].splitlines()]
    return {**found, "failed.jsonl": [{**line, "time": "", "checksum": 0} for line in lines]}


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))


def test_damaged_pixels_are_made_again_once_somebody_met_them(
    alone: dict[str, Any], tmp_path: Path, made_video: Path
) -> None:
    root = tmp_path / "store"
    preparing.prepare(root, made_video)
    damage(root / "v01.safetensors")
    assert preparing.prepare(root, made_video).reused == 6  # the files are not read whole each time
    with pytest.raises(StoreError, match="is damaged"):
        [ClipStore(root).open("v01").load(clip) for clip in range(2)]
    report = preparing.prepare(root, made_video)
    assert (report.done, report.reused) == (1, 5)
    assert content(root) == alone


def test_damaged_evidence_is_extracted_again_and_nothing_is_decoded(
    alone: dict[str, Any], tmp_path: Path, made_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    preparing.prepare(root, made_video)
    damage(root / evidence_name("v02", "ghost", 1))
    assert len(ClipStore(root).verify().damaged) == 1
    monkeypatch.setattr("dfcore.data.prepare.videos.extract_clips", None)
    assert preparing.prepare(root, made_video).done == 1
    assert content(root) == alone


def test_what_was_put_back_whole_is_forgotten(alone: dict[str, Any], tmp_path: Path, made_video: Path) -> None:
    root = tmp_path / "store"
    preparing.prepare(root, made_video)
    whole = (root / "v01.safetensors").read_bytes()
    damage(root / "v01.safetensors")
    assert ClipStore(root).verify().damaged
    (root / "v01.safetensors").write_bytes(whole)
    assert preparing.prepare(root, made_video).reused == 6
    assert content(root) == alone


@pytest.mark.parametrize("place", ["add", "settle"])
def test_a_kill_before_the_index_is_settled_shows_nowhere(
    alone: dict[str, Any], tmp_path: Path, made_video: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    root = tmp_path / "store"
    with monkeypatch.context() as patch:
        patch.setattr(ClipStore, place, killed)
        with pytest.raises(KeyboardInterrupt):
            preparing.prepare(root, made_video)
    preparing.prepare(root, made_video)
    preparing.prepare(root, made_video)
    assert content(root) == alone


def start(root: Path, video: Path, count: int) -> subprocess.Popen[bytes]:
    script = Path(preparing.__file__)
    return subprocess.Popen([sys.executable, str(script), str(root), str(video), str(count)], start_new_session=True)


@pytest.mark.slow
def test_two_processes_at_once_come_to_what_one_comes_to(tmp_path: Path, made_video: Path) -> None:
    root, single = tmp_path / "store", tmp_path / "single"
    both = [start(root, made_video, 24) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    preparing.prepare(single, made_video, 24)
    assert content(root) == content(single)


@pytest.mark.slow
def test_one_of_two_processes_may_be_killed(tmp_path: Path, made_video: Path) -> None:
    root, single = tmp_path / "store", tmp_path / "single"
    first, second = start(root, made_video, 24), start(root, made_video, 24)
    while not list(root.glob("v0*.safetensors")) and first.poll() is None:
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert second.wait() == 0
    preparing.prepare(root, made_video, 24)
    preparing.prepare(single, made_video, 24)
    assert content(root) == content(single)


def test_a_store_that_cannot_be_written_to_is_told_before_anything_is_decoded(
    tmp_path: Path, made_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.data.prepare.videos.extract_clips", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"store: \S+/file is a file, not a folder"):
        preparing.prepare(tmp_path / "file" / "store", made_video)
