"""FakeAVCeleb v1.2 (Khalid et al., "FakeAVCeleb: A Novel Audio-Video Multimodal Deepfake Dataset", 2021).

::

    ROOT/RealVideo-RealAudio/African/men/id00076/00109.mp4
    ROOT/RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4                the cloned voice alone is fake
    ROOT/FakeVideo-RealAudio/African/men/id00076/00109_id00166_wavtolip.mp4
    ROOT/FakeVideo-FakeAudio/African/men/id00076/00109_2_id00701_wavtolip.mp4
    ROOT/meta_data.csv          source,target1,target2,method,category,type,race,gender,path,<folder>

Any subset, any case of letters; ROOT may be the folder above, or one of the four folders. The table gives the methods
and further targets; without it, or without a row, both come from the names. Some of its rows name one file twice.

**Labels.** Each video has two, by its folder: of the images (``label``) and of the audio (``audio``).

**Splits.** There is no official one. Each person is of ``test``, ``val`` or ``train`` by a hash of the id alone, so
that a part of the dataset is split as the whole is. A fake belongs to its source, whose folder it lies in, and to every
target in the table or its name (a split by folders would let test fakes show people of train): if they are of different
splits it is left out.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dfcore.data.datasets.listing import (
    LeftOut,
    Listing,
    is_video,
    left_out_notes,
    list_folder,
    listed,
    split_name,
    walk,
)
from dfcore.data.datasets.lists import Row, read_table, slashed
from dfcore.data.datasets.roots import check_root, child, find_base, linked_originals
from dfcore.data.labels import labelled_for
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord
from dfcore.errors import DatasetError
from dfcore.text import name_bytes

__all__ = ["FakeAVCeleb"]

_TEST, _VAL = 0.2, 0.1
"""Shares of the people."""
_TABLE = "meta_data.csv"
_DEPTH = 4
"""Folders below a top folder at most."""
_FOLDERS = {
    "RealVideo-RealAudio": (REAL, REAL, 500),
    "RealVideo-FakeAudio": (REAL, FAKE, 500),
    "FakeVideo-RealAudio": (FAKE, REAL, 9709),
    "FakeVideo-FakeAudio": (FAKE, FAKE, 10835),
}
"""Label of the images, of the audio, and how many videos the whole dataset has."""
_TOPS = {name.lower(): name for name in _FOLDERS}
_PERSON = re.compile(r"id\d{3,}", re.I)
_LAYOUT = """The layout, as downloaded:
    ROOT/{RealVideo-RealAudio,RealVideo-FakeAudio,FakeVideo-RealAudio,FakeVideo-FakeAudio}/<race>/<gender>/<id>/*.mp4
    ROOT/meta_data.csv
Any part of it will do. Point at ROOT."""

_Key = tuple[str, str, str]
"""Top folder, source and file name, in small letters."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What the table says of a file."""

    method: str
    people: tuple[str, ...]


class FakeAVCeleb:
    """The adapter; see the module for layout, labels and protocol."""

    def scan(self, root: Path) -> Scan:
        """List the videos under ``root``, top folder by top folder, each sorted by path.

        ``missing`` counts what the whole dataset has and this copy has not.

        Raises:
            DatasetError: ``root`` does not exist or holds nothing of the dataset, or its table cannot be understood or
                contradicts itself.
        """
        base, notes = _find(check_root(root, "FakeAVCeleb"))
        table, table_notes = _read_table(base)
        left_out: list[LeftOut] = []
        records, odd, unlisted = _read(base, table, left_out)
        if not records:
            raise DatasetError(f"{base} has FakeAVCeleb's folders, but none of its videos in them. {_LAYOUT}")
        if table and unlisted:
            table_notes.append(f"Videos without a row in {_TABLE}: {len(unlisted):,} ({listed(unlisted, 3)}).")
        if odd:
            table_notes.append(f"Left out, files that are not the dataset's videos: {len(odd):,} ({listed(odd, 3)}).")
        table_notes += left_out_notes(left_out, base)
        have = Counter(record.id.partition("/")[0] for record in records)
        missing = {name: size - have[name] for name, (_, _, size) in _FOLDERS.items() if size > have[name]}
        records, split_notes = _split(linked_originals(records))
        return Scan("fakeavceleb", base, tuple(records), missing, (*notes, *table_notes, *split_notes))

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By any of the four folders."""
        return any(name.lower() in _TOPS for name in listing.folders)


def _find(root: Path) -> tuple[Path, list[str]]:
    """Where the four folders are; of one of them, the folder above."""
    if root.name.lower() in _TOPS:
        return root.parent, [f"{root.name} is one part of the dataset: all parts in {root.parent} are read."]
    return find_base(root, "FakeAVCeleb", _FOLDERS, _LAYOUT)


# -- the files -----------------------------------------------------------------------------------------------------


def _read(
    base: Path, table: Mapping[_Key, _Row], left_out: list[LeftOut]
) -> tuple[list[VideoRecord], list[str], list[str]]:
    """The videos, the files that are none, and the videos without a row."""
    records: list[VideoRecord] = []
    odd: list[str] = []
    unlisted: list[str] = []
    for top in _FOLDERS:
        folder = child(base, top)
        seen = set[str]()
        for below, file in _files(folder, left_out) if folder else ():
            stem = split_name(file)[0]
            name = "/".join((top, *below, stem))
            source = next((part for part in reversed(below) if _PERSON.fullmatch(part)), "")
            if not is_video(file) or not source or name in seen:
                odd.append("/".join((top, *below, file)))
                continue
            seen.add(name)
            row = table.get((top.lower(), source.lower(), file.lower()))
            if row is None:
                unlisted.append(name)
            assert folder is not None
            records.append(_record(name, folder.joinpath(*below, file), top, below, source, row))
    return records, odd, unlisted


def _files(folder: Path, left_out: list[LeftOut]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The folders on the way and the name of each file; of two with one stem the ``.mp4`` first."""
    for place in walk(folder, left_out, depth=_DEPTH):
        for file in sorted(place.listing.files, key=lambda file: (split_name(file)[0], not file.endswith("mp4"))):
            yield place.below, file


def _record(name: str, path: Path, top: str, below: tuple[str, ...], source: str, row: _Row | None) -> VideoRecord:
    label, audio, _ = _FOLDERS[top]
    words = name.rpartition("/")[2].split("_")
    named = (word for word in words if _PERSON.fullmatch(word))
    people = dict.fromkeys(person.lower() for person in (source, *named, *(row.people if row else ())))
    genuine = label == audio == REAL
    return VideoRecord(
        name,
        path,
        label,
        manipulation="original" if genuine else row.method if row else _guess(top, name),
        group=tuple(f"voxceleb:{person}" for person in people),
        original="" if genuine else "/".join(("RealVideo-RealAudio", *below, words[0])),
        audio_label=audio,
    )


def _guess(top: str, name: str) -> str:
    """The method as far as folder and name tell: all cloned voices are of one method, lips are named, faces are not."""
    if top == "RealVideo-FakeAudio":
        return "rtvc"
    return "wav2lip" if name.lower().endswith(("wavtolip", "wav2lip")) else "unknown"


# -- the table -----------------------------------------------------------------------------------------------------


def _read_table(base: Path) -> tuple[dict[_Key, _Row], list[str]]:
    """The rows by file; where several name one file, the first one's method and everybody's people."""
    file = next((base / name for name in list_folder(base).files if name.lower() == _TABLE), None)
    if file is None:
        return {}, [f"There is no {_TABLE}: methods are guessed and people read from the names of the files."]
    table = read_table(file)
    if not {"source", "method", "type"} <= set(table.columns):
        raise DatasetError(
            f"{file} has the columns {listed(table.columns, 8) or 'none'}; source, method and type are needed. "
            "Download it again, or remove it: the folders alone will do."
        )
    rows: dict[_Key, _Row] = {}
    again = 0
    for line in table.rows:
        key, row = _read_row(file, line)
        known = rows.setdefault(key, row)
        if known is not row:
            again += 1
            rows[key] = replace(known, people=tuple(dict.fromkeys((*known.people, *row.people))))
    return rows, [f"Rows of {_TABLE} that name a file again: {again:,}."] if again else []


def _read_row(file: Path, row: Row) -> tuple[_Key, _Row]:
    cells, line = {name: slashed(value) for name, value in row.cells.items()}, row.line
    kind, method = cells["type"].lower(), cells["method"].lower()
    name = next((cell.rpartition("/")[2] for cell in cells.values() if is_video(cell)), "")
    if kind not in _TOPS or not name:
        raise DatasetError(f"{file}, line {line}: type {cells['type']!r} or the video's name is not understood.")
    places = {part for cell in cells.values() if "/" in cell for part in cell.lower().split("/")} & _TOPS.keys() - {
        kind
    }
    genuine = _FOLDERS[_TOPS[kind]][:2] == (REAL, REAL)
    if places or (method == "real") != genuine:
        said = f"lies in {listed(sorted(places))}" if places else f"has the method {cells['method']!r}"
        raise DatasetError(f"{file}, line {line}: {name} is called {cells['type']} and {said}. Download it again.")
    people = (cells[column].lower() for column in ("source", "target1", "target2") if column in cells)
    return (kind, cells["source"].lower(), name.lower()), _Row(method, tuple(filter(_PERSON.fullmatch, people)))


# -- the splits ----------------------------------------------------------------------------------------------------


def _split(records: Sequence[VideoRecord]) -> tuple[list[VideoRecord], list[str]]:
    """The records with their splits, without those that mix people of several; and a sentence that says so.

    In a small copy a tenth of the people may have no fake of each other: more are held out until they have.
    """
    for test, val in ((_TEST, _VAL), (_TEST, 2 * _VAL), (_TEST, 3 * _VAL), (0.0, 3 * _VAL), (0.0, 5 * _VAL)):
        splits = [_split_of(record.group, test, val) for record in records]
        wanted = {"train", "val", *(["test"] if test else [])}
        if all(_kinds(records, splits, split) == _kinds(records, splits) for split in wanted):
            break
    else:
        return [replace(record, split="train") for record in records], []  # the core looks for others to hold out
    kept = [replace(record, split=split) for record, split in zip(records, splits, strict=True) if split]
    people = {person: _split_of((person,), test, val) for record in records for person in record.group}
    counts = Counter(people.values())
    shares = ", ".join(f"{counts[split]:,} of {split}" for split in ("train", "val", "test") if counts[split])
    left = len(records) - len(kept)
    return kept, [
        f"There is no official split: of {len(people):,} people, {shares}; {left:,} fakes that mix people of different "
        "splits are left out."
    ]


def _split_of(people: Sequence[str], test: float, val: float) -> str:
    """The split that all are of; "" where they are of several."""
    places = [_place(person) for person in people]
    found = {"test" if place < test else "val" if place < test + val else "train" for place in places}
    return found.pop() if len(found) == 1 else ""


def _place(person: str) -> float:
    """A number from 0 to 1 that depends on the id alone."""
    return int.from_bytes(hashlib.blake2b(name_bytes(person), digest_size=7).digest()) / 2**56


def _kinds(records: Sequence[VideoRecord], splits: Sequence[str], split: str | None = None) -> set[tuple[bool, int]]:
    """The classes there are, of all or of one split: without and with the audio."""
    chosen = [record for record, own in zip(records, splits, strict=True) if split in (None, own)]
    return {
        (uses_audio, record.label)
        for uses_audio in (False, True)
        for record in labelled_for(chosen, uses_audio=uses_audio)
    }
