"""What is told of the machine, on systems that tell it in different ways or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dfcore.data.workers.machine import free_memory, usable_cores


def test_cores_are_those_that_this_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5} if pid == 0 else {0}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ("MemTotal:  9000 kB\nMemAvailable:    2048 kB\nSwapFree: 7 kB\n", 2 * 2**20),
        ("MemTotal:  9000 kB\n", 0),
        ("MemAvailable:\n", 0),
        ("MemAvailable: much kB\n", 0),
        (None, 0),
    ],
)
def test_free_memory_is_in_bytes_and_0_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, said: str | None, free: int
) -> None:
    def read(path: Path) -> str:
        assert str(path) == "/proc/meminfo"
        if said is None:
            raise FileNotFoundError(path)
        return said

    monkeypatch.setattr(Path, "read_text", read)
    assert free_memory() == free
