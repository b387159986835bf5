"""The DeepFake Detection Challenge (Dolhansky et al. 2020): training parts, Kaggle's sample, the preview, a test set.

::

    ROOT/dfdc_train_part_7/metadata.json     {"abc.mp4": {"label": "FAKE", "split": "train", "original": "xyz.mp4"}}
    ROOT/dfdc_train_part_7/abc.mp4           any folder with a metadata.json and its videos, at most three levels down:
    ROOT/chunk_1/dfdc_train_part_7/...       parts in folders of one's own, Kaggle's train_sample_videos, ...
    ROOT/dataset.json                        the preview: {"method_A/...mp4": {"label": "fake", "set": "train"}}
    ROOT/labels.csv                          the test set: filename,label (1 is fake); videos beside it or one below

Any subset of the parts is read; a single part may be ROOT itself.

**Labels.** FAKE means that images or audio are. The lists do not say which, so each fake whose original is there
(also in another part) is compared with it when it is prepared (:mod:`dfcore.data.prepare.comparison`).

**Splits.** ``labels.csv`` is ``test``; the preview's ``set`` is kept. Of several parts, whole ones are held out as
``val``: :data:`VAL_PARTS` where they are there, else the last with both classes. Fakes and their originals
(``dfdc:xyz``) stay together: what is linked across is left out. Of a single part dfcore holds out whole originals.
The owners do not say whether actors recur in other parts; nothing here rules it out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dfcore.data.datasets.listing import (
    LeftOut,
    Listing,
    Place,
    first_bytes,
    is_video,
    left_out_notes,
    list_folder,
    listed,
    split_name,
    subfolders,
    walk,
)
from dfcore.data.datasets.lists import Row, inside, read_json_table, read_table
from dfcore.data.datasets.roots import check_root
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord
from dfcore.errors import DatasetError
from dfcore.filesystem.paths import is_file

__all__ = ["DFDC", "VAL_PARTS", "part_number"]

PARTS = 50
VAL_PARTS = (24, 49)
"""Parts that validate and train nothing; the last of chunks 4 and 9."""
_DEPTH = 3
_LABELS = {"real": REAL, "fake": FAKE}
_PART = re.compile(r"dfdc_train_part_0*(\d+)", re.I)
_CHUNK = re.compile(r".*chunk[_-]?\d+", re.I)
_ENTRY = re.compile(r'"label"\s*:\s*"(REAL|FAKE)"')
_LAYOUT = """Expected one of:
    ROOT/dfdc_train_part_N/metadata.json and its videos (any parts, also in folders of your own)
    ROOT/dataset.json (the preview)
    ROOT/labels.csv (the test set: filename,label)"""


def part_number(name: str) -> int | None:
    """The number of a part's folder: ``dfdc_train_part_07`` to 7; None for any other name."""
    match = _PART.fullmatch(name)
    return int(match.group(1)) if match else None


