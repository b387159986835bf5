"""What a process that decodes is asked to do. Importable without numpy, torch or a decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfcore.collector import importing
from dfcore.inference.ahead.jobs import Job

__all__ = ["Extract", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """One file.

    Attributes:
        jobs: what is needed of it.
        path: the file.
        every: None, or seconds from one clip along it to the next.
        threads: decoding threads; 0 means one per core.
    """

    jobs: tuple[Job, ...]
    path: Path
    every: float | None = None
    threads: int = 0


class Extract:
    """Does a :class:`Task` in the process that it is sent to: what it needs is imported there, as it arrives."""

    def __call__(self, task: Task) -> Any:
        """The file's :class:`~dfcore.inference.extraction.Extraction`, or an iterator of those along it."""
        from dfcore.inference.course import extract_course
        from dfcore.inference.extraction import extract

        if task.every is None:
            return extract(task.path, task.jobs, threads=task.threads)
        return extract_course(task.path, task.jobs, task.every, threads=task.threads)

    def __reduce__(self) -> tuple[Callable[[], Extract], tuple[()]]:
        return _arrive, ()


def _arrive() -> Extract:
    with importing():
        import onnxruntime  # noqa: F401  (the face detector's, loaded while the other side is loading too)

        import dfcore.inference.course  # noqa: F401

    return Extract()
