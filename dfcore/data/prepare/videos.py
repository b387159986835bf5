"""Preparing: every record's clips and evidence into the store, in parallel, resumable at any point.

Each video is one atomic write, so a run that is stopped in any way goes on where it was. A video that cannot be used
becomes a line in the store's ``failed.jsonl``, and the rest goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial

from dfcore.console.progress import SILENT, TERMINAL, Guarded, Progress
from dfcore.data.clips import Clip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.faces.look import find_detector
from dfcore.data.forged.faces import find_forged_faces, tells_forged_face
from dfcore.data.media.reasons import is_passing, reason_of
from dfcore.data.prepare.comparison import compare_images
from dfcore.data.prepare.evidence import run_extractor
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.prepare.neighbours import as_it_is_now, lost_to_others
from dfcore.data.prepare.people import keep_forged, plan_for_all
from dfcore.data.prepare.pseudo_fakes import forged_file
from dfcore.data.prepare.survey import Survey, Task, in_working_order, missing_evidence, survey_records
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore, StoredVideo
from dfcore.data.store.comparisons import Comparison
from dfcore.data.store.forged_faces import ForgedFaces
from dfcore.data.store.index import Failure, IndexEntry
from dfcore.data.store.origin import Origin
from dfcore.data.store.write import write_evidence, write_video
from dfcore.data.workers.machine import usable_cores
from dfcore.data.workers.pool import Died, run_tasks
from dfcore.data.workers.process import can_isolate, seconds_to_read
from dfcore.errors import DfcoreError, MediaError, StoreError, WriteError
from dfcore.filesystem.writing import is_full, require_writable, write_error
from dfcore.results import Result
from dfcore.specs import EvidenceSpec, resolve

__all__ = ["Failure", "PrepareReport", "missing_evidence", "prepare_videos", "survey"]

_ROUNDS = 4
"""How often at most what others wrote over is made again; each time it serves them too."""
_STEPS = 3
"""How often the time that a file may take to be read: a video may be read, damaged, encoded and read again."""

log = logging.getLogger("dfcore.data.prepare.videos")


@dataclass(frozen=True, slots=True)
class PrepareReport(Result):
    """What :func:`prepare_videos` did.

    Attributes:
        done: videos whose clips or evidence were made.
        reused: videos that had all that was asked for.
        failed: videos that cannot be used, those known from earlier runs included; ``again`` marks those whose reason
            is not the file's.
        seconds: time taken.
    """

    done: int
    reused: int
    failed: tuple[Failure, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a task: what the store now holds of the video, and why not all of it.

    ``again``: the reason is not the file's, so that it is tried again. ``origin`` is the file as it was read.
    """

    entry: IndexEntry | None
    origin: Origin
    reason: str = ""
    comparison: Comparison | None = None
    faces: ForgedFaces | None = None
    again: bool = False


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
    isolate: bool | None = None,
    check: Callable[[], None] | None = None,
) -> PrepareReport:
    """Bring the store to where every record has the clips of ``plan`` and all ``evidence``, or a reason why not; and
    where every fake whose audio alone may be forged was compared with its original (``store.comparisons``), and every
    fake with several people and a mask or an original tells whose face was forged (``store.forged_faces``).

    What is there is reused: a video is prepared again only when its plan does not cover the one asked for (then with
    the union of both), when its source file is another (:class:`~dfcore.data.store.origin.Origin`), or when its file is
    damaged. Failures are not tried again unless their file changed or ``retry_failed`` is set. What is not the file's
    own fault (a killed worker, no memory) is tried once more at the end, alone, and by the next call; it is among the
    report's failures, and not written down.

    Args:
        records: the videos; ids must be unique.
        store: where to.
        plan: what to cut out.
        evidence: what to extract from the clips.
        workers: processes; 0 means one per core.
        sharing: how many such calls share this machine's cores at the moment.
        progress: shows a bar; None shows nothing.
        retry_failed: try videos again that failed before.
        isolate: work in processes of their own (not on Windows); None does so unless ``workers`` is 1.
        check: called after each video; what it raises ends the call, and what was done is kept.

    Raises:
        WriteError: the disk is full or not writable. What was done is kept.
        DatasetError: two records have the same id.
        PluginError: a detector, extractor or pseudo-fake cannot be imported, raises, or returns what it must not.
        UnknownNameError: no detector of the plan's name.
    """
    started = time.monotonic()
    cores = max(1, usable_cores() // sharing)
    found = survey_records(records, store, plan, evidence, retry_failed=retry_failed)
    tasks, outcomes = found.tasks, dict[str, Failure | None]()
    _check_first(tasks, store, plan, evidence)
    _note_moved(store, found)
    with closing(Guarded(progress or SILENT).bar("preparing", len(tasks), unit="video")) as bar:
        run = partial(_run, workers=workers, cores=cores, isolate=workers != 1 if isolate is None else isolate)
        for task, outcome, first in _outcomes(store, tasks, plan, evidence, run):
            outcomes[task.record.id] = failure = _record(store, task, outcome)
            if failure is not None:
                bar.note(failed=len(found.failed) + sum(one is not None for one in outcomes.values()))
            bar.update(int(first))
            if check is not None:  # after the outcome is in the index: what it raises must not lose a video
                check()
    _settle(store, bool(tasks or found.moved))
    failures = tuple(one for one in outcomes.values() if one is not None)
    seconds = time.monotonic() - started
    return PrepareReport(len(outcomes) - len(failures), found.reused, (*found.failed, *failures), seconds)


def _outcomes(
    store: ClipStore,
    tasks: Sequence[Task],
    plan: ClipPlan,
    evidence: Sequence[EvidenceSpec],
    run: Callable[[Sequence[Task]], Iterator[tuple[Task, _Outcome]]],
) -> Iterator[tuple[Task, _Outcome, bool]]:
    """What comes of each task, and whether for the first time: what others have written over is made again."""
    todo = tasks
    for _ in range(_ROUNDS):
        for task, outcome in run(todo):
            yield task, outcome, todo is tasks
        todo = lost_to_others(store, todo, plan, evidence)
        if not todo:
            return


def _settle(store: ClipStore, changed: bool) -> None:
    if changed:
        store.settle()
    elif not store.settled:  # a kill came before that
        with suppress(WriteError):  # it may be a store that is only read
            store.settle()


def _note_moved(store: ClipStore, found: Survey) -> None:
    for one in found.moved:
        if isinstance(one, Comparison):
            store.comparisons.add(one)
        elif isinstance(one, ForgedFaces):
            store.forged_faces.add(one)
        else:
            store.add(one)


def _check_first(tasks: Sequence[Task], store: ClipStore, plan: ClipPlan, evidence: Sequence[EvidenceSpec]) -> None:
    """An unknown name, or a place that cannot be written to, is an error of the call: here and before any work, for in
    a worker each video would fail with the same message.
    """
    if tasks:
        require_writable(store.root)
    if any(task.entry is None for task in tasks):
        find_detector(plan.detector)
    for spec in evidence:
        resolve(spec.extractor, f"evidence {spec.name}")


def survey(
    records: Sequence[VideoRecord], store: ClipStore, plan: ClipPlan, evidence: Sequence[EvidenceSpec] = ()
) -> tuple[list[VideoRecord], PrepareReport]:
    """What :func:`prepare_videos` would have to do, and the report on all other records. Decodes and writes nothing.

    Raises:
        DatasetError: two records have the same id.
    """
    started = time.monotonic()
    found = survey_records(records, store, plan, evidence)
    seconds = time.monotonic() - started
    return [task.record for task in found.tasks], PrepareReport(0, found.reused, tuple(found.failed), seconds)


# -- doing it -----------------------------------------------------------------------------------------------------


def _run(tasks: Sequence[Task], workers: int, cores: int, isolate: bool) -> Iterator[tuple[Task, _Outcome]]:
    workers = max(1, min(workers or cores, len(tasks)))
    if not (isolate and can_isolate()):
        for task in tasks:
            yield task, _work(task)
        return
    later: list[Task] = []
    threads = max(1, cores // workers)  # workers with a thread for each core would only wait for each other
    given = [replace(task, threads=threads) for task in in_working_order(tasks, workers)]
    for task, outcome in run_tasks(_work, given, workers, _seconds):
        if isinstance(outcome, Died) or outcome.again:
            # Memory may have run out because of the others. Alone at the end it has a fair chance.
            later.append(replace(task, threads=cores))
        else:
            yield task, outcome
    for task, outcome in run_tasks(_work, later, 1, _seconds) if later else ():  # alone, with all the memory there is
        yield task, _of_dead(task, outcome) if isinstance(outcome, Died) else outcome


def _seconds(task: Task) -> float:
    """The time that a task may take beside its decoding: evidence and pseudo-fakes are computed too."""
    forgery = task.record.forgery
    others = [task.record.original_path if task.compare else None, forgery.voice if forgery else None]
    return _STEPS * seconds_to_read(task.record.path, *(path for path in others if path is not None))


def _of_dead(task: Task, death: Died) -> _Outcome:
    """A decoder that crashed or hung on a file twice will do so again; what the machine did is not the file's."""
    return _Outcome(None, task.origin, f"{task.record.path}: {death.reason}.", again=not death.by_file)


def _work(task: Task) -> _Outcome:
    """One video, from file to store. Whatever is this video's own fault is an outcome, not an error."""
    path, comparison, faces, again = task.record.path, None, None, False
    origin, entry = task.origin.sampled(path), task.entry
    try:
        task = as_it_is_now(task)
        entry = task.entry
        if entry is None or task.evidence:
            clips, entry, faces = _clips(task, origin)
            again = True  # the file was read: what an extractor cannot do is not the file's fault
            for spec in task.evidence:
                values = [run_extractor(spec, clip) for clip in clips]
                entry = write_evidence(task.root, entry, spec.name, spec.version, values, task.codec)
        again = False
        if task.compare and task.record.original_path is not None:
            comparison = compare_images(task.record.id, path, task.record.original_path, threads=task.threads)
        if task.find_faces and faces is None:
            headers = StoredVideo(task.root, entry).clips
            faces = find_forged_faces(task.record, headers, threads=task.threads)
            faces = replace(faces, size=entry.size)
    except MediaError as error:
        return _Outcome(entry, origin, str(error), again=again)
    except DfcoreError:
        raise  # a full disk or a broken plugin would fail every other video too
    except Exception as error:  # a fault that one odd file brings out must not stop the other thousands
        if is_full(error):
            raise write_error(task.root, error) from error
        log.debug("%s failed", path, exc_info=True)
        again = again or is_passing(path, error)
        return _Outcome(entry, origin, reason_of(path, error, passing=again), again=again)
    return _Outcome(entry, origin, comparison=comparison, faces=faces)


def _clips(task: Task, origin: Origin) -> tuple[list[Clip], IndexEntry, ForgedFaces | None]:
    """The clips in memory, taken from the store where they are there, else with what was found of their people."""
    if task.entry is not None:
        try:
            video = StoredVideo(task.root, task.entry)
            return [video.load(i) for i in range(len(video))], task.entry, None
        except StoreError as error:
            log.warning("%s It is being made again now.", error)
    record, faces = task.record, None
    told = tells_forged_face(record)
    plan = plan_for_all(task.plan) if told else task.plan
    with forged_file(record, detector=task.plan.detector, threads=task.threads) as path:
        clips = extract_clips(path, plan, record=record, threads=task.threads)
    now = as_it_is_now(task)
    if now is not task:  # another process was quicker
        return _clips(now, origin)
    if told:
        clips, faces = keep_forged(record, clips, task.plan.people, threads=task.threads)
    entry = write_video(task.root, record.id, clips, task.plan, origin, task.codec)
    return clips, entry, faces and replace(faces, size=entry.size)


def _record(store: ClipStore, task: Task, outcome: _Outcome) -> Failure | None:
    """Take an outcome into the index or the list of failures."""
    video, path = task.record.id, task.record.path
    if outcome.entry is not None and outcome.entry != task.entry:
        store.add(outcome.entry)
        store.damage.forget(outcome.entry)
    if outcome.comparison is not None:
        store.comparisons.add(outcome.comparison)
    if outcome.faces is not None:
        store.forged_faces.add(outcome.faces)
    if outcome.reason and outcome.again:
        return Failure(video, str(path), outcome.reason, origin=outcome.origin, again=True)
    if outcome.reason:
        return store.failures.add(video, path, outcome.reason, outcome.origin)
    if video in store.failures:
        store.failures.forget([video])
    return None
