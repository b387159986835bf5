"""The other side of a worker process: starting it, giving it tasks, and what to say when it dies or takes too long."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from dfcore.data.workers.serve import TOO_MUCH_MEMORY, receive_large
from dfcore.errors import DfcoreError

__all__ = ["PATIENCE", "TOLD", "Died", "Part", "Worker", "can_isolate", "seconds_to_read"]

PATIENCE = 120.0
"""Seconds that any file may take."""
_PER_MIB = 2.0
"""Further seconds for each MiB of the file (a slow network disk)."""
_BUSY = 0.5
"""Share of the time that a worker must have computed for a decoder to have hung, and not a disk."""
_MAIN = "import sys; sys.path[:] = sys.argv[2:]; from dfcore.data.workers.serve import main; main(int(sys.argv[1]))"
"""Modules are found where this process finds them, and never in the working directory before that is said."""


def can_isolate() -> bool:
    """Whether this system can hand a pipe to a process by number."""
    return os.name == "posix"


def seconds_to_read(*paths: Path) -> float:
    """The time that files may take until their size is known."""
    return PATIENCE + sum(_PER_MIB * _size(path) / 2**20 for path in paths)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Died:
    """The outcome of a task whose worker died, or was ended.

    Attributes:
        reason: what happened, as the end of a sentence that begins with the file.
        by_file: whether the file is to blame: a decoder crashed, hung, or took too much memory. Else it is the machine.
    """

    reason: str
    by_file: bool = False


TOLD: Final = object()
"""In place of an outcome: more is to come."""


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a function that is a generator; more may follow, and None at last."""

    value: Any


class Worker:
    """A process that runs ``function`` on tasks; both are pickled, so ``function`` must live at a module's top level.

    It takes no part in ``__main__``: a script or a notebook may start one without further ado. Ctrl-C and SIGTERM do
    not reach it; it ends with this process.

    Args:
        function: called with each task in turn.
        environment: variables that are set for it, where they are not set already.
    """

    def __init__(self, function: Callable[[Any], Any], environment: Mapping[str, str] | None = None) -> None:
        here, there = multiprocessing.Pipe()
        command = [sys.executable, "-c", _MAIN, str(there.fileno()), *sys.path]
        self.process = subprocess.Popen(
            command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL, env={**(environment or {}), **os.environ}
        )
        there.close()  # so that the worker's end closes the pipe
        self.pipe: Connection = here
        self._ready = self._waited = False
        self._began = self._limit = self._computed = 0.0
        self._send(function)

    def give(self, task: Any, seconds: float) -> None:
        """Have it do a task, in at most so many seconds; announced sizes add to them. One more may wait its turn."""
        self._began, self._limit, self._computed = time.monotonic(), seconds, self._cpu_seconds() or 0.0
        self._send(task)

    def count_from_now(self) -> None:
        """The time of its task begins now: nobody waited for it before."""
        self._began = time.monotonic()

    def _send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # it ended already: that shows when its answer is awaited
            self.pipe.send(message)

    @property
    def seconds_left(self) -> float:
        """Until the task has taken too long."""
        return max(0.0, self._began + self._limit - time.monotonic())

    def answer(self) -> Any:
        """What the task returned, a :class:`Part` of it, or :class:`Died`; :data:`TOLD` when it only told more about
        itself. Waits for a message.

        Raises:
            DfcoreError: the process cannot be started.
            Exception: the function raised it.
        """
        if self._waited:  # it stood still while a part was worked on
            self._began, self._waited = time.monotonic(), False
        if not self.pipe.poll(self.seconds_left):
            return self._too_long()
        try:
            kind, value = receive_large(self.pipe)
        except (EOFError, OSError):
            return self._died()
        if kind == "error":
            raise value
        if kind == "done":
            return value
        if kind == "part":
            self._waited = True
            return Part(value)
        self._ready = True
        self._limit += value or 0.0
        return TOLD

    def _too_long(self) -> Died:
        computed, limit = self._cpu_seconds(), self._limit
        self.end()
        if computed is not None and computed - self._computed < _BUSY * limit:
            reason = "its disk or this machine did not answer; try again later"
            return Died(f"reading it did not end within {limit:.0f} seconds, most of them spent waiting: {reason}")
        return Died(
            f"decoding it did not end within {limit:.0f} seconds, far more than its size explains, and was given up. "
            "The file is damaged: re-encode it, or leave it out",
            by_file=computed is not None,
        )

    def _died(self) -> Died:
        code = self.process.wait()
        self.end()
        if not self._ready:
            raise DfcoreError(
                f"the process that decodes files cannot be started (exit code {code}); what it said stands above."
            )
        if code == TOO_MUCH_MEMORY:
            return Died(
                "decoding it took far more memory than its size explains, and was given up. The file is damaged, or "
                "made to do so: re-encode it, or leave it out",
                by_file=True,
            )
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"
        if -code in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            return Died(
                f"the process that decodes it was killed ({name}), probably because the system ran out of memory. Try "
                "again with fewer programs running"
            )
        return Died(
            f"a decoder crashed on this file ({name}). It is damaged: re-encode it, or leave it out", by_file=True
        )

    def _cpu_seconds(self) -> float | None:
        """Seconds that the process has computed; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            return None

    def end(self) -> None:
        """End it at once."""
        self.pipe.close()
        self.process.kill()
        self.process.wait()
