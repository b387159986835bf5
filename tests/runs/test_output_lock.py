"""One process at a time writes to a file of results."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from dfcore.errors import RunLockedError
from dfcore.filesystem.owner import process_start
from dfcore.runs.lock import Holder
from dfcore.runs.output_lock import OutputLock


def test_the_second_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    place = tmp_path / "found.jsonl"
    with OutputLock(place, "predicting"):
        with (
            pytest.raises(RunLockedError, match=rf"{place} is in use by process {os.getpid()} .*name another file"),
            OutputLock(place, "predicting"),
        ):
            pytest.fail("two at once")
        with OutputLock(tmp_path / "another.jsonl", "predicting"):
            pass
    with OutputLock(place, "predicting"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("alive", [True, False])
def test_a_lock_counts_as_long_as_its_process_lives(tmp_path: Path, alive: bool) -> None:
    parent = os.getppid()
    started = process_start(parent) if alive else "long ago"
    other = replace(Holder.here("predicting"), pid=parent, started=started)
    (tmp_path / ".found.jsonl.lock").write_text(json.dumps(asdict(other)))
    if alive:
        with pytest.raises(RunLockedError, match=f"process {parent}"):
            OutputLock(tmp_path / "found.jsonl", "predicting").__enter__()
        return
    with OutputLock(tmp_path / "found.jsonl", "predicting"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_where_no_lock_can_be_written_the_writer_says_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with OutputLock(tmp_path / "file" / "found.jsonl", "predicting"):
        pass
    assert (tmp_path / "file").read_text() == "kept"
