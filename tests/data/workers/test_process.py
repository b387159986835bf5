"""What is said when a worker takes too long or dies, and the limits it works under: without a process."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dfcore.data.workers import process, serve
from dfcore.data.workers.process import TOLD, Died, Part, Worker
from dfcore.errors import DfcoreError, MediaError, PluginError


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Unborn(Worker):
    """A worker whose process is only spoken of: its answers and its end are given."""

    def __init__(self, *answers: tuple[str, Any], code: int = 0, computed: float | None = 0.0) -> None:
        self.answers, self.sent, self.computed = list(answers), list[Any](), computed
        self.process = SimpleNamespace(pid=-1, wait=lambda: code, kill=lambda: None)  # type: ignore[assignment]
        self.pipe = SimpleNamespace(send=self.sent.append, poll=self._poll, close=lambda: None)  # type: ignore[assignment]
        self._ready, self._waited = True, False
        self._began = self._limit = self._computed = 0.0
        self.waited_for = list[float]()

    def _poll(self, seconds: float) -> bool:
        self.waited_for.append(seconds)
        return bool(self.answers)

    def _cpu_seconds(self) -> float | None:
        return self.computed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    def receive(pipe: Any) -> Any:
        found = pipe.poll.__self__.answers.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(process.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(process, "receive_large", receive)
    return clock


def test_announced_sizes_add_to_the_time_and_parts_stop_the_clock(clock: Clock) -> None:
    worker = Unborn(("ready", None), ("size", 30.0), ("part", "first"), ("part", "second"), ("done", 5))
    worker.give("task", 60.0)
    assert worker.sent == ["task"]
    clock.now += 10
    assert [worker.answer(), worker.answer()] == [TOLD, TOLD]
    assert worker.seconds_left == 80
    assert worker.answer() == Part("first")
    clock.now += 1000  # while the part is worked on
    assert worker.answer() == Part("second")
    clock.now += 50
    assert worker.answer() == 5
    assert worker.waited_for == [50, 50, 80, 90, 90]
    clock.now += 500
    assert worker.seconds_left == 0


def test_an_error_of_the_function_is_raised_here(clock: Clock) -> None:
    worker = Unborn(("error", MediaError("no frame")))
    worker.give("task", 1.0)
    with pytest.raises(MediaError, match="no frame"):
        worker.answer()


@pytest.mark.parametrize(
    ("before", "after", "by_file", "said"),
    [
        (3.0, 7.9, False, "most of them spent waiting: its disk or this machine did not answer"),
        (3.0, 8.0, True, "decoding it did not end within 10 seconds"),  # half of the time or more: it computed
        (3.0, 13.0, True, "far more than its size explains"),
        (3.0, None, False, "decoding it did not end within 10 seconds"),  # the system does not tell
        (None, 5.0, True, "decoding it did not end within 10 seconds"),  # it did not tell at the beginning
        (None, 4.9, False, "most of them spent waiting"),
    ],
)
def test_a_decoder_that_computed_hung_and_one_that_waited_did_not(
    clock: Clock, before: float | None, after: float | None, by_file: bool, said: str
) -> None:
    worker = Unborn(computed=before)
    worker.give("task", 10.0)
    worker.computed = after
    found = worker.answer()
    assert isinstance(found, Died)
    assert found.by_file == by_file
    assert said in found.reason


@pytest.mark.parametrize(
    ("code", "by_file", "said"),
    [
        (serve.TOO_MUCH_MEMORY, True, "far more memory than its size explains"),
        (-signal.SIGKILL, False, r"was killed (SIGKILL), probably because the system ran out of memory"),
        (-signal.SIGTERM, False, "was killed (SIGTERM)"),
        (-signal.SIGINT, False, "was killed (SIGINT)"),
        (-signal.SIGHUP, False, "was killed (SIGHUP)"),
        (-signal.SIGSEGV, True, "a decoder crashed on this file (SIGSEGV)"),
        (-signal.SIGABRT, True, "a decoder crashed on this file (SIGABRT)"),
        (3, True, "a decoder crashed on this file (exit code 3)"),
    ],
)
def test_how_a_worker_died_says_whether_the_file_is_to_blame(clock: Clock, code: int, by_file: bool, said: str) -> None:
    worker = Unborn(EOFError(), code=code)  # type: ignore[arg-type]
    worker.give("task", 10.0)
    found = worker.answer()
    assert isinstance(found, Died)
    assert found.by_file == by_file
    assert said in found.reason


def test_a_process_has_computed_what_it_took_in_user_and_in_system_time(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = "S 1 2 3 4 5 6 7 8 9 10 150 50 900 900 20 0"  # from the third field on; the 14th and 15th are the times
    told = {"/proc/7/stat": f"7 (a b) c) {fields}\n", "/proc/8/stat": "8 (x) Z 1"}
    monkeypatch.setattr(process.Path, "read_text", lambda path: told[str(path)])
    monkeypatch.setattr(process.os, "sysconf", lambda name: 100)
    worker = Worker.__new__(Worker)
    worker.process = SimpleNamespace(pid=7)  # type: ignore[assignment]
    assert worker._cpu_seconds() == 2.0
    worker.process = SimpleNamespace(pid=8)  # type: ignore[assignment]
    assert worker._cpu_seconds() is None


def test_a_process_that_never_was_ready_is_nobodys_file(clock: Clock) -> None:
    worker = Unborn(EOFError(), code=1)  # type: ignore[arg-type]
    worker._ready = False
    worker.give("task", 10.0)
    with pytest.raises(DfcoreError, match=r"cannot be started \(exit code 1\)"):
        worker.answer()


def test_limits_grow_with_the_frames_of_a_file() -> None:
    assert serve.memory_limit(0, 0) == 1800 * 2**20
    assert serve.memory_limit(100, 50) == 1800 * 2**20 + 6 * 7500
    assert serve.memory_limit(100, 50, 2) == 1800 * 2**20 + 8 * 7500
    assert serve.seconds_to_decode(10, 1_000_000) == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_is_counted_in_bytes() -> None:
    told = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    assert serve.resident() == pytest.approx(int(told["VmRSS"].split()[0]) * 1024, rel=0.1)


def test_announcing_raises_the_limits_of_a_worker_and_never_lowers_them(monkeypatch: pytest.MonkeyPatch) -> None:
    serve.announce(10, 4000, 3000)  # in no worker: nothing
    here, there = multiprocessing.Pipe()
    watchdog = SimpleNamespace(limit=serve.memory_limit(1920, 1080))
    monkeypatch.setattr(serve._Here, "pipe", there)
    monkeypatch.setattr(serve._Here, "watchdog", watchdog)
    for width, height, held, limit in (
        (640, 480, 0, serve.memory_limit(1920, 1080)),
        (4000, 3000, 0, serve.memory_limit(4000, 3000)),
        (4000, 3000, 5, serve.memory_limit(4000, 3000, 5)),
        (640, 480, 0, serve.memory_limit(4000, 3000, 5)),
    ):
        serve.announce(10, width, height, held=held)
        assert watchdog.limit == limit
        assert serve.receive_large(here) == ("size", 10 * width * height / 5e6)


def test_arrays_cross_the_pipe_whole_and_may_be_written_to() -> None:
    here, there = multiprocessing.Pipe()
    sent = {"a": np.arange(12, dtype=np.int16).reshape(3, 4), "b": np.zeros(0), "c": "text"}
    serve.send_large(here, sent)
    found = serve.receive_large(there)
    np.testing.assert_array_equal(found["a"], sent["a"])
    found["a"] += 1
    assert (found["b"].shape, found["c"]) == ((0,), "text")


class OfTwoError(DfcoreError):
    """An error that cannot be made again from its message."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")


class ForeignError(Exception):
    """Likewise, of a plugin."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")


def fails(task: str) -> None:
    raise {"ours": OfTwoError("a.mp4", "odd"), "foreign": ForeignError("a.mp4", "odd"), "plain": ValueError("odd")}[
        task
    ]


@pytest.mark.parametrize(("task", "kind"), [("ours", DfcoreError), ("foreign", PluginError), ("plain", ValueError)])
def test_an_error_that_cannot_cross_the_pipe_is_told_by_one_that_can(task: str, kind: type[Exception]) -> None:
    here, _ = multiprocessing.Pipe()
    said, error = serve._answer(here, fails, task)
    assert (said, type(error)) == ("error", kind)
    assert "odd" in str(error)


def test_what_a_generator_yields_goes_out_part_by_part() -> None:
    here, there = multiprocessing.Pipe()
    assert serve._answer(there, lambda task: (n * task for n in (1, 2)), 7) == ("done", None)
    assert [serve.receive_large(here), serve.receive_large(here)] == [("part", 7), ("part", 14)]
    assert serve._answer(there, lambda task: task + 1, 7) == ("done", 8)
