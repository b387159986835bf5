"""From a dataset's folder to the videos that are used, prepared in the clip store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from dfcore.config import TrainConfig, store_name
from dfcore.console.progress import TERMINAL, Progress
from dfcore.data.clips.plan import LANDMARKS, ClipPlan, kept_for
from dfcore.data.forged.people import by_person, found_people
from dfcore.data.labels import labelled_for, uses_audio, with_comparisons
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DatasetError
from dfcore.results import Result
from dfcore.specs import EvidenceSpec, SpecialistSpec
from dfcore.training.inputs.choose import Chosen, choose_videos
from dfcore.training.inputs.shards import Shard

__all__ = ["Prepared", "clip_plan", "needed_evidence", "prepare_data", "require_both_classes", "store_path", "usable"]

NAMED = 3
"""Failures that are named in a message; all are in ``failed.jsonl``."""


@dataclass(frozen=True, slots=True)
class Prepared(Result):
    """Those of them that are in the store and can be used, and what became of the others."""

    records: tuple[VideoRecord, ...]
    store: Path
    report: PrepareReport
    notes: tuple[str, ...] = ()
    """Sentences that say what was found in preparing."""


def prepare_data(
    config: TrainConfig,
    specs: Sequence[SpecialistSpec],
    *,
    chosen: Chosen | None = None,
    splits: Sequence[str] | None = None,
    shard: Shard | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    check: Callable[[], None] | None = None,
    progress: Progress = TERMINAL,
) -> Prepared:
    """Bring the clip store to where it has all that the specialists read.

    Args:
        config: the data's options.
        specs: the specialists; their needs are united.
        chosen: what :func:`choose_videos` chose; None chooses now.
        splits: only videos of these; None means all.
        shard: only this share of them, written beside other shares in the same store: its index has a file of its own,
            which whoever opens the store when all are done takes into the main one.
        workers: processes; None or 0 means one per core.
        retry_failed: try videos again that failed before.
        check: called after each video; what it raises ends the preparing.
        progress: shows a bar.

    Raises:
        DfcoreError: whatever :func:`choose_videos` and :func:`dfcore.data.prepare.videos.prepare_videos` raise.
    """
    chosen = chosen or choose_videos(config, specs)
    records = [record for record in chosen.records if splits is None or record.split in splits]
    if shard is not None:
        records = shard.of(records)
    store = ClipStore(store_path(config), part=shard.number if shard else 0, codec=config.data.store_codec)
    report = prepare_videos(
        records,
        store,
        clip_plan(config, specs),
        needed_evidence(config, specs),
        workers=workers or 0,
        isolate=True,
        retry_failed=retry_failed,
        check=check,
        progress=progress,
    )
    return usable(records, store, report, specs, config.data.bystanders)


def usable(
    records: Sequence[VideoRecord],
    store: ClipStore,
    report: PrepareReport,
    specs: Sequence[SpecialistSpec],
    bystanders: str = "leave_out",
) -> Prepared:
    """Those of the records that are in the store and did not fail, with the labels for ``specs`` by what is known now:
    fakes that were found to show their original's images are marked, and those with several people have the clips of
    whose face was forged; ``bystanders`` says what the others in them are (:mod:`dfcore.data.forged.people`).
    """
    failed = {failure.id for failure in report.failed}
    there = [record for record in records if record.id in store and record.id not in failed]
    known = with_comparisons(there, store.comparisons)
    audio = uses_audio(specs)
    people = by_person(known, store.index, store.forged_faces, bystanders, uses_audio=audio)
    found = labelled_for(people, uses_audio=audio)
    seen = found_people(known, store.index, store.forged_faces).sentences(bystanders)
    return Prepared(tuple(found), store.root, report, (*_compared(there, store), *seen))


def require_both_classes(prepared: Prepared) -> None:
    """Refuse to train on nothing, or on one class.

    Raises:
        DatasetError: it names what is missing, and the first failures.
    """
    counts = Counter(record.label for record in prepared.records if record.split == "train")
    if counts[REAL] and counts[FAKE]:
        return
    failures = prepared.report.failed
    named = "".join(f"\n  {failure.path}: {failure.reason}" for failure in failures[:NAMED])
    more = f"\n  ... and {len(failures) - NAMED} more" if len(failures) > NAMED else ""
    found = f"{counts[REAL]} real and {counts[FAKE]} fake training videos can be used"
    why = (
        f" {len(failures)} could not be used (all in {prepared.store / 'failed.jsonl'}):{named}{more}"
        if failures
        else ""
    )
    raise DatasetError(f"both classes are needed to train: {found}.{why}")


def store_path(config: TrainConfig) -> Path:
    """The clip store's folder: as configured, or one beside the runs, named after the dataset and its root."""
    if config.data.store:
        return Path(config.data.store)
    return Path(config.run.out) / "store" / store_name(config.stage.dataset, config.data.root)


def _compared(records: Sequence[VideoRecord], store: ClipStore) -> list[str]:
    """What came of comparing fakes with their originals, in a sentence; nothing where none was to be compared."""
    results = [store.comparisons[record.id] for record in records if record.id in store.comparisons]
    if not results:
        return []
    same, odd = sum(bool(one.same) for one in results), [one for one in results if one.same is None]
    notes = [
        f"{len(results) - len(odd):,} fakes were compared with their originals: {same:,} show the same images, so "
        "that only their audio is fake."
    ]
    if odd:
        notes.append(
            f"{len(odd):,} fakes could not be compared and count as fake images (all in {store.comparisons.path}); "
            f"the first: {odd[0].reason}"
        )
    return notes


def needed_evidence(config: TrainConfig, specs: Sequence[SpecialistSpec]) -> tuple[EvidenceSpec, ...]:
    """What the specialists need to be extracted from the clips."""
    return tuple(
        {
            item.name: replace(item, frames=clip_plan(config, [spec]).frames)
            for spec in specs
            for item in spec.evidence
        }.values()
    )


def clip_plan(config: TrainConfig, specs: Sequence[SpecialistSpec]) -> ClipPlan:
    """What is cut out of each video, and what of it is kept: enough for every specialist."""
    each = [kept_for(spec, max(config.data.clip_frames, spec.clip_frames)) for spec in specs]
    kept = reduce(ClipPlan.union, each) if each else ClipPlan(frames=config.data.clip_frames)
    return replace(
        kept,
        clips=config.data.clips_per_video,
        people=config.data.people,
        detector=config.data.detector,
        speech=max([0.0, *(spec.speech for spec in specs)]),
        landmarks=LANDMARKS if any(spec.uses_landmarks for spec in specs) else 0,
    )
