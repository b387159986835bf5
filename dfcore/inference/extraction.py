"""From files to the clips that specialists judge, with one guard around every file.

Whatever is raised for one file is that file's reason. Only what would fail every other file too is an error: a fault
in a plugin's code, a name that nothing installed answers to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dfcore.data.clips.part import cut_part
from dfcore.data.media.reasons import is_passing, reason_of
from dfcore.data.prepare.evidence import run_extractor
from dfcore.data.prepare.extract import extract_for_plans
from dfcore.data.prepare.extracted import Extracted
from dfcore.data.protocols import FaceDetector
from dfcore.errors import DataError, DfcoreError, MediaError
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.clips import Extraction, evidence_key

__all__ = ["extract", "kept_warnings", "refused", "with_evidence"]


def extract(
    path: Path,
    jobs: Sequence[Job],
    *,
    detector: FaceDetector | None = None,
    threads: int = 0,
) -> Extraction:
    """What a file gives for each job. See the module's text for what is raised.

    Raises:
        PluginError: a detector or an evidence extractor raised something, or returned something of a wrong shape.
        UnknownNameError: no such detector.
    """
    plans = [job.plan for job in jobs]
    with kept_warnings() as notes:
        try:
            found = extract_for_plans(path, plans, detector=detector, threads=threads)
            clips = tuple(with_evidence(one, job) for one, job in zip(found, jobs, strict=True))
        except Exception as error:
            return replace(refused(path, error), notes=tuple(notes))
        return Extraction(path, clips, notes=tuple(notes))


@contextmanager
def kept_warnings() -> Iterator[list[str]]:
    """What the data layer warns of inside, each once, in place of printing it."""
    notes: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if (text := record.getMessage()) not in notes:
                notes.append(text)

    logger, handler = logging.getLogger("dfcore.data"), Keep(logging.WARNING)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield notes
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def refused(path: Path, error: Exception) -> Extraction:
    """What a file gives for which this was raised; raises what would fail every other file too."""
    if isinstance(error, DfcoreError) and not isinstance(error, DataError):
        raise error
    passing = is_passing(path, error)
    return Extraction(path, reason=reason_of(path, error, passing=passing), passing=passing)


def with_evidence(found: Extracted, job: Job) -> Extracted:
    """The clips with their evidence; a clip that gives none for a reason of its own gives the plan that reason."""
    try:
        for clip in found.clips:
            for spec, frames in job.evidence:
                clip.evidence[evidence_key(spec, frames)] = run_extractor(spec, cut_part(clip, frames))
    except MediaError as error:
        return Extracted(reason=str(error), people_seen=found.people_seen)
    return found
