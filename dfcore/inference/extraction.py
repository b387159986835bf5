"""From files to the clips that specialists judge, with one guard around every file.

Whatever is raised for one file is that file's reason. Only what would fail every other file too is an error: a fault
in a plugin's code, a name that nothing installed answers to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dfcore.data.clip_part import cut_part, without_landmarks
from dfcore.data.clip_plan import ClipPlan
from dfcore.data.clips import Clip
from dfcore.data.media.reasons import is_passing, reason_of
from dfcore.data.prepare.evidence import run_extractor
from dfcore.data.prepare.extract import Extracted, extract_for_plans
from dfcore.data.protocols import FaceDetector
from dfcore.errors import DataError, DfcoreError, MediaError
from dfcore.inference.ahead.jobs import Job
from dfcore.specs import EvidenceSpec

__all__ = ["Extraction", "extract", "kept_warnings", "own_clip", "refused", "with_evidence"]


def own_clip(clip: Clip, plan: ClipPlan, evidence: Sequence[EvidenceSpec]) -> Clip:
    """A job's clip as one of its plans has it, to the last bit, with that plan's evidence; no pixel is copied."""
    part = cut_part(clip, plan.frames)
    if not plan.landmarks:
        part = without_landmarks(part)
    values = {spec.name: clip.evidence[evidence_key(spec, plan.frames)] for spec in evidence}
    if plan.speech > 0:
        return replace(part, evidence=values)
    return replace(part, evidence=values, speech=None, header=replace(part.header, speech_start=None))


def evidence_key(spec: EvidenceSpec, frames: int) -> str:
    """Under which a job's clips keep an evidence of their middle ``frames`` frames."""
    return f"{spec.name}/{frames}"


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a file gives: for each job its clips or a reason; or one ``reason`` for all.

    ``passing`` says that the reason lies with the machine, not with the file, and may be gone the next time; ``notes``
    are the decoder's warnings; ``facts`` are the container's, where they were asked for.
    """

    path: Path
    jobs: tuple[Extracted, ...] = ()
    reason: str = ""
    passing: bool = False
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


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
