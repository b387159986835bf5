"""Whose fault it is when a file cannot be read."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import pytest

from dfcore.data.media import reasons
from dfcore.data.media.reasons import is_passing, reason_of
from dfcore.errors import MediaError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x" * 100)
    return path


def test_a_file_that_ends_early_is_to_blame_and_a_disk_that_fails_is_not(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = av.error.FFmpegError(errno.EIO, "Input/output error")
    assert not is_passing(file, error)

    def fails(self: Path, *_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "open", fails)
    assert is_passing(file, error)
    assert "the disk or this machine failed while it was read" in reason_of(file, error, passing=True)


def test_too_much_memory_is_the_files_fault_where_there_is_plenty(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "free_memory", lambda: 2**34)
    assert not is_passing(file, MemoryError())
    monkeypatch.setattr(reasons, "free_memory", lambda: 2**28)
    assert is_passing(file, MemoryError())
    assert "not enough memory" in reason_of(file, MemoryError(), passing=True)


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE])
def test_what_the_network_or_the_machine_says_may_pass(number: int, file: Path) -> None:
    assert is_passing(file, OSError(number, "x"))
    assert not is_passing(file, OSError(errno.EINVAL, "x"))
    assert not is_passing(file, ValueError("x"))


def test_a_reason_names_the_file_and_what_to_do(file: Path) -> None:
    found = reason_of(file, ZeroDivisionError("odd"))
    assert found.startswith(f"{file}: decoding it failed (ZeroDivisionError: odd). The file is damaged")
    assert reason_of(file, MediaError(f"{file}: it is empty.")) == f"{file}: it is empty."
    assert reason_of(file, MediaError("it is empty.")) == f"{file}: it is empty."
