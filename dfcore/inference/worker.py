"""The process in which files are decoded, so that a decoder that crashes, hangs or fills the memory costs one file.

Started by :mod:`dfcore.inference.isolation`, and spoken to through a descriptor. It gets the jobs once, then tasks: a
path, and the seconds between clips along it where these are wanted instead. It answers each task with ``("size",
(frames, pixels))`` when that is known, with ``("part", Extraction)`` for each stretch of clips along the file, and with
``("done", Extraction)`` or ``("error", exception)`` at last.
"""

from __future__ import annotations

import gc
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

__all__ = ["TOO_MUCH_MEMORY", "main", "memory_limit", "receive_large", "send_large"]

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
    pipe = Connection(descriptor)
    tasks: queue.SimpleQueue[tuple[str, float | None]] = queue.SimpleQueue()
    jobs = pipe.recv()
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    import dfcore.inference.extraction  # noqa: F401  what is needed is there before memory is measured

    gc.freeze()  # what was imported stays: there is no need to look at it at every collection
    watchdog = _Watchdog()
    watchdog.start()
    while True:
        path, every = tasks.get()
        watchdog.limit = memory_limit(1920, 1080)
        send_large(pipe, _answer(pipe, watchdog, Path(path), every, jobs))


def _receive(pipe: Connection, tasks: queue.SimpleQueue[tuple[str, float | None]]) -> None:
    """Take tasks in as they come, so that the parent's end is noticed in the midst of one."""
    try:
        while True:
            tasks.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)


def _answer(
    pipe: Connection, watchdog: _Watchdog, path: Path, every: float | None, jobs: Sequence[Any]
) -> tuple[str, Any]:
    from dfcore.data.media import MediaInfo
    from dfcore.inference.course import extract_course
    from dfcore.inference.extraction import Extraction, extract

    def probed(info: MediaInfo) -> None:
        watchdog.limit = memory_limit(info.width, info.height)
        send_large(pipe, ("size", (info.frame_count, info.width * info.height)))

    try:
        if every is None:
            return "done", extract(path, jobs, probed=probed)
        for part in extract_course(path, jobs, every, probed=probed):
            send_large(pipe, ("part", part))
        return "done", Extraction(path)
    except Exception as error:  # handed to the parent, which raises it
        from dfcore.errors import DfcoreError, PluginError
        from dfcore.text import described

        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # an exception class with arguments of its own
            kind = DfcoreError if isinstance(error, DfcoreError) else PluginError
            return "error", kind(described(error))
        return "error", error
