from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from writers import ELSEWHERE, dead_process

from dfcore.errors import RunLockedError, WriteError
from dfcore.filesystem.owner import process_start
from dfcore.runs.hold import StoreHold, holders_of
from dfcore.runs.lock import SILENCE, Holder, RunLock
from dfcore.runs.prune import in_use, plan_removals, remove
from dfcore.runs.report import find_stores


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store" / "demo"
    folder.mkdir(parents=True)
    (folder / "index.jsonl").write_text("{}\n")
    (folder / "a.safetensors").write_bytes(b"x")
    return folder


def mark(store: Path, holder: Holder, age: float = 0.0) -> Path:
    """What another process leaves that is at work on the store."""
    path = store / f".in-use.{holder.token}"
    path.write_text(json.dumps(asdict(holder)))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def another(store: Path) -> Path:
    return mark(store, replace(Holder.here("preparing"), pid=os.getppid(), started=process_start(os.getppid())))


def test_a_store_that_somebody_works_on_is_not_deleted(store: Path) -> None:
    out = store.parent.parent
    with StoreHold(store, "preparing"):
        assert [one.purpose for one in holders_of(store)] == ["preparing"]
        assert plan_removals([], stores=find_stores(out)) == []
        [said] = in_use([], find_stores(out))
        assert f"process {os.getpid()}" in said
        assert "(preparing, since" in said
    assert holders_of(store) == []
    assert sorted(path.name for path in store.iterdir()) == ["a.safetensors", "index.jsonl"]
    planned = plan_removals([], stores=find_stores(out))
    remove(planned)
    assert not store.exists()


def test_whoever_comes_between_planning_and_deleting_is_seen(store: Path) -> None:
    planned = plan_removals([], stores=find_stores(store.parent.parent))
    left = another(store)
    with pytest.raises(RunLockedError, match=rf"the clip store {store} is in use by process {os.getppid()}"):
        remove(planned)
    assert (store / "a.safetensors").exists()
    left.unlink()
    remove(planned)
    assert not store.exists()


def test_whoever_comes_while_it_is_deleted_is_told(store: Path) -> None:
    told = pytest.raises(RunLockedError, match=r"is being deleted by process \d+ .*Start again afterwards")
    with RunLock(store, "pruning"), told, StoreHold(store, "preparing"):
        pytest.fail("both have it")
    assert holders_of(store) == []


def test_several_work_on_one_store(store: Path) -> None:
    with StoreHold(store, "preparing"), StoreHold(store, "training"):
        another(store)
        assert sorted(one.purpose for one in holders_of(store)) == ["preparing", "preparing", "training"]
        assert [one.pid for one in holders_of(store, others=True)] == [os.getppid()]


@pytest.mark.parametrize(
    ("changed", "age", "alive"),
    [
        (lambda own: replace(own, pid=dead_process()), 0.0, False),
        (lambda own: replace(own, started="1"), 0.0, False),  # its number was given again
        (lambda own: replace(own, machine=ELSEWHERE), SILENCE - 60, True),
        (lambda own: replace(own, machine=ELSEWHERE), SILENCE + 5, False),
    ],
)
def test_marks_of_killed_processes_count_for_nothing_and_go(
    store: Path, changed: Callable[[Holder], Holder], age: float, alive: bool
) -> None:
    path = mark(store, changed(Holder.here("preparing")), age)
    assert bool(holders_of(store)) == alive
    with StoreHold(store, "preparing"):
        assert path.exists() == alive


def test_a_store_that_may_only_be_read_is_used_without_a_mark(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refused)
    with StoreHold(store, "training"):
        assert holders_of(store) == []


def test_a_store_that_is_not_there_is_not_left_behind_empty(tmp_path: Path) -> None:
    with StoreHold(tmp_path / "a" / "b", "preparing"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a").exists()


def test_what_killed_processes_left_of_a_moment_beside_a_lock_goes(tmp_path: Path) -> None:
    old, new = tmp_path / ".lock.0123.now", tmp_path / ".lock.4567.now"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    with RunLock(tmp_path, "training"):
        assert (old.exists(), new.exists()) == (False, True)


def test_a_store_that_is_not_there_and_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="file is a file, not a folder"), StoreHold(tmp_path / "file" / "store", "x"):
        pytest.fail("there is no store")
