"""Other processes that prepare into the same store at once, perhaps for other specialists: what they have written since
is used, and what they have written over is noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.forged.faces import tells_forged_face
from dfcore.data.prepare.survey import Task, can_extract, missing_evidence, survey_records, written_at
from dfcore.data.records import VideoRecord
from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.clip_store import ClipStore, StoredVideo
from dfcore.data.store.format import VIDEO_SUFFIX, stem_of
from dfcore.data.store.index import IndexEntry, read_entry
from dfcore.errors import StoreError
from dfcore.specs import EvidenceSpec

__all__ = ["as_it_is_now", "lost_to_others"]


def as_it_is_now(task: Task) -> Task:
    """What is still to be done of a video that was not there when the store was surveyed; the task itself where nobody
    has written it since. Clips of somebody else's are used where they serve; else what is cut serves them too.
    """
    written = written_at(task.root, task.record.id)
    if task.entry is not None or written == task.written:
        return task
    task = replace(task, written=written)
    entry = _on_disk(task.root, task.record, task.evidence)
    if entry is None:
        return task
    missing = missing_evidence(entry, task.evidence)
    if not (entry.plan.covers(task.plan) and all(can_extract(spec, entry) for spec in missing)):
        return replace(task, plan=entry.plan.union(task.plan))
    several = len(set(entry.tracks)) > 1 and tells_forged_face(task.record)
    return replace(task, entry=entry, evidence=missing, find_faces=several)


def lost_to_others(
    store: ClipStore, done: Sequence[Task], plan: ClipPlan, evidence: Sequence[EvidenceSpec]
) -> list[Task]:
    """What is to be done again: of videos whose clips another process has written anew since, for more than this one
    asked for. The store learns of what is there now.
    """
    lost = [task.record for task in done if task.record.id in store and not _is_there(store, task.record, evidence)]
    for record in lost:
        entry = _on_disk(store.root, record, evidence)
        if entry is not None:
            store.add(entry)
    return survey_records(lost, store, plan, evidence).tasks if lost else []


def _is_there(store: ClipStore, record: VideoRecord, evidence: Sequence[EvidenceSpec]) -> bool:
    """Whether the files are those of the entry."""
    entry = store.entry(record.id)
    found = _on_disk(store.root, record, evidence)
    return (
        found is not None
        and (found.size, found.plan) == (entry.size, entry.plan)
        and not (missing_evidence(found, [spec for spec in evidence if entry.evidence.get(spec.name) == spec.version]))
    )


def _on_disk(root: Path, record: VideoRecord, evidence: Sequence[EvidenceSpec]) -> IndexEntry | None:
    """The entry that a video's file says by itself, with those of the evidence that belong to its clips; None where
    there is none that was made of the source as it is.
    """
    stem = stem_of(record.id)
    try:
        entry = read_entry(root, stem, ArrayFile(root / (stem + VIDEO_SUFFIX)), {})
    except (StoreError, OSError):
        return None
    origin = entry.origin.now(record.path)
    if origin is None:
        return None
    held = {spec.name: spec.version for spec in evidence if _belongs(root, entry, spec)}
    return replace(entry, origin=origin, evidence=held)


def _belongs(root: Path, entry: IndexEntry, spec: EvidenceSpec) -> bool:
    try:
        return (
            StoredVideo(root, replace(entry, evidence={spec.name: spec.version})).evidence_file(spec.name) is not None
        )
    except StoreError:
        return False
