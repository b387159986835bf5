"""The process in which files are decoded, so that a decoder that crashes, hangs or fills the memory costs one file.

Started by :mod:`dfcore.inference.isolation`, and spoken to through a descriptor. It gets the jobs once, then paths; it
answers each path with ``("size", (frames, pixels))`` when that is known, and ``("done", Extraction)`` or
``("error", exception)`` at last.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

__all__ = ["TOO_MUCH_MEMORY", "main", "memory_limit"]

TOO_MUCH_MEMORY = 86
"""Exit code of a worker that took more memory than its file may cost."""
_EVERY = 0.05


def memory_limit(width: int, height: int) -> int:
    """Bytes that a file of this frame size may cost: 1.2 GB, and 16 frames, that decoders hold back."""
    return 1200 * 2**20 + 16 * (width * height * 3 // 2)


class _Watchdog(threading.Thread):
    """Ends the process when it takes more than ``limit`` bytes over what it began with."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.limit, self.began = memory_limit(1920, 1080), resident()

    def run(self) -> None:
        while True:
            if resident() - self.began > self.limit:
                os._exit(TOO_MUCH_MEMORY)
            time.sleep(_EVERY)


def resident() -> int:
    """Bytes of memory that this process takes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def main(descriptor: int) -> None:
    """Serve until the other end closes."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they may go to the whole group; the parent ends this process
        signal.signal(number, signal.SIG_IGN)
    pipe = Connection(descriptor)
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    jobs = pipe.recv()
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    watchdog = _Watchdog()
    watchdog.start()
    while True:
        path = Path(tasks.get())
        watchdog.limit = memory_limit(1920, 1080)
        pipe.send(_answer(pipe, watchdog, path, jobs))


def _receive(pipe: Connection, tasks: queue.SimpleQueue[str]) -> None:
    """Take tasks in as they come, so that the parent's end is noticed in the midst of one."""
    try:
        while True:
            tasks.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)


def _answer(pipe: Connection, watchdog: _Watchdog, path: Path, jobs: Sequence[Any]) -> tuple[str, Any]:
    from dfcore.data.media import MediaInfo
    from dfcore.inference.extraction import extract

    def probed(info: MediaInfo) -> None:
        watchdog.limit = memory_limit(info.width, info.height)
        pipe.send(("size", (info.frame_count, info.width * info.height)))

    try:
        return "done", extract(path, jobs, probed=probed)
    except Exception as error:  # handed to the parent, which raises it
        from dfcore.errors import DfcoreError, PluginError
        from dfcore.faults import described

        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # an exception class with arguments of its own
            kind = DfcoreError if isinstance(error, DfcoreError) else PluginError
            return "error", kind(described(error))
        return "error", error
