"""The first file is decoded while torch, timm and the models are loaded.

A process that decodes is started as the first thing of all, and given the first file as soon as the descriptions in the
files of weights, read without torch, say what the specialists need of it. If that turns out to be something else than
the loaded models need, what it did is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from dfcore.data.workers.process import Worker, can_isolate, seconds_to_read
from dfcore.errors import DfcoreError
from dfcore.inference.ahead.jobs import Job, join_jobs
from dfcore.inference.ahead.peek import peek
from dfcore.inference.ahead.task import Extract, Task
from dfcore.inference.models import Found, plan_of
from dfcore.plugins import registry

__all__ = ["EarlyStart", "expected_jobs"]


class EarlyStart:
    """A worker that was started early, until somebody takes it over; a context that ends it where nobody did.

    Args:
        wanted: whether to start one; it is not where this system cannot.
    """

    def __init__(self, wanted: bool = True) -> None:
        self._worker = Worker(Extract()) if wanted and can_isolate() else None
        self._task: Task | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(
        self, paths: Sequence[Path], found: Sequence[Found], *, people: int | None = None, detector: str | None = None
    ) -> None:
        """Give it the first file, if it can be told what is needed of that; arguments as those of
        :func:`~dfcore.inference.models.load_models`.
        """
        jobs = expected_jobs(found, people, detector) if self._worker and paths else ()
        if self._worker is not None and jobs:
            self._task = Task(jobs, paths[0])
            self._worker.give(self._task, seconds_to_read(paths[0]))

    def take(self, task: Task) -> tuple[Worker | None, bool]:
        """The worker, which is the caller's from now on, and whether it has that very task already. None where there is
        none, or where it was given another task.
        """
        worker, self._worker = self._worker, None
        if worker is None:
            return None, False
        if self._task == task:
            worker.count_from_now()  # what loading the models took is not the file's
            return worker, True
        if self._task is None:
            return worker, False
        worker.end()
        return None, False

    def end(self) -> None:
        """End it, if nobody took it over."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


def expected_jobs(found: Sequence[Found], people: int | None, detector: str | None) -> tuple[Job, ...]:
    """What the specialists in those files need of each video, by their descriptions alone; () where one does not say.

    Args:
        found: files of weights.
        people: see :func:`dfcore.inference.models.plan_of`.
        detector: likewise.
    """
    jobs = []
    try:
        for one in found:
            meta = peek(one.path)
            if meta is None:
                return ()
            spec = registry().trainable(str(meta.get("specialist")))
            jobs.append(Job.of(plan_of(one.path, spec, meta, people=people, detector=detector), spec.evidence))
    except DfcoreError:  # loading the file says it, or leaves the file out
        return ()
    return join_jobs(jobs)
