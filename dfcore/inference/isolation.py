"""Files decoded one ahead, in a process of their own, with limits of time and memory that scale with the file."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from dfcore.errors import DfcoreError
from dfcore.inference.extraction import Extraction, Job
from dfcore.inference.worker import TOO_MUCH_MEMORY, receive_large

__all__ = ["IsolatedExtractor", "can_isolate", "seconds_to_decode", "seconds_to_read"]

PATIENCE = 120.0
"""Seconds that any file may take."""
_PER_MIB, _PIXELS = 2.0, 5e6
"""Further seconds for each MiB of the file (a slow network disk), and pixels a second that a decoder makes at least: a
fortieth of what one core makes of H.264."""

_WORKER = "import sys; sys.path[:] = sys.argv[2:]; from dfcore.inference.worker import main; main(int(sys.argv[1]))"
"""Modules are found where this process finds them, and never in the working directory before that is said."""


def can_isolate() -> bool:
    """Whether this system can hand a pipe to a process by number."""
    return os.name == "posix"


def seconds_to_read(path: Path) -> float:
    """The time that a file may take until its size is known."""
    try:
        return PATIENCE + _PER_MIB * path.stat().st_size / 2**20
    except OSError:
        return PATIENCE


def seconds_to_decode(frames: int, pixels: int) -> float:
    """The further time that so many frames of so many pixels may take."""
    return frames * pixels / _PIXELS


class IsolatedExtractor:
    """Extracts files in another process, the next one while the caller works on the last.

    The process takes no part in ``__main__``: it may be used from a script or a notebook without further ado.

    Args:
        jobs: what is needed of each file.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = tuple(jobs)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._served = False

    def __enter__(self) -> IsolatedExtractor:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def extract_all(self, paths: Sequence[Path]) -> Iterator[Extraction]:
        """The extraction of each file in turn.

        Raises:
            DfcoreError: what is no file's fault: see :func:`dfcore.inference.extraction.extract`.
        """
        began = self._submit(paths[0]) if paths else 0.0
        for number, path in enumerate(paths):
            found = next(self._answers(path, began))
            if number + 1 < len(paths):
                began = self._submit(paths[number + 1])
            yield found

    def extract_along(self, path: Path, every: float) -> Iterator[Extraction]:
        """A file's clips along its length, as :func:`dfcore.inference.course.extract_course` gives them.

        Closed before its end, it ends the process; the next file has a new one.

        Raises:
            DfcoreError: what is no file's fault: see :func:`dfcore.inference.extraction.extract`.
        """
        whole = False
        try:
            yield from self._answers(path, self._submit(path, every))
            whole = True
        finally:
            if not whole:
                self._end()

    def _start(self) -> None:
        here, there = multiprocessing.Pipe()
        command = [sys.executable, "-c", _WORKER, str(there.fileno()), *sys.path]
        self._process = subprocess.Popen(command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
        there.close()  # so that the worker's end closes the pipe
        self._pipe, self._served = here, False
        with contextlib.suppress(OSError):  # it ended already: that shows when its answer is awaited
            here.send(self.jobs)

    def _submit(self, path: Path, every: float | None = None) -> float:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._start()
        assert self._pipe is not None
        with contextlib.suppress(OSError):
            self._pipe.send((os.fspath(path), every))
        return time.monotonic()

    def _answers(self, path: Path, began: float) -> Iterator[Extraction]:
        """What comes of a task: its parts, if it has some, and the whole at last."""
        limit = seconds_to_read(path)
        try:
            while True:
                assert self._pipe is not None
                if not self._pipe.poll(max(0.0, began + limit - time.monotonic())):
                    yield self._too_long(path, limit)
                    return
                kind, value = receive_large(self._pipe)
                if kind == "size":
                    limit += seconds_to_decode(*value)
                    continue
                self._served = True
                if kind == "error":
                    raise value
                assert isinstance(value, Extraction)
                yield value
                if kind == "done":
                    return
                began = time.monotonic()  # the process waited while this part was worked on
        except (EOFError, OSError):
            yield self._died(path)

    def _too_long(self, path: Path, limit: float) -> Extraction:
        self._end()
        return Extraction(
            path,
            reason=f"{path}: decoding it did not end within {limit:.0f} seconds, far more than its size explains, and "
            "was given up. The file is damaged, or its disk does not answer: re-encode it, or leave it out.",
        )

    def _died(self, path: Path) -> Extraction:
        code = self._process.wait() if self._process is not None else 0
        self._end()
        if code == TOO_MUCH_MEMORY:
            return Extraction(
                path,
                reason=f"{path}: decoding it took far more memory than its size explains, and was given up. The file "
                "is damaged, or made to do so: re-encode it, or leave it out.",
            )
        if code == -signal.SIGKILL:
            reason = "the process that decodes it was killed, probably because the system ran out of memory"
            return Extraction(path, reason=f"{path}: {reason}. Try again with fewer programs running.", passing=True)
        if code >= 0 and not self._served:
            raise DfcoreError(
                f"the process that decodes files cannot be started (exit code {code}); what it said stands above."
            )
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"
        return Extraction(
            path,
            reason=f"{path}: the decoder crashed on it ({name}). The file is damaged: re-encode it, or leave it out.",
        )

    def _end(self) -> None:
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.wait()
