from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from writers import ELSEWHERE, temporary_of

from dfcore.data.clips import Clip
from dfcore.data.store import format as store_format
from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.format import write_bytes
from dfcore.data.store.index import Origin
from dfcore.errors import StoreError, WriteError

MakeClip = Callable[..., Clip]


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "store")


@pytest.fixture
def clips(make_clip: MakeClip) -> list[Clip]:
    return [make_clip(seed=1), make_clip(2, 64, 96, seed=2)]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut short", "longer", "empty", "noise", "header", "other json"])
def test_a_damaged_file_is_named_with_what_to_do(store: ClipStore, clips: list[Clip], damage: str) -> None:
    store.write("a", clips)
    store.write("b", clips)
    path = store.root / "a.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    path.write_bytes(
        {
            "cut short": data[:-1],
            "longer": data + b"0",
            "empty": b"",
            "noise": os.urandom(1000),
            "header": data[:8] + b"#" * length + data[8 + length :],
            "other json": data[:8] + b"[]".ljust(length) + data[8 + length :],
        }[damage]
    )
    with pytest.raises(StoreError, match=r"a\.safetensors is damaged .* Delete it; `dfcore prepare` makes it again"):
        ArrayFile(path)
    again = ClipStore(store.root)
    with pytest.raises(StoreError, match=r"a\.safetensors is damaged .* Delete it; `dfcore prepare` makes it again"):
        again.open("a")
    assert again.open("b").clips == tuple(clip.header for clip in clips)


def test_a_file_under_another_name_is_refused(store: ClipStore, clips: list[Clip]) -> None:
    store.write("a", clips)
    store.write("b", clips)
    (store.root / "b.safetensors").replace(store.root / "a.safetensors")
    with pytest.raises(StoreError, match="it holds 'b', not 'a'"):
        store.open("a")


def test_a_newer_format_asks_for_an_upgrade(
    store: ClipStore, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.data.store.write.FORMAT", 4)
    store.write("a", clips)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"store format 4; this dfcore reads format 3\. Upgrade it"):
            ClipStore(store.root).open("a")
        (store.root / "index.jsonl").unlink(missing_ok=True)


