"""How the library speaks: on which stream, what a bar shows when, and that a failure to show ends nothing."""

from __future__ import annotations

import errno
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dfcore.console import progress
from dfcore.console.progress import SILENT, TERMINAL, Guarded, over
from dfcore.results import Result, plain


class Screen(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, terminal: bool = True) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def screens(monkeypatch: pytest.MonkeyPatch) -> tuple[Screen, Screen]:
    """Standard output and error; put in place in the test itself, since pytest's own come back before it."""
    out, err = Screen(), Screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    return out, err


def test_lines_go_to_standard_output_and_warnings_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screens(monkeypatch)
    TERMINAL.say("one\n\ttwo \x1b[31m")
    TERMINAL.warn("odd \x07")
    assert [screen.getvalue() for screen in shown] == ["one\n\ttwo \\x1b[31m\n", "warning: odd \\x07\n"]


@pytest.mark.parametrize(("code", "raised"), [(errno.ENOSPC, False), (errno.EPIPE, True), (errno.EIO, True)])
def test_a_full_disk_behind_the_stream_ends_nothing(monkeypatch: pytest.MonkeyPatch, code: int, raised: bool) -> None:
    def write(text: str) -> int:
        raise OSError(code, "no")

    monkeypatch.setattr(screens(monkeypatch)[0], "write", write)
    if raised:
        with pytest.raises(OSError, match="no"):
            TERMINAL.say("text")
    else:
        TERMINAL.say("text")


def test_a_bar_shows_its_last_step_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = screens(monkeypatch)
    bar = TERMINAL.bar("videos", 5, initial=2, unit="video")
    assert bar.shown
    bar.note(loss=0.5)
    for _ in range(3):
        bar.update()  # sooner after one another than a bar is drawn by itself
    shown = err.getvalue().split("\r")
    assert "videos: 100%" in shown[-1]
    assert "5/5" in shown[-1]
    assert "loss=0.5" in shown[-1]
    bar.close()
    assert err.getvalue().split("\r")[-2].strip() == ""
    assert out.getvalue() == ""


def test_steps_before_the_last_are_drawn_no_sooner_than_the_bar_draws_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tqdm.std.time", lambda: 0.0)  # no time goes by
    _, err = screens(monkeypatch)
    bar, endless = TERMINAL.bar("videos", 5), TERMINAL.bar("files", None)
    drawn = err.getvalue()
    bar.update(4)
    endless.update(4)
    assert err.getvalue() == drawn
    bar.update()
    assert "5/5" in err.getvalue().removeprefix(drawn)


def test_where_nobody_looks_no_bar_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Screen(terminal=False)
    monkeypatch.setattr(sys, "stderr", err)
    bar = TERMINAL.bar("videos", 5)
    bar.update()
    assert not bar.shown
    bar.close()
    assert err.getvalue() == ""
    assert (SILENT.bar("x", 3).shown, SILENT.say("x"), SILENT.warn("x")) == (False, None, None)


class Counted:
    """A bar that writes down what it is told."""

    shown = True

    def __init__(self, fails: str = "") -> None:
        self.told: list[str] = []
        self.fails = fails

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if what.startswith(self.fails or "\0"):
            raise OSError(errno.EIO, "gone")

    def say(self, text: str) -> None:
        self._tell(f"say {text}")

    def warn(self, text: str) -> None:
        self._tell(f"warn {text}")

    def bar(self, label: str, total: int | None, *, initial: int = 0, unit: str = "it") -> Counted:
        self._tell(f"bar {label} {initial}/{total} {unit}")
        return self

    def update(self, steps: int = 1) -> None:
        self._tell(f"+{steps}")

    def note(self, **values: object) -> None:
        self._tell(f"note {values}")

    def close(self) -> None:
        self._tell("close")


def test_each_item_is_counted_when_it_has_been_dealt_with() -> None:
    bar = Counted()
    items = over("ab", bar)
    assert next(items) == "a"
    assert bar.told == []
    assert next(items) == "b"
    assert bar.told == ["+1"]
    assert list(items) == []
    assert bar.told == ["+1", "+1", "close"]


def test_who_stops_early_leaves_no_bar() -> None:
    bar = Counted()
    items = over("abc", bar)
    next(items)
    items.close()
    assert bar.told == ["close"]


def test_a_guarded_progress_passes_everything_on() -> None:
    inner = Counted()
    guarded = Guarded(inner)
    guarded.say("a")
    guarded.warn("b")
    bar = guarded.bar("c", 7, initial=3, unit="d")
    bar.update(2)
    bar.note(e=1)
    bar.close()
    assert inner.told == ["say a", "warn b", "bar c 3/7 d", "+2", "note {'e': 1}", "close"]
    assert (guarded.failure, bar.shown) == ("", True)


@pytest.mark.parametrize("fails", ["say", "bar", "+"])
def test_after_the_first_failure_nothing_more_is_tried(fails: str) -> None:
    inner = Counted(fails)
    guarded = Guarded(inner)
    guarded.say("a")
    bar = guarded.bar("c", 7)
    bar.update()
    count = len(inner.told)
    for _ in range(2):
        guarded.warn("b")
        bar.update()
        bar.note(x=1)
        guarded.bar("d", 1).close()
        bar.close()
    assert len(inner.told) == count
    assert guarded.failure == "OSError: [Errno 5] gone"
    assert not bar.shown


# -- results ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inner(Result):
    path: Path
    pair: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    value: Path


@dataclass(frozen=True, slots=True)
class Outer(Result):
    inner: Inner
    more: dict[Any, Any]


def test_results_become_plain_values_at_any_depth() -> None:
    made = Outer(Inner(Path("a/b"), (1, 2)), {3: [Foreign(Path("c"))], "s": frozenset({4}), "n": None, "t": Inner})
    assert made.to_dict() == {
        "inner": {"path": "a/b", "pair": [1, 2]},
        "more": {"3": [{"value": "c"}], "s": [4], "n": None, "t": Inner},
    }
    assert plain("text") == "text"


# -- where there is no terminal ----------------------------------------------------------------------------------------


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