class DFDC:
    """The adapter; see the module for layouts and protocol."""

    def scan(self, root: Path) -> Scan:
        """List the videos under ``root``, folder by folder (parts by number), each sorted by name.

        ``missing`` counts for each folder the videos that its list names and that are not there.

        Raises:
            DatasetError: ``root`` does not exist or holds nothing of the dataset, a list cannot be read, or a label is
                none.
        """
        root = check_root(root, "DFDC")
        found = _Found(root)
        for place in walk(root, found.left_out, depth=_DEPTH, into=_parts_first):
            found.read(place)
        if not found.records:
            there = listed(list_folder(root).folders + list_folder(root).files, 8) or "nothing"
            raise DatasetError(f"{root} holds no DFDC video that a list gives a label to (it holds {there}). {_LAYOUT}")
        records = _link(found.records)
        notes = found.notes()
        records, more = _split_by_part(records)
        if originals := sum(record.original_path is not None for record in records):
            more.append(
                f"The original of {originals:,} fakes is there: preparing finds those of which only the audio is fake."
            )
        return Scan("dfdc", root, tuple(records), found.missing, (*notes, *more))

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By the names of parts, Kaggle's sample, or a list in the dataset's own form; in folders of chunks too."""
        if any(part_number(name) is not None or name.lower() == "train_sample_videos" for name in listing.folders):
            return True
        if "metadata.json" in listing.files and any(map(is_video, listing.files)):
            return bool(_ENTRY.search(first_bytes(folder / "metadata.json")))
        if "dataset.json" in listing.files:
            return "original_videos" in listing.folders
        if "labels.csv" in listing.files:
            return first_bytes(folder / "labels.csv").lower().startswith("filename,label")
        chunks = tuple(name for name in listing.folders if _CHUNK.fullmatch(name))
        inner = subfolders(folder, Listing(chunks, ()))
        return any(part_number(name) is not None for _, found in inner for name in found.folders)


@dataclass(slots=True)
class _Found:
    root: Path
    records: list[VideoRecord] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def read(self, place: Place) -> None:
        """Take in the videos of a folder, by the list that lies in it; a folder without a list has none."""
        files = place.listing.files
        if "metadata.json" in files:
            self._read_json(place.path, place.path / "metadata.json", files, "")
        elif "dataset.json" in files:
            self._read_json(place.path, place.path / "dataset.json", None, "set")
        elif "labels.csv" in files:
            self._read_csv(place.path, place.listing)

    def _read_json(self, folder: Path, file: Path, there: Sequence[str] | None, split_key: str) -> None:
        """A part's ``metadata.json`` (``there``: the names beside it), or the preview's ``dataset.json``."""
        entries = read_json_table(file)
        present = set(there) if there is not None else {name for name in entries if _is_there(folder, name)}
        split_of = {"train": "train", "test": "test", "val": "val"}
        for name in sorted(entries):
            entry = entries[name]
            label = _LABELS.get(str(entry.get("label", "")).lower()) if isinstance(entry, dict) else None
            if not inside(name):
                raise _outside(file, entries.line(name), name)
            if label is None:
                raise DatasetError(
                    f"{file}, line {entries.line(name)}: the entry of {name!r} is not understood: {entry!r}. "
                    "Download it again."
                )
            if name in present:
                split = split_of.get(str(entry.get(split_key)), "") if split_key else ""
                self._add(folder, name, label, split, str(entry.get("original") or ""))
        self._count(folder, set(entries), present)

    def _read_csv(self, folder: Path, listing: Listing) -> None:
        file = folder / "labels.csv"
        places = [(folder, listing), *subfolders(folder, listing)]
        where = {name: place for place, inner in reversed(places) for name in inner.files if is_video(name)}
        table = read_table(file)
        if not {"filename", "label"} <= set(table.columns):
            raise DatasetError(f"{file} has no columns 'filename' and 'label'. {_LAYOUT}")
        named: dict[str, Row] = {}
        for row in table.rows:
            name, label = row.cells["filename"], row.cells["label"]
            if not inside(name):
                raise _outside(file, row.line, name)
            if label not in ("0", "1"):
                raise DatasetError(
                    f"{file}, line {row.line}: label {label!r} of {name!r} is neither 0 (real) nor 1 (fake)."
                )
            first = named.setdefault(name, row)
            if first is not row:
                raise DatasetError(
                    f"{file}, line {row.line}: {name!r} is there twice: {first.cells['label']} in line {first.line}, "
                    f"{label} here. Remove the wrong one."
                )
            if name in where:
                self._add(where[name], name, int(label), "test", "")
        self._count(folder, set(named), set(where))

    def _add(self, folder: Path, name: str, label: int, split: str, original: str) -> None:
        path = folder / name
        source = split_name(Path(original).name)[0] if label == FAKE and original else split_name(path.name)[0]
        self.records.append(
            VideoRecord(
                id=split_name(path.relative_to(self.root).as_posix())[0],
                path=path,
                label=label,
                manipulation="original" if label == REAL else "dfdc",
                split=split,
                group=(f"dfdc:{source}",),
                part=self._name(folder),
                audio_label=REAL if label == REAL else None,
            )
        )

    def _count(self, folder: Path, named: set[str], present: set[str]) -> None:
        below = folder.relative_to(self.root).as_posix()
        if absent := len(named - present):
            self.missing[self._name(folder)] = absent
        self.unlisted += [f"{below}/{name}" for name in sorted(present - named) if is_video(name)]

    def _name(self, folder: Path) -> str:
        below = folder.relative_to(self.root).as_posix()
        return below if below != "." else folder.name

    def notes(self) -> list[str]:
        notes = []
        there = {part_number(Path(record.part).name) for record in self.records} - {None}
        absent = [str(number) for number in range(PARTS) if number not in there]
        if there and absent:
            notes.append(f"Of {PARTS} parts {PARTS - len(absent)} are there; absent: {listed(absent, 8)}.")
        if self.unlisted:
            notes.append(
                f"Left out, videos that no list gives a label to: {len(self.unlisted):,} ({listed(self.unlisted, 3)})."
            )
        return notes + left_out_notes(self.left_out, self.root)


def _by_number(name: str) -> tuple[bool, int, str]:
    """Parts first, in their order."""
    number = part_number(name)
    return number is None, number or 0, name


def _parts_first(place: Place) -> list[str]:
    """The folders to enter: parts in their order, then the others; none where a list speaks of those below."""
    if "metadata.json" not in place.listing.files and {"dataset.json", "labels.csv"} & set(place.listing.files):
        return []
    return sorted(place.listing.folders, key=_by_number)


def _outside(file: Path, line: int, name: str) -> DatasetError:
    return DatasetError(
        f"{file}, line {line}: {name!r} leads out of the list's folder, or is no name. The list is not DFDC's own: "
        "download it again."
    )


def _is_there(folder: Path, name: str) -> bool:
    try:
        return is_file(folder / name)
    except (OSError, ValueError):  # no name that a file can have
        return False


def _link(records: Iterable[VideoRecord]) -> list[VideoRecord]:
    """Give each fake its original's id, and the file to compare it with, where the original is there."""
    records = list(records)
    reals = {record.group[0]: record for record in records if record.label == REAL}
    return [
        replace(r, original=real.id, original_path=real.path, either_forged=True)
        if r.label == FAKE and (real := reals.get(r.group[0]))
        else r
        for r in records
    ]


