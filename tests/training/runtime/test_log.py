from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dfcore.console.progress import TERMINAL, over
from dfcore.training.runtime.log import Log


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
    assert list(over([1, 2], Log().bar("x", 2))) == [1, 2]
    assert capsys.readouterr().err == ""


class Told:
    """A progress object of a caller's own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done = self.closed = 0

    shown = True

    def say(self, text: str) -> None:
        self.lines.append(text)

    warn = say

    def bar(self, label: str, total: int | None, *, initial: int = 0, unit: str = "it") -> Told:
        self.lines.append(f"{label} of {total}")
        return self

    def update(self, steps: int = 1) -> None:
        self.done += steps

    def note(self, **values: object) -> None:
        self.lines.append(str(values))

    def close(self) -> None:
        self.closed += 1


def test_a_callers_own_object_gets_all_and_the_screen_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told()
    log = Log(progress=told)
    log.attach(tmp_path / "log.txt")
    log.warn("one")
    counted = over("abc", log.bar("x", 3))
    assert next(counted) == "a"
    counted.close()
    assert (told.lines, told.done, told.closed) == (["warning: one", "x of 3"], 0, 1)
    assert (tmp_path / "log.txt").read_text() == "warning: one\n"
    assert capsys.readouterr() == ("", "")
    with closing(Log(speaks=False, progress=told).bar("y", 3)) as unheard:
        unheard.update()
    assert (told.lines, told.closed) == (["warning: one", "x of 3"], 1)
    TERMINAL.warn("two\x1b[2J")
    assert capsys.readouterr() == ("", "warning: two\\x1b[2J\n")
