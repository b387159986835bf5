from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from writers import ELSEWHERE, dead_process, leave_lock

from dfcore.errors import RunLockedError, WriteError
from dfcore.runs import lock as locks
from dfcore.runs.lock import LOCK, SILENCE, RunLock, holder_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "cm_stage1"


def test_the_second_is_told_who_holds_it_since_when_and_what_to_do(folder: Path) -> None:
    with RunLock(folder, "training"):
        found = holder_of(folder)
        assert found is not None
        said = rf"in use by process {os.getpid()} on {found.host} \(training, since 20.*`kill {os.getpid()}`.*run.out"
        with pytest.raises(RunLockedError, match=said), RunLock(folder, "pruning"):
            raise AssertionError("two hold it")
        (folder / "config.json").write_text("{}")
    assert holder_of(folder) is None
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def test_a_folder_that_nothing_was_written_to_goes_again(folder: Path) -> None:
    with RunLock(folder, "training"):
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("changes", "silence"),
    [
        ({"pid": 0}, 0.0),  # 0 stands for a process that is dead
        ({"started": "1"}, 0.0),  # its number was given again
        ({"machine": ELSEWHERE}, SILENCE + 5),
        ({"machine": ELSEWHERE, "pid": 0}, SILENCE + 5),
    ],
)
def test_a_stale_lock_is_taken_over(folder: Path, changes: dict[str, Any], silence: float) -> None:
    leave_lock(folder, silence, **{**changes, **({"pid": dead_process()} if changes.get("pid") == 0 else {})})
    assert holder_of(folder) is None
    with RunLock(folder, "training") as lock:
        lock.check()
        assert sorted(path.name for path in folder.iterdir()) == [LOCK]


def test_on_another_machine_the_heartbeat_alone_counts(folder: Path) -> None:
    leave_lock(folder, SILENCE - 60, machine=ELSEWHERE, host="gpu7", pid=dead_process())
    with pytest.raises(RunLockedError, match=r"process \d+ on gpu7 .*`kill \d+` on gpu7"), RunLock(folder, "training"):
        pass


def test_here_a_process_that_sleeps_holds_it_however_long(folder: Path) -> None:
    leave_lock(folder, 10 * SILENCE)
    with pytest.raises(RunLockedError), RunLock(folder, "training"):
        pass


def test_the_disk_s_clock_tells_how_old_a_touch_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_lock(folder, machine=ELSEWHERE)
    now = time.time()
    monkeypatch.setattr(locks.time, "time", lambda: now + 10 * SILENCE)  # this host's clock is wrong
    assert holder_of(folder) is not None


def test_a_thread_touches_the_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.01)
    with RunLock(folder, "training"):
        os.utime(folder / LOCK, (1, 1))
        end = time.monotonic() + 20
        while (folder / LOCK).stat().st_mtime == 1 and time.monotonic() < end:
            time.sleep(0.01)
        assert (folder / LOCK).stat().st_mtime > 1


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": "x"}'])
def test_a_lock_that_says_nothing_is_nobody_s_after_a_while(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    (folder / LOCK).write_text(content)
    with pytest.raises(RunLockedError, match="Try again"), RunLock(folder, "training"):
        pass
    os.utime(folder / LOCK, (1, 1))
    with RunLock(folder, "training"):
        assert holder_of(folder) is not None


def test_a_disk_without_hard_links_serves_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with RunLock(folder, "training") as lock:
        lock.check()
        with pytest.raises(RunLockedError), RunLock(folder, "training"):
            pass
        assert sorted(path.name for path in folder.iterdir()) == [LOCK]


def test_a_fresh_lock_that_came_in_place_of_a_stale_one_is_put_back(folder: Path) -> None:
    stale = leave_lock(folder, pid=dead_process())
    fresh = leave_lock(folder, machine=ELSEWHERE, token="a third")
    RunLock(folder, "training")._set_aside(stale)
    assert holder_of(folder) == fresh
    assert [path.name for path in folder.iterdir()] == [LOCK]


# -- in the way ------------------------------------------------------------------------------------------------------


def test_a_file_in_the_folder_s_place_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(WriteError, match=r"runs/cm_stage1: \S+/runs is a file, not a folder"):
        RunLock(tmp_path / "runs" / "cm_stage1", "training").__enter__()
