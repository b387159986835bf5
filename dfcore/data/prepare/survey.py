"""What is to be done about each video before it is in the store as asked for. Decodes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.forged.faces import tells_forged_face
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore, StoredVideo
from dfcore.data.store.coding import COMPACT
from dfcore.data.store.comparisons import Comparison
from dfcore.data.store.damage import check_video
from dfcore.data.store.forged_faces import ForgedFaces
from dfcore.data.store.format import VIDEO_SUFFIX, evidence_name, stem_of
from dfcore.data.store.index import Failure, IndexEntry
from dfcore.data.store.origin import Origin
from dfcore.errors import DatasetError, StoreError
from dfcore.filesystem.paths import is_file
from dfcore.specs import EvidenceSpec

__all__ = ["Survey", "Task", "can_extract", "in_working_order", "missing_evidence", "survey_records", "written_at"]

_SORTED = 8
"""So many of the last tasks for each worker are sorted by size."""

log = logging.getLogger("dfcore.data.prepare.survey")


@dataclass(frozen=True, slots=True)
class Task:
    """One video's work. With an ``entry`` its clips are there, and only the rest is to be made.

    ``compare``: with its original, for the audio alone may be forged. ``find_faces``: whose face was forged, of the
    people in the clips that are there; where they are still to be made, it is found out with them. ``written``:
    when the clip file was written that was there at the survey (:func:`written_at`).
    """

    root: Path
    record: VideoRecord
    plan: ClipPlan
    evidence: tuple[EvidenceSpec, ...]
    entry: IndexEntry | None
    origin: Origin
    threads: int = 0
    codec: str = COMPACT
    compare: bool = False
    find_faces: bool = False
    written: int = -1


@dataclass(slots=True)
class Survey:
    """What is to be done.

    Attributes:
        tasks: one for each video that lacks something.
        failed: failures that stand, for their files are as they were.
        reused: how many videos need nothing.
        moved: what was found of files that were copied or moved and are the same, with the times they have now: written
            down, they need not be read the next time.
    """

    tasks: list[Task] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    reused: int = 0
    moved: list[IndexEntry | Comparison | ForgedFaces] = field(default_factory=list)


def survey_records(
    records: Sequence[VideoRecord],
    store: ClipStore,
    plan: ClipPlan,
    evidence: Sequence[EvidenceSpec] = (),
    *,
    retry_failed: bool = False,
) -> Survey:
    """Compare the records with what the store has of them.

    Raises:
        DatasetError: two records have the same id.
    """
    _check_ids(records)
    found = Survey()
    for record in records:
        origin = Origin.of(record.path)
        failure = store.failures.get(record.id)
        if failure is not None and not retry_failed and failure.origin.now(record.path) is not None:
            found.failed.append(failure)
            continue
        compare = _to_compare(store, record, found)
        entry = _usable(store, record, plan, found)
        missing = missing_evidence(entry, evidence) if entry is not None else ()
        if entry is not None and all(can_extract(spec, entry) for spec in missing):
            faces = _to_find_faces(store, record, entry, found)
            if not missing and not compare and not faces:
                found.reused += 1
                continue
            task = Task(store.root, record, entry.plan, missing, entry, origin, 0, store.codec, compare, faces)
            found.tasks.append(task)
        else:
            known = store.index.get(record.id)
            wanted = plan if known is None else known.plan.union(plan)
            task = Task(store.root, record, wanted, tuple(evidence), None, origin, 0, store.codec, compare)
            found.tasks.append(replace(task, written=written_at(store.root, record.id)))
    return found


def in_working_order(tasks: Sequence[Task], workers: int) -> list[Task]:
    """The tasks as they are given to so many workers: in their order, but the last ones by falling size of their files.

    So no worker begins with a large file when the others have nothing left to do. Not all are sorted: the largest would
    be in memory together.
    """
    if workers < 2:
        return list(tasks)
    first = max(0, len(tasks) - _SORTED * workers)
    return [*tasks[:first], *sorted(tasks[first:], key=lambda task: task.origin.size, reverse=True)]


def written_at(root: Path, video: str) -> int:
    """When a video's clip file was written, in nanoseconds; -1 where there is none."""
    try:
        return (root / (stem_of(video) + VIDEO_SUFFIX)).stat().st_mtime_ns
    except OSError:
        return -1


def missing_evidence(entry: IndexEntry, evidence: Iterable[EvidenceSpec]) -> tuple[EvidenceSpec, ...]:
    """Those that the stored video lacks, or has in another version."""
    return tuple(spec for spec in evidence if entry.evidence.get(spec.name) != spec.version)


def can_extract(spec: EvidenceSpec, entry: IndexEntry) -> bool:
    """Whether the frames that it is extracted from are kept at native resolution; else the video is decoded again."""
    return entry.plan.native_frames >= min(spec.frames or entry.plan.frames, entry.plan.frames)


def _check_ids(records: Sequence[VideoRecord]) -> None:
    seen: dict[str, Path] = {}
    for record in records:
        if record.id in seen:
            raise DatasetError(
                f"two videos have the id {record.id!r}: {seen[record.id]} and {record.path}. Rename one of them, or "
                "prepare them in two stores."
            )
        seen[record.id] = record.path


def _to_compare(store: ClipStore, record: VideoRecord, found: Survey) -> bool:
    """Whether the fake is still to be compared with its original, which is there."""
    if not record.either_forged or record.original_path is None or not is_file(record.original_path):
        return False
    known = store.comparisons.get(record.id)
    now = None if known is None else known.now(record.path, record.original_path)
    if now is not None and now != known:
        found.moved.append(now)
    return now is None


def _to_find_faces(store: ClipStore, record: VideoRecord, entry: IndexEntry, found: Survey) -> bool:
    """Whether it is still to be found out whose face was forged, of the several people in the stored clips."""
    if len(set(entry.tracks)) < 2 or not tells_forged_face(record):
        return False
    known = store.forged_faces.get(record.id)
    now = known.now(record) if known is not None and known.speaks_of(entry) else None
    if now is not None and now != known:
        found.moved.append(now)
    return now is None


def _usable(store: ClipStore, record: VideoRecord, plan: ClipPlan, found: Survey) -> IndexEntry | None:
    """The stored video where its clips serve the plan; a source that is not there does not speak against them."""
    entry = store.index.get(record.id)
    if entry is None or not entry.plan.covers(plan):
        return None
    if Origin.of(record.path).size >= 0:
        now = entry.origin.now(record.path)
        if now is None:
            return None
        if now != entry.origin:
            entry = replace(entry, origin=now)
            found.moved.append(entry)
    try:
        StoredVideo(store.root, entry)
    except StoreError as error:
        log.warning("%s It is being made again now.", error)
        return None
    return _undamaged(store, entry) if store.damage.of(entry) else entry


def _undamaged(store: ClipStore, entry: IndexEntry) -> IndexEntry | None:
    """The entry without evidence that is damaged; None where its clips are. Somebody has found damage in its files."""
    damaged = {found.file: found.why for found in check_video(store.root, entry).damaged}
    if not damaged:
        store.damage.forget(entry)  # they were put back
    for file, why in damaged.items():
        log.warning("%s is damaged (%s). It is being made again now.", store.root / file, why)
    if entry.file in damaged:
        return None
    whole = {
        name: version
        for name, version in entry.evidence.items()
        if evidence_name(entry.stem, name, version) not in damaged
    }
    return replace(entry, evidence=whole)
