"""Whose a temporary file is, and whether its writer is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from writers import ELSEWHERE, dead_process, temporary_of

from dfcore.filesystem import owner
from dfcore.filesystem.owner import is_alive, is_left_behind, machine, process_start, temporary_path


@pytest.fixture
def counted_anew() -> None:
    """The machine is told apart again."""
    machine.cache_clear()


@pytest.mark.usefixtures("counted_anew")
def test_process_numbers_count_for_one_host_boot_and_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    boot, space = tmp_path / "boot_id", tmp_path / "pid"

    def named(host: str, started: str, container: str) -> str:
        boot.write_text(started)
        space.unlink(missing_ok=True)
        space.symlink_to(container)
        monkeypatch.setattr(owner.socket, "gethostname", lambda: host)
        machine.cache_clear()
        return machine()

    monkeypatch.setattr(owner, "_LINUX", (boot, space))
    found = [named(*parts) for parts in (("a", "1", "x"), ("b", "1", "x"), ("a", "2", "x"), ("a", "1", "y"))]
    assert len(set(found)) == 4
    assert named("a", "1", "x") == found[0]
    assert all(len(one) == 8 and int(one, 16) >= 0 for one in found)
    monkeypatch.setattr(owner, "_LINUX", (tmp_path / "none", space))  # no Linux: the host alone
    machine.cache_clear()
    assert len(machine()) == 8
    machine.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_process_is_known_by_when_it_began() -> None:
    mine = process_start(os.getpid())
    assert mine.isdigit()
    assert process_start(os.getpid()) == mine
    time.sleep(0.02)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as later:
        assert int(process_start(later.pid)) > int(mine)
        assert is_alive(later.pid)
        later.communicate(b"\n")
    assert process_start(dead_process()) == ""


def test_who_lives() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(dead_process())
    assert not is_alive(2**80)


@pytest.mark.parametrize(("error", "alive"), [(ProcessLookupError, False), (PermissionError, True)])
def test_another_users_process_lives(monkeypatch: pytest.MonkeyPatch, error: type[OSError], alive: bool) -> None:
    def kill(pid: int, number: int) -> None:
        assert (pid, number) == (7, 0), "asked, not ended"
        raise error

    monkeypatch.setattr(os, "kill", kill)
    assert is_alive(7) == alive
    monkeypatch.setattr(owner.os, "name", "nt")
    assert is_alive(7), "there the question would end it"


def test_a_temporary_file_is_left_behind_when_its_writer_is_dead_or_long_silent(tmp_path: Path) -> None:
    def aged(path: Path, seconds: float) -> Path:
        os.utime(path, (time.time() - seconds, time.time() - seconds))
        return path

    own = temporary_path(tmp_path / "a.bin")
    own.touch()
    assert own.parent == tmp_path
    assert not is_left_behind(own)
    assert is_left_behind(temporary_of(tmp_path / "b.bin"))
    there = temporary_of(tmp_path / "c.bin", where=ELSEWHERE)
    assert not is_left_behind(aged(there, 86_000))
    assert is_left_behind(aged(there, 86_500))
    assert is_left_behind(aged(there, 70), 60)
    assert not is_left_behind(aged(there, 50), 60)
    assert is_left_behind(aged(own, 86_500))
    for name in ("d.tmp", ".d", "d.bin", f"x.d.{machine()}-{dead_process()}.tmp"):
        (tmp_path / name).touch()
        assert not is_left_behind(aged(tmp_path / name, 1e6)), name
    assert not is_left_behind(tmp_path / f".gone.{ELSEWHERE}-5.tmp")
