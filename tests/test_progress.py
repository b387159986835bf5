"""What is said of long work: bars on a terminal, lines in a log."""

from __future__ import annotations

import pytest

from dfcore import progress
from dfcore.progress import TERMINAL, over


class Clock:
    """Stands for the module ``time``; what is counted takes 20 s a piece."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def counted(clock: Clock, bar: progress.Bar, count: int) -> None:
    for _ in over(range(count), bar):
        clock.now += 20.0


def test_in_a_log_a_line_each_minute_says_how_far_it_is(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    counted(clock, TERMINAL.bar("videos", 1000, initial=10, unit="video"), 8)
    assert capsys.readouterr().err.splitlines() == [
        "videos: 13 of 1,000, 0.05 video/s, 5 h 29 min left",
        "videos: 16 of 1,000, 0.05 video/s, 5 h 28 min left",
    ]


def test_where_the_end_is_not_known_it_is_not_guessed(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    counted(clock, TERMINAL.bar("read", None), 3)
    assert capsys.readouterr().err == "read: 3, 0.05 it/s\n"


def test_what_is_done_within_a_minute_leaves_no_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    counted(clock, TERMINAL.bar("videos", 3), 3)  # and that it is done, whoever counted says
    assert capsys.readouterr().err == ""


def test_on_a_terminal_there_is_a_bar_and_no_line(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    bar = TERMINAL.bar("videos", 10)
    assert bar.shown
    counted(clock, bar, 10)
    assert "\n" not in capsys.readouterr().err
