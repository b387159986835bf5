from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.training.runtime.log import Log, progress_bar


def test_lines_go_to_the_screen_and_the_file_early_ones_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.say("before")
    log.attach(tmp_path / "log.txt")
    log.warn("after")
    assert capsys.readouterr().out == "before\nwarning: after\n"
    assert (tmp_path / "log.txt").read_text() == "before\nwarning: after\n"


def test_other_processes_are_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(speaks=False)
    log.say("x")
    log.attach(tmp_path / "log.txt")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "log.txt").exists()


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar([1, 2], "x", speaks=True) as bar:
        assert list(bar) == [1, 2]
    assert capsys.readouterr().err == ""
