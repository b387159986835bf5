"""Which videos a stage is trained on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.config import TrainConfig
from dfcore.data.checks.shortcuts import LIMIT, best_word
from dfcore.data.emulation.platforms import emulated_share, find_platform
from dfcore.data.labels import labelled_for, uses_audio
from dfcore.data.prepare.pseudo_fakes import forged_pairs
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.scanning import scan_dataset
from dfcore.data.splits import assign_splits
from dfcore.errors import UsageError
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.text import count_of, name_bytes
from dfcore.training.inputs.chunks import in_chunks

__all__ = ["Chosen", "choose_videos"]


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
        raise UsageError(f"no folder is named for {spec.title}: set data.root.")
    scan = scan_dataset(spec, Path(config.data.root))
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
    records, emulated_notes = _with_emulations(records, config, specs)
    notes += emulated_notes
    return Chosen(spec.title, tuple(records), tuple(notes), sum(scan.missing.values()), order)


def _labelled(records: Sequence[VideoRecord], specs: Sequence[SpecialistSpec]) -> tuple[list[VideoRecord], list[str]]:
    """The records with the label for what the specialists read, and a sentence where images and audio differ."""
    found = labelled_for(records, uses_audio=uses_audio(specs))
    apart = sum(record.video_label == REAL and record.audio_label == FAKE for record in found)
    if not apart or not specs:
        return found, []
    names = ", ".join(spec.name for spec in specs)
    how = f"fake, for {names} reads the audio" if uses_audio(specs) else f"real, for {names} reads the images alone"
    videos, verb = count_of(apart, "video"), "counts" if apart == 1 else "count"
    return found, [f"{videos} with real images and fake audio {verb} as {how}."]


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


def _with_emulations(
    records: list[VideoRecord], config: TrainConfig, specs: Sequence[SpecialistSpec]
) -> tuple[list[VideoRecord], list[str]]:
    """The records with those of a share of the training videos as platforms deliver them, and a sentence on these."""
    names = config.data.emulate
    if not names or not specs:
        return records, []
    for name in names:
        find_platform(name)
    refused = [spec.name for spec in specs if not spec.emulation]
    if refused:
        raise UsageError(
            f"data.emulate={','.join(names)}: specialist {', '.join(refused)} does not admit it, because its cue is "
            "what re-scaling and re-encoding change. Leave data.emulate empty; evaluate it with an emulation instead."
        )
    train = [record for record in records if record.split == "train"]
    made = emulated_share(train, names, config.data.emulate_share, seed=config.run.seed)
    return [*records, *made], [
        f"{count_of(len(made), 'training video')} of {len(train):,} come a second time, as from {', '.join(names)}."
    ]


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
    for record in sorted(records, key=lambda record: hashlib.sha256(name_bytes(record.id)).digest()):
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
        f"{area:.2f}). A model may learn the codec instead of the faces: choose with data.compressions=NAME."
    ]
