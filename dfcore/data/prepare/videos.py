"""Preparing: every record's clips and evidence into the store, in parallel, resumable at any point.

Each video is one atomic write, so a run that is stopped in any way goes on where it was. A video that cannot be used
becomes a line in the store's ``failed.jsonl``, and the rest goes on.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dfcore.data.clip_plan import ClipPlan
from dfcore.data.clips import BLOCK, Clip
from dfcore.data.prepare.comparison import Comparison, compare_images
from dfcore.data.prepare.extract import extract_clips, find_detector
from dfcore.data.prepare.pool import Died, run_tasks
from dfcore.data.prepare.pseudo_fakes import forged_file
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore, StoredVideo
from dfcore.data.store.index import Failure, IndexEntry, Origin
from dfcore.data.store.write import write_evidence, write_video
from dfcore.errors import DatasetError, DfcoreError, MediaError, PluginError, StoreError
from dfcore.progress import SILENT, TERMINAL, Progress
from dfcore.results import Result
from dfcore.specs import EvidenceSpec, resolve

__all__ = ["Failure", "PrepareReport", "missing_evidence", "prepare_videos", "survey"]

log = logging.getLogger("dfcore.data.prepare.videos")


@dataclass(frozen=True, slots=True)
class PrepareReport(Result):
    """What :func:`prepare_videos` did.

    Attributes:
        done: videos whose clips or evidence were made.
        reused: videos that had all that was asked for.
        failed: videos that cannot be used, those known from earlier runs included.
        seconds: time taken.
    """

    done: int
    reused: int
    failed: tuple[Failure, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Task:
    """One video's work. With an ``entry`` its clips are there, and only the rest is to be made."""

    root: Path
    record: VideoRecord
    plan: ClipPlan
    evidence: tuple[EvidenceSpec, ...]
    entry: IndexEntry | None
    origin: Origin
    threads: int
    compare: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a task: what the store now holds of the video, and why not all of it."""

    entry: IndexEntry | None
    reason: str = ""
    comparison: Comparison | None = None


def prepare_videos(
    records: Sequence[VideoRecord],
    store: ClipStore,
    plan: ClipPlan,
    evidence: Sequence[EvidenceSpec] = (),
    *,
    workers: int = 0,
    sharing: int = 1,
    progress: Progress | None = TERMINAL,
    retry_failed: bool = False,
    check: Callable[[], None] | None = None,
) -> PrepareReport:
    """Bring the store to where every record has the clips of ``plan`` and all ``evidence``, or a reason why not; and
    where every fake with a ``original_path`` was compared with it (``store.comparisons``).

    What is there is reused: a video is prepared again only when its plan does not cover the one asked for (then with
    the union of both), when its source file has another size, or when its file is damaged. Failures
    are not tried again unless their file changed or ``retry_failed`` is set.

    Args:
        records: the videos; ids must be unique.
        store: where to.
        plan: what to cut out.
        evidence: what to extract from the clips.
        workers: processes; 0 means one per core; 1 works in this process.
        sharing: how many such calls share this machine's cores at the moment.
        progress: shows a bar; None shows nothing.
        retry_failed: try videos again that failed before.
        check: called after each video; what it raises ends the call, and what was done is kept.

    Raises:
        WriteError: the disk is full or not writable. What was done is kept.
        DatasetError: two records have the same id.
        PluginError: an evidence extractor cannot be imported, or returns something of another shape.
        UnknownNameError: no detector of the plan's name.
    """
    started = time.monotonic()
    _check_ids(records)
    cores = max(1, _cores() // sharing)
    tasks, failed, reused = _survey(records, store, plan, evidence, retry_failed)
    if any(task.entry is None for task in tasks):
        find_detector(plan.detector)  # an unknown name is an error of the call, not of each video
    for spec in evidence:
        resolve(spec.extractor, f"evidence {spec.name}")
    done = 0
    with closing((progress or SILENT).bar("preparing", len(tasks), unit="video")) as bar:
        for task, outcome in _run(tasks, workers if workers > 0 else cores, cores):
            failure = _record(store, task, outcome)
            if failure:
                failed.append(failure)
                bar.note(failed=len(failed))
            else:
                done += 1
            bar.update()
            if check is not None:
                check()
    if tasks:
        store.settle()
    return PrepareReport(done, reused, tuple(failed), time.monotonic() - started)


def survey(
    records: Sequence[VideoRecord], store: ClipStore, plan: ClipPlan, evidence: Sequence[EvidenceSpec] = ()
) -> tuple[list[VideoRecord], PrepareReport]:
    """What :func:`prepare_videos` would have to do, and the report on all other records. Decodes and writes nothing.

    Raises:
        DatasetError: two records have the same id.
    """
    started = time.monotonic()
    _check_ids(records)
    tasks, failed, reused = _survey(records, store, plan, evidence, retry_failed=False)
    return [task.record for task in tasks], PrepareReport(0, reused, tuple(failed), time.monotonic() - started)


def missing_evidence(entry: IndexEntry, evidence: Iterable[EvidenceSpec]) -> tuple[EvidenceSpec, ...]:
    """Those that the stored video lacks, or has in another version."""
    return tuple(spec for spec in evidence if entry.evidence.get(spec.name) != spec.version)


# -- what is to be done ------------------------------------------------------------------------------------------


def _check_ids(records: Sequence[VideoRecord]) -> None:
    seen: dict[str, Path] = {}
    for record in records:
        if record.id in seen:
            raise DatasetError(
                f"two videos have the id {record.id!r}: {seen[record.id]} and {record.path}. Rename one of them, or "
                "prepare them in two stores."
            )
        seen[record.id] = record.path


def _survey(
    records: Sequence[VideoRecord],
    store: ClipStore,
    plan: ClipPlan,
    evidence: Sequence[EvidenceSpec],
    retry_failed: bool,
) -> tuple[list[_Task], list[Failure], int]:
    """The tasks, the failures that stand, and how many videos need nothing."""
    tasks: list[_Task] = []
    failed: list[Failure] = []
    reused = 0
    for record in records:
        origin = Origin.of(record.path)
        failure = store.failures.get(record.id)
        if failure is not None and failure.origin == origin and not retry_failed:
            failed.append(failure)
            continue
        entry, compare = store.index.get(record.id), _to_compare(store, record)
        if entry is not None and _usable(store, entry, plan, origin):
            missing = missing_evidence(entry, evidence)
            if not missing and not compare:
                reused += 1
                continue
            tasks.append(_Task(store.root, record, entry.plan, missing, entry, origin, 0, compare))
        else:
            wanted = plan if entry is None else entry.plan.union(plan)
            tasks.append(_Task(store.root, record, wanted, tuple(evidence), None, origin, 0, compare))
    return tasks, failed, reused


def _to_compare(store: ClipStore, record: VideoRecord) -> bool:
    """Whether the fake is still to be compared with its original, which is there."""
    if record.original_path is None or not record.original_path.is_file():
        return False
    known = store.comparisons.get(record.id)
    return known is None or not known.holds(record.path, record.original_path)


def _usable(store: ClipStore, entry: IndexEntry, plan: ClipPlan, origin: Origin) -> bool:
    """Whether stored clips serve the plan; a source that is not there at the moment does not speak against them."""
    if not entry.plan.covers(plan) or (origin.size >= 0 and origin.size != entry.origin.size):
        return False
    try:
        StoredVideo(store.root, entry)
    except StoreError as error:
        log.warning("%s It is being made again now.", error)
        return False
    return True


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# -- doing it ----------------------------------------------------------------------------------------------------


def _run(tasks: Sequence[_Task], workers: int, cores: int) -> Iterator[tuple[_Task, Any]]:
    workers = min(workers, len(tasks))
    if workers <= 1:
        for task in tasks:
            yield task, _work(task)
        return
    threads = max(1, cores // workers)
    yield from run_tasks(_work, [replace(task, threads=threads) for task in tasks], workers)


def _work(task: _Task) -> _Outcome:
    """One video, from file to store. Whatever is this video's own fault is an outcome, not an error."""
    entry, comparison = task.entry, None
    try:
        if entry is None or task.evidence:
            clips, entry = _clips(task)
            for spec in task.evidence:
                values = [_extract(spec, clip) for clip in clips]
                entry = write_evidence(task.root, entry, spec.name, spec.version, values)
        if task.compare and task.record.original_path is not None:
            comparison = compare_images(
                task.record.id, task.record.path, task.record.original_path, threads=task.threads
            )
    except MediaError as error:
        return _Outcome(entry, str(error))
    except DfcoreError:
        raise  # a full disk or a broken plugin would fail every other video too
    except MemoryError:
        return _Outcome(entry, f"{task.record.path}: not enough memory for its clips. Prepare with fewer workers.")
    except Exception as error:  # a fault that one odd file brings out must not stop the other thousands
        log.warning("%s failed", task.record.path, exc_info=True)
        return _Outcome(entry, f"{task.record.path}: {type(error).__name__}: {error}")
    return _Outcome(entry, comparison=comparison)