def _split_by_part(records: list[VideoRecord]) -> tuple[list[VideoRecord], list[str]]:
    """Whole parts for validation, if there are several; a group that stands on both sides loses its train records."""
    parts: dict[Path, set[int]] = defaultdict(set)
    for record in records:
        if not record.split:
            parts[record.path.parent].add(record.label)
    held = _held_parts(parts)
    if not held:
        return records, []
    splits = [r.split or ("val" if r.path.parent in held else "train") for r in records]
    away = {r.group[0] for r, split in zip(records, splits, strict=True) if split != "train"}
    kept = [
        replace(record, split=split)
        for record, split in zip(records, splits, strict=True)
        if split != "train" or record.group[0] not in away
    ]
    notes = [f"Held out for validation: {listed(sorted(part.name for part in held))}."]
    if len(kept) < len(records):
        notes.append(f"Left out of train, since their original is in a held-out part: {len(records) - len(kept):,}.")
    return kept, notes


def _held_parts(parts: dict[Path, set[int]]) -> set[Path]:
    """Parts for validation, so that train and they have both classes; none where that cannot be."""
    whole = [part for part, labels in parts.items() if labels == {REAL, FAKE}]
    named = {part for part in whole if part_number(part.name) in VAL_PARTS}
    for held in (named, set(whole[-1:])):
        left = set().union(*(labels for part, labels in parts.items() if part not in held))
        if held and left == {REAL, FAKE}:
            return held
    return set()
