"""A file's clips along its whole length, a stretch at a time: what a score's course through a video is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dfcore.data.media.facts import media_facts
from dfcore.data.prepare.along import extract_along
from dfcore.data.protocols import FaceDetector
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.clips import Extraction
from dfcore.inference.extraction import kept_warnings, refused, with_evidence

__all__ = ["extract_course"]


def extract_course(
    path: Path,
    jobs: Sequence[Job],
    every: float,
    *,
    detector: FaceDetector | None = None,
    threads: int = 0,
) -> Iterator[Extraction]:
    """The clips of each job along a file, stretch by stretch. The first extraction has no clips and the file's facts;
    one with a reason is the last.

    Args:
        path: the file.
        jobs: what is needed of it; the number of clips follows from ``every``.
        every: seconds from one clip to the next.
        detector: finds faces; None takes each plan's.
        threads: decoding threads; 0 means one per core.

    Raises:
        PluginError: a detector or an evidence extractor raised something, or returned something of a wrong shape.
        UnknownNameError: no such detector.
    """
    plans = [job.plan for job in jobs]
    with kept_warnings():  # the same that the verdict's own pass gave
        try:
            facts: dict[str, Any] = media_facts(path)
            yield Extraction(path, facts=facts)
            for found in extract_along(path, plans, every=every, detector=detector, threads=threads):
                clips = tuple(with_evidence(one, job) for one, job in zip(found, jobs, strict=True))
                yield Extraction(path, clips)
        except Exception as error:
            yield refused(path, error)
