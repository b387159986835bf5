"""Files decoded ahead, in processes of their own, with limits of time and memory that scale with the file."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dfcore.data.workers.machine import free_memory, usable_cores
from dfcore.data.workers.process import TOLD, Died, Part, Worker, can_isolate, seconds_to_read
from dfcore.inference.ahead.early import EarlyStart
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.ahead.task import Extract, Task
from dfcore.inference.clips import Extraction

__all__ = ["IsolatedExtractor", "can_isolate", "worker_count"]

_MEMORY = 2 * 2**30
"""Bytes that a process may take: what any file may cost it, and what it imports."""


def worker_count(wanted: int | None, device: str, files: int) -> int:
    """How many processes decode: as many as asked, or as are of use; never more than files.

    On a CPU the models compute with every core, and half of the cores can decode meanwhile, four at most; with an
    accelerator all but one can, eight at most. Each needs 2 GB of free memory.
    """
    if wanted is None:
        cores = usable_cores()
        wanted = min(4, cores // 2) if device == "cpu" else min(8, cores - 1)
        wanted = min(wanted, free_memory() // _MEMORY) if free_memory() else wanted
    return max(1, min(wanted, files))


class IsolatedExtractor:
    """Extracts files in other processes, the next ones while the caller works on the last.

    Args:
        jobs: what is needed of each file.
        workers: processes; as many files, and one more, are extracted ahead.
        early: of which the first process is taken over.
    """

    def __init__(self, jobs: Sequence[Job], workers: int = 1, early: EarlyStart | None = None) -> None:
        self.jobs, self.workers = tuple(jobs), max(1, workers)
        # One process decodes with every core; several share them.
        self._threads = 0 if self.workers == 1 else max(1, usable_cores() // self.workers)
        self._early = early
        self._slots = [_Slot() for _ in range(self.workers)]
        self._helpers: ThreadPoolExecutor | None = None

    def __enter__(self) -> IsolatedExtractor:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def extract_all(self, paths: Sequence[Path]) -> Iterator[Extraction]:
        """The extraction of each file in turn, whichever is there first.

        Raises:
            DfcoreError: what is no file's fault: see :func:`dfcore.inference.extraction.extract`.
        """
        if not paths:
            return
        # A thread for each process, which takes what it gives: a process never waits for the caller to end its work.
        helpers = self._helpers = ThreadPoolExecutor(self.workers, thread_name_prefix="extraction")
        free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        for slot in self._slots[1:]:
            free.put(slot)

        def extracted(path: Path, slot: _Slot | None) -> Extraction:
            slot = slot or free.get()
            try:
                return slot.extract(Task(self.jobs, path, None, self._threads))
            finally:
                free.put(slot)

        waiting: deque[Future[Extraction]] = deque()
        try:
            self._start_early(paths[0])
            for number, path in enumerate(paths):
                waiting.append(_begun(helpers, extracted, path, None if number else self._slots[0]))
                if len(waiting) > self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            self._end()

    def extract_along(self, path: Path, every: float) -> Iterator[Extraction]:
        """A file's clips along its length, as :func:`dfcore.inference.course.extract_course` gives them.

        Closed before its end, it ends the process; the next file has a new one.

        Raises:
            DfcoreError: what is no file's fault: see :func:`dfcore.inference.extraction.extract`.
        """
        yield from self._slots[0].extract_along(Task(self.jobs, path, every, self._threads))

    def _end(self) -> None:
        for slot in self._slots:
            slot.stop()  # a thread that waits for it sees its end
        if self._helpers is not None:
            self._helpers.shutdown(wait=True, cancel_futures=True)
        for slot in self._slots:
            slot.close()

    def _start_early(self, path: Path) -> None:
        """Take over the process that was started early: the first slot's, as the first file is."""
        if self._early is not None:
            first = self._slots[0]
            first.worker, given = self._early.take(Task(self.jobs, path))
            first.given = Task(self.jobs, path, None, self._threads) if given else None
            self._early = None


def _begun(helpers: ThreadPoolExecutor, work: Callable[..., Extraction], *given: Any) -> Future[Extraction]:
    """``work`` in another thread; at once where none can be started (the main one has ended, the caller's has not)."""
    try:
        return helpers.submit(work, *given)
    except RuntimeError:
        done: Future[Extraction] = Future()
        try:
            done.set_result(work(*given))
        except Exception as error:
            done.set_exception(error)
        return done


class _Slot:
    """A place for one process: a new one takes a dead one's."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.given: Task | None = None
        self._closed = threading.Event()  # of the thread that waits, by another

    def extract(self, task: Task) -> Extraction:
        """Do a task to its end; it may have been given before."""
        self._give(task)
        found = self._answer()
        if isinstance(found, Died):
            return self._dead(task, found)
        assert isinstance(found, Extraction)
        return found

    def extract_along(self, task: Task) -> Iterator[Extraction]:
        whole = False
        try:
            self._give(task)
            while (found := self._answer()) is not None:
                if isinstance(found, Died):
                    yield self._dead(task, found)
                    return
                assert isinstance(found, Part)
                yield found.value
            whole = True
        finally:
            if not whole:
                self.close()

    def stop(self) -> None:
        """Kill the process, whoever waits for it."""
        self._closed.set()
        if self.worker is not None:
            self.worker.process.kill()

    def close(self) -> None:
        """End the process, for which nobody waits; the next task has a new one."""
        worker, self.worker, self.given = self.worker, None, None
        if worker is not None:
            worker.end()
        self._closed.clear()

    def _give(self, task: Task) -> None:
        given, self.given = self.given, None
        if given == task:
            return
        if self.worker is None and not self._closed.is_set():
            self.worker = Worker(Extract())
            if self._closed.is_set():  # meanwhile
                self.worker.process.kill()
        if self.worker is not None:
            self.worker.give(task, seconds_to_read(task.path))

    def _answer(self) -> Any:
        """The next that the process has to say of its task."""
        if self.worker is None:
            return Died("nobody waits for it any more")
        while (found := self.worker.answer()) is TOLD:
            pass
        return found

    def _dead(self, task: Task, died: Died) -> Extraction:
        self.worker = None
        return Extraction(task.path, reason=f"{task.path}: {died.reason}.", passing=not died.by_file)
