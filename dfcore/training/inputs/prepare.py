"""From a dataset's folder to the videos that are used, prepared in the clip store."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.config import TrainConfig, store_name
from dfcore.data.checks.shortcuts import LIMIT, best_word
from dfcore.data.clip_plan import ClipPlan
from dfcore.data.labels import labelled_for, with_comparisons
from dfcore.data.prepare.pseudo_fakes import forged_pairs
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.splits import assign_splits
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DatasetError, UsageError
from dfcore.plugins import registry
from dfcore.specs import EvidenceSpec, SpecialistSpec, resolve
from dfcore.training.chunks import in_chunks
from dfcore.wording import count_of

__all__ = [
    "Chosen",
    "Prepared",
    "choose_videos",
    "clip_plan",
    "needed_evidence",
    "prepare_data",
    "store_path",
    "usable",
]

NAMED = 3
"""Failures that are named in a message; all are in ``failed.jsonl``."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The videos that a configuration asks for.

    Attributes:
        dataset: the dataset's title.
        records: with a split each; "" for those left out because they would leak.
        notes: sentences that say what was found, held out, left out.
        missing: how many videos of the full dataset this copy lacks.
        chunks: those to train on, in their order; () where the dataset is taken whole.
    """

    dataset: str
    records: tuple[VideoRecord, ...]
    notes: tuple[str, ...] = ()
    missing: int = 0
    chunks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Those of them that are in the store and can be used, and what became of the others."""

    records: tuple[VideoRecord, ...]
    store: Path
    report: PrepareReport
    notes: tuple[str, ...] = ()
    """Sentences that say what was found in preparing."""


def choose_videos(config: TrainConfig, specs: Sequence[SpecialistSpec] = ()) -> Chosen:
    """Scan the dataset, take what the configuration asks for, give every video a split and the label for what ``specs``
    read, and add the pseudo-fakes of ``specs`` that are asked for. Decodes nothing.

    Which videos are taken, and their splits, do not depend on ``specs``: every specialist has the same, and one store
    serves all.

    Raises:
        UsageError: no folder is named, or what is asked for is not there; or a specialist has no pseudo-fakes.
        DatasetError: the folder does not hold the dataset.
    """
    spec = registry().dataset(config.stage.dataset)
    if not config.data.root:
        raise UsageError(f"no folder is named for {spec.title}: set data.root, or use --data.")
    scan = resolve(spec.adapter, f"dataset {spec.name!r}")().scan(Path(config.data.root))
    records = _wanted(scan.records, config)
    if config.data.pseudo_only:
        records = [record for record in records if record.label == REAL]
    records, split_notes = assign_splits(records, val_share=config.data.val_share, seed=config.run.seed)
    records, label_notes = _labelled(records, specs)
    notes = [*scan.notes, *split_notes, *label_notes, *_shortcut(records)]
    records, order, chunk_notes = in_chunks(records, config)
    notes += chunk_notes
    records = _limited(records, config.data.limit)
    records, forged_notes = _with_pseudo_fakes(records, config, specs)
    notes += forged_notes
    return Chosen(spec.title, tuple(records), tuple(notes), sum(scan.missing.values()), order)


def prepare_data(
    config: TrainConfig,
    specs: Sequence[SpecialistSpec],
    *,
    chosen: Chosen | None = None,
    splits: Sequence[str] | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    check: Callable[[], None] | None = None,
) -> Prepared:
    """Bring the clip store to where it has all that the specialists read.

    Args:
        config: the data's options.
        specs: the specialists; their needs are united.
        chosen: what :func:`choose_videos` chose; None chooses now.
        splits: only videos of these; None means all.
        workers: processes; None or 0 means one per core.
        retry_failed: try videos again that failed before.
        check: called after each video; what it raises ends the preparing.

    Raises:
        DfcoreError: whatever :func:`choose_videos` and :func:`dfcore.data.prepare.videos.prepare_videos` raise.
    """
    chosen = chosen or choose_videos(config, specs)
    records = [record for record in chosen.records if splits is None or record.split in splits]
    store = ClipStore(store_path(config))
    report = prepare_videos(
        records,
        store,
        clip_plan(config, specs),
        needed_evidence(specs),
        workers=workers or 0,
        retry_failed=retry_failed,
        check=check,
    )
    return usable(records, store, report, specs)


def usable(
    records: Sequence[VideoRecord], store: ClipStore, report: PrepareReport, specs: Sequence[SpecialistSpec]
) -> Prepared:
    """Those of the records that are in the store and did not fail, with the labels for ``specs`` by what is known now:
    fakes that were found to show their original's images are marked.
    """
    failed = {failure.id for failure in report.failed}
    there = [record for record in records if record.id in store and record.id not in failed]
    found = labelled_for(with_comparisons(there, store.comparisons), uses_audio=_uses_audio(specs))
    return Prepared(tuple(found), store.root, report, tuple(_compared(there, store)))


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


def _uses_audio(specs: Sequence[SpecialistSpec]) -> bool:
    """Whose labels records have: without a specialist, or for several that differ, those of the images."""
    return bool(specs) and all(spec.uses_audio for spec in specs)


