"""A worker process's side: it gets a function once, then tasks, and answers each with what the function returns.

Started by :mod:`dfcore.data.workers.process`, and spoken to through a descriptor. Its answers are ``("ready", None)``
when what the function needs is imported; ``("size", seconds)`` when a task's file is known to need so many more;
``("part", value)`` for each value of a function that is a generator; ``("done", value)`` or ``("error", exception)``
at last.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import GeneratorType
from typing import Any

from dfcore.collector import importing
from dfcore.console.logs import print_warnings

__all__ = [
    "TOO_MUCH_MEMORY",
    "announce",
    "in_worker",
    "main",
    "memory_limit",
    "receive_large",
    "seconds_to_decode",
    "send_large",
]

TOO_MUCH_MEMORY = 86
"""Exit code of a worker that took more memory than its file may cost."""
_EVERY = 0.05
_PIXELS = 5e6
"""Pixels a second that a decoder makes at least: a fortieth of what one core makes of H.264."""
_BASE, _FRAMES = 1800 * 2**20, 6
"""Bytes that any file may cost, and frames that a decoder may hold besides. A close-up in 1080p, cut and extracted for
five specialists at once, took 0.96 GB: frames that are held, clips of wide windows, and evidence in the making."""


def memory_limit(width: int, height: int, held: int = 0) -> int:
    """Bytes that a file of this frame size may cost; ``held`` is how many whole frames are held."""
    return _BASE + (_FRAMES + held) * (width * height * 3 // 2)


def seconds_to_decode(frames: int, pixels: int) -> float:
    """The time that so many frames of so many pixels may take, beyond what any file may."""
    return frames * pixels / _PIXELS


STUCK = 1800.0
"""Seconds in which no thread of Python's came to its turn: then a library hangs, and would hang for ever if nobody is
left who ends it."""


class _Watchdog(threading.Thread):
    """Ends the process when it takes more than ``limit`` bytes over what it began with, or is stuck."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.limit, self.began = memory_limit(1920, 1080), resident()
        self._due, self._nowhere = 0.0, Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends

    def run(self) -> None:
        while True:
            if time.monotonic() >= self._due:
                # A thread of its own, without Python's lock, counts down, unless it is told anew.
                faulthandler.dump_traceback_later(STUCK, exit=True, file=self._nowhere)
                self._due = time.monotonic() + STUCK / 4
            if resident() - self.began > self.limit:
                os._exit(TOO_MUCH_MEMORY)
            time.sleep(_EVERY)


class _Here:
    """What :func:`announce` reaches in a worker; nothing in any other process."""

    pipe: Connection | None = None
    watchdog: _Watchdog | None = None


def announce(frames: int, width: int, height: int, *, held: int = 0) -> None:
    """Say how large the file is that is about to be decoded: the limits of time and memory grow with it.

    Does nothing outside of a worker.

    Args:
        frames: in the file.
        width: of a frame.
        height: of a frame.
        held: whole frames that are held at once.
    """
    if _Here.watchdog is not None:
        _Here.watchdog.limit = max(_Here.watchdog.limit, memory_limit(width, height, held))
    if _Here.pipe is not None:
        send_large(_Here.pipe, ("size", seconds_to_decode(frames, width * height)))


def in_worker() -> bool:
    """Whether this process is a worker: others compute beside it."""
    return _Here.pipe is not None


def resident() -> int:
    """Bytes of memory that this process takes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def send_large(pipe: Connection, message: object) -> None:
    """Send a message, its arrays one by one: neither end ever holds a copy of all of them."""
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [buffer.raw() for buffer in buffers]
    pipe.send((content, [part.nbytes for part in parts]))
    for part in parts:
        pipe.send_bytes(part)


def receive_large(pipe: Connection) -> Any:
    """What :func:`send_large` sent."""
    content, sizes = pipe.recv()
    buffers = [bytearray(size) for size in sizes]  # arrays that may be written to, as others
    for buffer in buffers:
        pipe.recv_bytes_into(buffer)
    return pickle.loads(content, buffers=buffers)


def main(descriptor: int) -> None:
    """Serve until the other end closes."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they may go to the whole group; the parent ends this process
        signal.signal(number, signal.SIG_IGN)
    print_warnings()
    warnings.simplefilter("ignore")  # a library's remarks on a file's metadata; what matters is logged or raised
    pipe = Connection(descriptor)
    with importing():
        function = pipe.recv()  # imports what it needs, before memory is measured
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        send_large(pipe, ("ready", None))
    except OSError:  # whoever started it is gone already
        return
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    watchdog = _Watchdog()
    watchdog.start()
    _Here.pipe, _Here.watchdog = pipe, watchdog
    while True:
        task = tasks.get()
        watchdog.limit = memory_limit(1920, 1080)
        send_large(pipe, _answer(pipe, function, task))


def _receive(pipe: Connection, tasks: queue.SimpleQueue[Any]) -> None:
    """Take tasks in as they come, so that the parent's end is noticed in the midst of one."""
    try:
        while True:
            tasks.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)


def _answer(pipe: Connection, function: Callable[[Any], Any], task: Any) -> tuple[str, Any]:
    try:
        value = function(task)
        if not isinstance(value, GeneratorType):
            return "done", value
        for part in value:
            send_large(pipe, ("part", part))
        return "done", None
    except Exception as error:  # handed to the parent, which raises it
        from dfcore.errors import DfcoreError, PluginError
        from dfcore.text import described

        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # an exception class with arguments of its own
            kind = DfcoreError if isinstance(error, DfcoreError) else PluginError
            return "error", kind(described(error))
        return "error", error
