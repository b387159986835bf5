"""What a clip store holds, as records: for reading one without the dataset that it was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dfcore.data.clips.plan import LANDMARKS, kept_for
from dfcore.data.forged.people import by_person
from dfcore.data.labels import labelled_for, with_comparisons
from dfcore.data.records import VideoRecord, emulation_of, pseudo_fake_of
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import StoreError
from dfcore.specs import SpecialistSpec

__all__ = ["require_prepared_for", "stored_records"]


def stored_records(
    store: ClipStore,
    spec: SpecialistSpec,
    split: str,
    *,
    pseudo_fakes: bool = False,
    bystanders: str = "leave_out",
) -> list[VideoRecord]:
    """The store's videos of a split, by id, with the labels for a specialist.

    Labels, splits, groups and methods are those of when the videos were prepared. A record's ``path`` is the clip
    file, for the source's own place is not kept. Videos without a label are left out.

    Args:
        store: the store.
        spec: the specialist: whether it uses the audio decides the labels.
        split: ``train``, ``val`` or ``test``.
        pseudo_fakes: take the pairs of this specialist's pseudo-fakes and controls too, where they were prepared.
        bystanders: what the people in a fake are whose face was not forged (:mod:`dfcore.data.forged.people`).

    Raises:
        StoreError: it has no video of the split; or a file is damaged.
    """
    wanted = {None, spec.name} if pseudo_fakes else {None}
    ids = [
        video
        for video in store.ids()
        if store.entry(video).split == split and pseudo_fake_of(video) in wanted and not emulation_of(video)
    ]
    records = [record for record in (_record(store, video) for video in ids) if record is not None]
    if not records:
        found = Counter(store.entry(video).split or "none" for video in store.ids())
        there = ", ".join(f"{name} {count:,}" for name, count in sorted(found.items())) or "no videos at all"
        raise StoreError(f"the clip store {store.root} has no labelled videos of the split {split!r}; it has {there}.")
    known = with_comparisons(records, store.comparisons)
    people = by_person(known, store.index, store.forged_faces, bystanders, uses_audio=spec.uses_audio)
    return labelled_for(people, uses_audio=spec.uses_audio)


def require_prepared_for(store: ClipStore, records: Sequence[VideoRecord], spec: SpecialistSpec) -> None:
    """Refuse a store that was prepared for another specialist, and lacks what this one reads.

    Raises:
        StoreError: it says of how many videos what is missing.
    """
    lacking: Counter[str] = Counter()
    kept = kept_for(spec, spec.clip_frames)
    for record in records:
        entry = store.entry(record.store_id)
        for evidence in spec.evidence:
            if entry.evidence.get(evidence.name) != evidence.version:
                lacking[f"the evidence {evidence.name!r}, version {evidence.version}"] += 1
        if entry.plan.frames < spec.clip_frames:
            lacking[f"clips of {spec.clip_frames} frames"] += 1
        elif not entry.plan.keeps(kept):
            lacking["the frames that it reads as they were decoded, or made small"] += 1
        if entry.plan.speech < spec.speech:
            lacking[f"{spec.speech:g} s of mouth and audio"] += 1
        if kept.motion and not entry.plan.motion:
            lacking["the codec's motion vectors"] += 1
        if spec.uses_landmarks and entry.plan.landmarks != LANDMARKS:
            lacking[f"dense landmarks, version {LANDMARKS}"] += 1
    if lacking:
        words = "; ".join(f"{what} ({count:,} of {len(records):,} videos)" for what, count in lacking.items())
        raise StoreError(
            f"the clip store {store.root} lacks what specialist {spec.name!r} reads: {words}. Prepare it for this "
            f"specialist too: dfcore.prepare(config, [{spec.name!r}]) adds what is missing and keeps the rest."
        )


def _record(store: ClipStore, video: str) -> VideoRecord | None:
    """The record of a stored video; None where it has no label."""
    source = store.open(video).source
    if source.label is None:
        return None
    record = VideoRecord(
        video,
        store.root / store.entry(video).file,
        source.label,
        manipulation=source.manipulation,
        split=source.split,
        group=source.group,
        compression=source.compression,
        audio_label=source.audio_label,
    )
    compared = store.comparisons.get(video)
    return record if compared is None else replace(record, original_path=Path(compared.original))