def _clips(task: _Task) -> tuple[list[Clip], IndexEntry]:
    """The clips in memory, taken from the store where they are there."""
    if task.entry is not None:
        try:
            video = StoredVideo(task.root, task.entry)
            return [video.load(i) for i in range(len(video))], task.entry
        except StoreError as error:
            log.warning("%s It is being made again now.", error)
    record = task.record
    with forged_file(record, detector=task.plan.detector, threads=task.threads) as path:
        clips = extract_clips(path, task.plan, record=record, threads=task.threads)
    return clips, write_video(task.root, record.id, clips, task.plan, task.origin)


def _extract(spec: EvidenceSpec, clip: Clip) -> np.ndarray:
    values = np.asarray(resolve(spec.extractor, f"evidence {spec.name}")(clip))
    frames, height, width = clip.y.shape
    expected = (frames, spec.channels, height // BLOCK, width // BLOCK)
    if values.shape != expected:
        raise PluginError(
            f"the evidence extractor {spec.extractor} must return [T, C, H/16, W/16] = {list(expected)} for this clip; "
            f"it returned {list(values.shape)}. Its plugin needs repair."
        )
    return values


def _record(store: ClipStore, task: _Task, outcome: _Outcome | Died) -> Failure | None:
    """Take an outcome into the index or the list of failures."""
    video = task.record.id
    if isinstance(outcome, Died):
        reason = f"{task.record.path}: {outcome.reason}."
        return store.failures.add(video, task.record.path, reason, task.origin)
    if outcome.entry is not None and outcome.entry != task.entry:
        store.add(outcome.entry)
    if outcome.comparison is not None:
        store.comparisons.add(outcome.comparison)
    if outcome.reason:
        return store.failures.add(video, task.record.path, outcome.reason, task.origin)
    if video in store.failures:
        store.failures.forget([video])
    return None