def written_before(store: ClipStore, clips: list[Clip], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Store clips as an earlier dfcore did, whose index had no formats, in arrays of some kind."""
    with monkeypatch.context() as patch:
        patch.setattr("dfcore.data.store.write.FORMAT", 2)
        patch.setattr("dfcore.data.store.coding.IMAGES", kind)
        store.write("a", clips)
    line = json.loads((store.root / "index.jsonl").read_text())
    del line["format"], line["checksum"]
    (store.root / "index.jsonl").write_text(json.dumps(line) + "\n")


def test_compact_frames_of_an_earlier_format_are_prepared_again(
    tmp_path: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    written_before(ClipStore(tmp_path), clips, monkeypatch, "planes")
    for _ in range(2):
        again = ClipStore(tmp_path)
        assert "a" not in again  # so that preparing makes it
        with pytest.raises(
            StoreError, match=r"in store format 2, whose compact frames .*`dfcore prepare` makes it again"
        ):
            again.open("a")
        assert [one.file for one in again.verify().damaged] == ["a.safetensors"]
    again.write("a", clips)
    assert ClipStore(tmp_path).open("a").clips == tuple(clip.header for clip in clips)
    assert ClipStore(tmp_path).verify().damaged == ()


def test_what_an_earlier_format_did_not_code_is_read(
    tmp_path: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    written_before(ClipStore(tmp_path, codec="raw"), clips, monkeypatch, "planes")
    assert np.array_equal(ClipStore(tmp_path).open("a").load(0).y, clips[0].y)


# -- writing safely --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "cannot be written: no space left.*goes on from there"),
        (errno.EACCES, "cannot be written"),
    ],
)
def test_a_failed_write_leaves_everything_as_it_was(
    store: ClipStore, clips: list[Clip], monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    store.write("a", clips)
    before = {name: (store.root / name).read_bytes() for name in files(store.root)}

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store_format.os, "fsync", full)
    for action in (lambda: store.write("b", clips), lambda: store.write("a", clips[:1])):
        with pytest.raises(WriteError, match=words):
            action()
    assert {name: (store.root / name).read_bytes() for name in files(store.root)} == before
    assert np.array_equal(store.open("a").access(0).evidence("ghost"), clips[0].evidence["ghost"])


def test_the_new_file_is_safe_on_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    calls: list[str] = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(store_format.os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))

    def replacing(source: Path, target: Path) -> None:
        assert Path(source).read_bytes() == b"new"
        assert Path(source).parent == tmp_path
        assert path.read_bytes() == b"old"
        calls.append("replace")
        rename(source, target)

    monkeypatch.setattr(store_format.os, "replace", replacing)
    write_bytes(path, b"new")
    assert calls[:2] == ["fsync", "replace"]
    assert path.read_bytes() == b"new"


def test_temporary_files_of_dead_writers_are_removed_and_of_live_ones_kept(store: ClipStore, clips: list[Clip]) -> None:
    store.write("a/b", clips)
    path = store.root / "a" / "b.safetensors"
    gone, mine = temporary_of(path), temporary_of(path, pid=os.getpid())
    elsewhere, old = temporary_of(path, where=ELSEWHERE), temporary_of(store.root / path.name, where=ELSEWHERE)
    os.utime(old, (1, 1))
    (store.root / "notes.tmp").write_text("not ours")
    again = ClipStore(store.root)
    assert again.ids() == ["a/b"]
    assert not gone.exists()
    assert not old.exists()
    assert mine.exists()
    assert elsewhere.exists()
    assert (store.root / "notes.tmp").exists()


# -- failures --------------------------------------------------------------------------------------------------------


def test_failures_are_lines_and_a_success_removes_its_line(store: ClipStore, tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"123")
    store.failures.add("v", path, "no face", Origin.of(path))
    store.failures.add("w", path, "broken", Origin.of(path))
    store.failures.add("v", path, "still no face", Origin.of(path))
    again = ClipStore(store.root).failures
    assert {name: failure.reason for name, failure in again.items()} == {"v": "still no face", "w": "broken"}
    assert again["v"].origin == Origin.of(path)
    lines = [json.loads(line) for line in (store.root / "failed.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["w", "v"]
    assert {"id", "path", "reason", "time"} <= set(lines[0])
    with pytest.raises(StoreError, match="v could not be prepared: still no face"):
        ClipStore(store.root).open("v")
    again.forget(["v"])
    assert list(ClipStore(store.root).failures) == ["w"]
    again.forget(["w"])
    assert not (store.root / "failed.jsonl").exists()


def test_a_torn_line_of_failures_is_passed_over(store: ClipStore, tmp_path: Path) -> None:
    store.failures.add("v", tmp_path / "v", "no face", Origin())
    with (store.root / "failed.jsonl").open("a") as stream:
        stream.write('{"id": "w", "pa')
    again = ClipStore(store.root).failures
    assert list(again) == ["v"]
    again.add("x\u2028", tmp_path / "x", "no face", Origin())
    assert list(ClipStore(store.root).failures) == ["v", "x\u2028"]


def test_an_index_with_a_torn_line_takes_the_next_one(store: ClipStore, clips: list[Clip]) -> None:
    store.write("a", clips)
    with (store.root / "index.jsonl").open("a") as stream:
        stream.write('{"id": "b')
    ClipStore(store.root).write("c", clips)
    lines = (store.root / "index.jsonl").read_text().splitlines()
    assert [json.loads(lines[i])["id"] for i in (0, -1)] == ["a", "c"]


# -- several writers -------------------------------------------------------------------------------------------------


def test_several_writers_append_to_files_of_their_own_that_become_one(
    store: ClipStore, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("a", clips)
    store.failures.add("old", tmp_path / "old", "broken", Origin())
    one, two = ClipStore(store.root, part=1), ClipStore(store.root, part=2)
    one.write("c", clips)
    two.write("b", clips)
    two.failures.add("v", tmp_path / "v", "no face", Origin())
    one.settle()  # the others may still write: nothing is settled
    names = {path.name for path in store.root.glob("*.jsonl")}
    assert names == {"index.jsonl", "index-1.jsonl", "index-2.jsonl", "failed.jsonl", "failed-2.jsonl"}
    monkeypatch.setattr("dfcore.data.store.index.ArrayFile", lambda path: pytest.fail(f"{path} was opened"))
    behind = ClipStore(store.root)
    behind.settle()
    assert {path.name for path in store.root.glob("*.jsonl")} == {"index.jsonl", "failed.jsonl"}
    again = ClipStore(store.root)
    assert again.ids() == ["a", "b", "c"]
    assert set(again.failures) == {"old", "v"}
    assert "failed.jsonl" in str(again.failures.path)


def test_what_was_tried_again_by_one_of_several_is_forgotten_behind_them(store: ClipStore, tmp_path: Path) -> None:
    store.failures.add("v", tmp_path / "v", "no face", Origin())
    part = ClipStore(store.root, part=1)
    part.failures.forget(["v"])
    assert list(part.failures) == []
    assert list(ClipStore(store.root).failures) == ["v"]  # a part must not write what others write too
    behind = ClipStore(store.root)
    behind.failures.forget(["v"])
    assert not (store.root / "failed.jsonl").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
def test_a_pipe_in_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    assert Origin.of(tmp_path / "a.mp4").sampled(tmp_path / "a.mp4").sample == ""
