"""What only tells of a run must not end it: lines, bars, plots."""

from __future__ import annotations

import errno
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dfcore.console.progress import SILENT, Guarded
from dfcore.models.files.weights import read_final
from dfcore.training.callbacks import metrics_log
from dfcore.training.protocols import BaseCallback
from dfcore.training.runtime.log import Log


class Gone:
    """A terminal that is gone: at the given call everything fails."""

    shown = True

    def __init__(self, spared: int = 0) -> None:
        self.spared, self.calls = spared, 0

    def say(self, *_: object, **how: object) -> Gone:
        self.calls += 1
        if self.calls > self.spared:
            raise OSError(errno.EIO, "Input/output error")
        return self

    warn = bar = update = note = say

    def close(self) -> None:
        self.say()


@pytest.mark.parametrize("spared", [0, 1, 5, 20])
def test_a_terminal_that_goes_away_ends_no_run(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spared: int
) -> None:
    whole = tiny.tiny_run(tiny.tiny_config(tmp_path / "whole"))
    gone = Gone(spared)
    monkeypatch.setattr(tiny, "Log", lambda speaks: Log(speaks=speaks, progress=gone))
    result = tiny.tiny_run(tiny.tiny_config(tmp_path))
    assert read_final(result.final)["hash"] == read_final(whole.final)["hash"]
    assert gone.calls == spared + 1
    said = (result.folder / "log.txt").read_text()
    assert "is said here alone: showing it failed (OSError: [Errno 5] Input/output error)" in said
    assert "best epoch" in said


def test_a_fault_in_a_bar_is_not_the_loop_s() -> None:
    class Odd(Gone):
        def bar(self, *_: object, **how: object) -> Any:
            return Gone()

    guarded = Guarded(Odd())
    bar = guarded.bar("x", 3)
    assert bar.shown
    bar.update()
    assert not bar.shown
    bar.note(a=1)
    bar.close()
    assert guarded.failure.startswith("OSError")
    assert not Guarded(SILENT).bar("x", 3).shown


def test_a_plot_that_fails_is_said_once_and_the_run_goes_on(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run: Any) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(metrics_log, "draw", broken)
    result = tiny.tiny_run(tiny.tiny_config(tmp_path))
    said = (result.folder / "log.txt").read_text()
    assert said.count("curves.png cannot be drawn (RuntimeError: no font); training goes on without") == 1
    assert result.final.exists()


def test_a_line_with_any_bytes_is_written(tiny: ModuleType, tmp_path: Path) -> None:
    class Say(BaseCallback):
        def on_start(self, run: Any) -> None:
            run.log.say("a name with \udce9 and \x1b[31m in it")

    result = tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1), extra=(Say(),))
    assert r"a name with \xe9 and \x1b[31m in it" in (result.folder / "log.txt").read_text()
