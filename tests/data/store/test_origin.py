"""When a source file is still the one that something was made of."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dfcore.data.store.origin import Origin

WHOLE = 16 * 2**14
"""Bytes up to which a file is hashed whole."""


def noted(path: Path, content: bytes, *, sample: bool = True) -> Origin:
    path.write_bytes(content)
    found = Origin.of(path)
    return found.sampled(path) if sample else found


def rewritten(path: Path, content: bytes, seconds: int) -> None:
    """As another program does it: later, and the inode's time with it."""
    path.write_bytes(content)
    os.utime(path, (seconds, seconds))


def test_an_origin_is_size_times_and_a_sample_that_is_taken_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    found, stat = noted(path, b"x" * 70, sample=False), path.stat()
    assert found == Origin(70, stat.st_mtime_ns, stat.st_ctime_ns, "")
    assert len(found.sampled(path).sample) == 32
    assert Origin.of(tmp_path / "none") == Origin() == Origin(-1, -1, -1, "")
    assert Origin().sampled(tmp_path / "none").sample == ""
    assert Origin.of(Path("a\0b")) == Origin()


def test_equal_size_and_times_need_no_look_at_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    found = replace(noted(path, b"x" * 70), sample="another")
    assert found.now(path) is found
    assert replace(found, mtime_ns=1).now(path) is None
    assert replace(found, ctime_ns=1).now(path) is None


def test_a_file_of_other_times_and_the_same_content_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = noted(path, bytes(range(70)))
    rewritten(path, bytes(range(70)), 1000)
    now = before.now(path)
    assert now == Origin.of(path).sampled(path)
    assert now.mtime_ns == 1000 * 10**9  # type: ignore[union-attr]
    assert now.now(path) is now  # type: ignore[union-attr]
    rewritten(path, bytes(range(1, 71)), 1000)
    assert before.now(path) is None
    rewritten(path, bytes(range(71)), 1000)
    assert before.now(path) is None


def test_without_a_sample_the_time_of_its_content_decides(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    os.utime(path, (1000, 1000))
    before = replace(Origin.of(path), ctime_ns=1)  # copied with its times, or written down without the inode's
    assert before.now(path) == Origin.of(path).sampled(path)
    os.utime(path, (2000, 2000))
    assert before.now(path) is None


@pytest.mark.parametrize("size", [WHOLE, WHOLE + 1, 40 * 2**14])
def test_a_sample_reaches_from_the_first_byte_to_the_last(tmp_path: Path, size: int) -> None:
    path, content = tmp_path / "a", bytearray(size)
    samples = {noted(path, bytes(content)).sample}
    for place in (0, 2**14 - 1, size // 2 if size == WHOLE else size - 2**14, size - 1):
        content[place] ^= 1
        samples.add(noted(path, bytes(content)).sample)
        content[place] ^= 1
    assert len(samples) == 5
    between = 2**14 + 10  # behind the first window: seen in a small file alone
    content[between] ^= 1
    assert (noted(path, bytes(content)).sample in samples) == (size > 2 * WHOLE)


def test_two_files_of_equal_windows_differ_by_their_size(tmp_path: Path) -> None:
    assert noted(tmp_path / "a", bytes(WHOLE + 5)).sample != noted(tmp_path / "b", bytes(WHOLE + 9)).sample


def test_a_file_that_is_away_does_not_speak_against_what_was_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    found = noted(path, b"xyz")
    path.unlink()
    assert found.now(path) is None
    assert found.now_or_away(path) is found
    assert Origin().now(path) == Origin()
    path.write_bytes(b"xy")
    assert found.now_or_away(path) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Origin.of(tmp_path / "pipe").sampled(tmp_path / "pipe").sample == ""
