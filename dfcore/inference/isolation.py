"""Files decoded one ahead, in a process of their own, with limits of time and memory that scale with the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dfcore.data.workers.process import TOLD, Died, Part, Worker, can_isolate, seconds_to_read
from dfcore.inference.course import extract_course
from dfcore.inference.extraction import Extraction, Job, extract

__all__ = ["IsolatedExtractor", "can_isolate"]


class IsolatedExtractor:
    """Extracts files in another process, the next one while the caller works on the last.

    Args:
        jobs: what is needed of each file.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = tuple(jobs)
        self._worker: Worker | None = None

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
        for path in paths[:1]:
            self._submit(path)
        for number, path in enumerate(paths):
            found = self._result(path)
            if number + 1 < len(paths):
                self._submit(paths[number + 1])
            yield found

    def extract_along(self, path: Path, every: float) -> Iterator[Extraction]:
        """A file's clips along its length, as :func:`dfcore.inference.course.extract_course` gives them.

        Closed before its end, it ends the process; the next file has a new one.

        Raises:
            DfcoreError: what is no file's fault: see :func:`dfcore.inference.extraction.extract`.
        """
        whole = False
        try:
            self._submit(path, every)
            while (found := self._answer()) is not None:
                if isinstance(found, Died):
                    yield self._dead(path, found)
                    return
                assert isinstance(found, Part)
                yield found.value
            whole = True
        finally:
            if not whole:
                self._end()

    def _start(self) -> Worker:
        self._worker = Worker(partial(_extract, self.jobs))
        return self._worker

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def _submit(self, path: Path, every: float | None = None) -> None:
        worker = self._worker or self._start()
        worker.give((path, every), seconds_to_read(path))

    def _answer(self) -> Any:
        """The next that the worker has to say of its task."""
        assert self._worker is not None
        while (found := self._worker.answer()) is TOLD:
            pass
        return found

    def _result(self, path: Path) -> Extraction:
        found = self._answer()
        if isinstance(found, Died):
            return self._dead(path, found)
        assert isinstance(found, Extraction)
        return found

    def _dead(self, path: Path, died: Died) -> Extraction:
        self._worker = None
        return Extraction(path, reason=f"{path}: {died.reason}.", passing=not died.by_file)


def _extract(jobs: Sequence[Job], task: tuple[Path, float | None]) -> Extraction | Iterator[Extraction]:
    """In the worker: a file's clips, or those along it."""
    path, every = task
    return extract(path, jobs) if every is None else extract_course(path, jobs, every)
