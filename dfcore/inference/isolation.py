"""Files decoded one ahead, in a process of their own, with limits of time and memory that scale with the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from dfcore.data.workers.process import Died, Worker, can_isolate, seconds_to_read
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
        if self._worker is not None:
            self._worker.end()

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

    def _start(self) -> Worker:
        self._worker = Worker(partial(extract, jobs=self.jobs))
        return self._worker

    def _submit(self, path: Path) -> None:
        worker = self._worker or self._start()
        worker.give(path, seconds_to_read(path))

    def _result(self, path: Path) -> Extraction:
        assert self._worker is not None
        found = None
        while found is None:
            found = self._worker.answer()
        if isinstance(found, Died):
            self._worker = None
            return Extraction(path, reason=f"{path}: {found.reason}.", passing=not found.by_file)
        assert isinstance(found, Extraction)
        return found