def _labelled(records: Sequence[VideoRecord], specs: Sequence[SpecialistSpec]) -> tuple[list[VideoRecord], list[str]]:
    """The records with the label for what the specialists read, and a sentence where images and audio differ."""
    found = labelled_for(records, uses_audio=_uses_audio(specs))
    apart = sum(record.video_label == REAL and record.audio_label == FAKE for record in found)
    if not apart or not specs:
        return found, []
    names = ", ".join(spec.name for spec in specs)
    how = f"fake, for {names} reads the audio" if _uses_audio(specs) else f"real, for {names} reads the images alone"
    return found, [
        f"{count_of(apart, 'video')} with real images and fake audio count{'s' if apart == 1 else ''} as {how}."
    ]


def _compared(records: Sequence[VideoRecord], store: ClipStore) -> list[str]:
    """What came of comparing fakes with their originals, in a sentence; nothing where none was to be compared."""
    results = [store.comparisons[r.id] for r in records if r.original_path is not None and r.id in store.comparisons]
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


def needed_evidence(specs: Sequence[SpecialistSpec]) -> tuple[EvidenceSpec, ...]:
    """What the specialists need to be extracted from the clips."""
    return tuple({item.name: item for spec in specs for item in spec.evidence}.values())


def clip_plan(config: TrainConfig, specs: Sequence[SpecialistSpec]) -> ClipPlan:
    """What is cut out of each video: enough for every specialist."""
    return ClipPlan(
        clips=config.data.clips_per_video,
        frames=max([config.data.clip_frames, *(spec.clip_frames for spec in specs)]),
        people=config.data.people,
        detector=config.data.detector,
        speech=max([0.0, *(spec.speech for spec in specs)]),
    )


def _with_pseudo_fakes(
    records: Sequence[VideoRecord], config: TrainConfig, specs: Sequence[SpecialistSpec]
) -> tuple[list[VideoRecord], list[str]]:
    """The records with the pairs asked for; a sentence for each specialist that says how many."""
    data = config.data
    if data.pseudo_fakes <= 0 or not specs:
        return list(records), []
    sources = [record for record in records if record.split in (("train", "val") if data.pseudo_only else ("train",))]
    made, notes = [] if data.pseudo_only else list(records), []
    for spec in specs:
        real = labelled_for(sources, uses_audio=spec.uses_audio)
        pairs = forged_pairs(real, spec, data.pseudo_fakes, seed=config.run.seed)
        made += pairs
        notes.append(
            f"{len(pairs) // 2} pairs of pseudo-fakes of {spec.name} and their controls are made of real videos."
        )
    return made, notes


def _wanted(records: Sequence[VideoRecord], config: TrainConfig) -> list[VideoRecord]:
    """The compressions and methods asked for; originals always. A forged audio is a method too."""
    forged = {record.id for record in labelled_for(records, uses_audio=True) if record.label == FAKE}
    methods = {record.manipulation for record in records if record.id in forged}
    compressions = {record.compression for record in records if record.compression}
    wanted_methods = _known("data.manipulations", config.data.manipulations, methods)
    wanted_compressions = _known("data.compressions", config.data.compressions, compressions)
    return [
        record
        for record in records
        if (not wanted_compressions or record.compression in wanted_compressions)
        and (not wanted_methods or record.id not in forged or record.manipulation in wanted_methods)
    ]


def _known(key: str, wanted: Sequence[str], there: set[str]) -> set[str]:
    """The names as the dataset writes them."""
    by_name = {name.lower(): name for name in there}
    absent = [name for name in wanted if name.lower() not in by_name]
    if absent:
        raise UsageError(f"{key}={','.join(absent)}: not there. This copy has {', '.join(sorted(there)) or 'none'}.")
    return {by_name[name.lower()] for name in wanted}


def _limited(records: Sequence[VideoRecord], limit: int) -> list[VideoRecord]:
    """At most ``limit`` of each split, class (of images and of audio) and chunk, spread over methods and compressions
    by a hash of the id; always the same ones, and those of a smaller limit among those of a larger one.
    """
    if limit <= 0:
        return list(records)
    taken: set[str] = set()
    counts: Counter[tuple[str, int, int | None, int | None]] = Counter()
    for record in sorted(records, key=lambda record: hashlib.sha256(record.id.encode()).digest()):
        kind = (record.split, record.video_label, record.audio_label, record.chunk if record.split == "train" else None)
        if record.split and counts[kind] < limit:
            counts[kind] += 1
            taken.add(record.id)
    return [record for record in records if record.id in taken]


def _shortcut(records: Sequence[VideoRecord]) -> list[str]:
    """A warning when a training video's compression tells its class."""
    train = [record for record in records if record.split == "train"]
    real, fake = ([record.compression for record in train if record.label == kind] for kind in (REAL, FAKE))
    if not real or not fake:
        return []
    word, area = best_word(real, fake)
    if area < LIMIT:
        return []
    counts = Counter((record.compression, record.label) for record in train)
    table = ", ".join(
        f"{name or 'none'} {counts[name, REAL]} real / {counts[name, FAKE]} fake" for name in sorted({*real, *fake})
    )
    return [
        f"warning: compression tells the classes apart by itself ({table}; {word or 'none'} alone has an AUC of "
        f"{area:.2f}). A model may learn the codec instead of the faces: choose with --set data.compressions=NAME."
    ]
