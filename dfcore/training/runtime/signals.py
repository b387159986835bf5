"""Ctrl-C, SIGTERM and the time limit: finish the step, save, then stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from dfcore.training.runtime.time_limit import NO_LIMIT, TimeLimit

__all__ = ["StopSignals", "ignore_stop_signals"]

_STOP = (signal.SIGINT, signal.SIGTERM)
_ECHO = 5.0
"""Seconds in which a signal that comes again is the same one: a cluster's manager sends it to ``torchrun`` and to the
processes, and ``torchrun`` hands it on to them."""


class StopSignals:
    """While this context is open, the first signal only sets :attr:`asked`, and so does the time limit, when it has
    come; a second signal ends the process.

    Handlers can be set on the main thread only; elsewhere this does nothing.

    Args:
        say: prints a line.
        limit: the time limit.
        echoes: whether a second signal within seconds may be the first one's echo (several processes).
        doing: what is finished first, in words.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        limit: TimeLimit = NO_LIMIT,
        *,
        echoes: bool = False,
        doing: str = "finishing this step and saving",
    ) -> None:
        self.limit = limit
        self._signal = ""
        self._come = 0.0
        self._say, self._echoes, self._doing = say, echoes, doing
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> str:
        """Name of the signal that came, or what else asks to stop, or ""."""
        return self._signal or (f"the time limit of {self.limit.text}" if self.limit.over else "")

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in _STOP}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For work between steps that stops by itself on a signal (preparing): what was in force before, is again."""
        before = self._before
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            if before:
                self.__enter__()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signal:
            if self._echoes and now - self._come < _ECHO:
                return
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._signal, self._come = signal.Signals(number).name, now
        self._say(f"{self._signal}: {self._doing}; once more to stop at once")


def ignore_stop_signals(worker: int = 0) -> None:
    """For loader processes: a signal sent to the whole group must not take the data away from the last step.

    They still end when the main process closes them, or is gone.
    """
    for number in _STOP:
        signal.signal(number, signal.SIG_IGN)
