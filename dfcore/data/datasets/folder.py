"""Your own videos and photos, sorted into folders named after their class.

::

    ROOT/real/...                       also: original, genuine
    ROOT/fake/...                       also: manipulated, deepfake
    ROOT/{train,val,test}/{real,fake}/  the same, with splits of your own; real/train also works

Class folders may lie at any depth, in any case of letters, and hold any depth of folders. Files are told by their
suffix (:data:`~dfcore.data.datasets.listing.VIDEO_SUFFIXES`, :data:`~dfcore.data.datasets.listing.PHOTO_SUFFIXES`);
others are named in the notes. ``validation`` and ``valid`` are ``val``; ``training`` and ``testing`` are understood.

**Manipulation** is the first folder below ``fake`` that is no identity (``fake/faceswap/x.mp4``: ``faceswap``), else
``fake``.

**Groups**, which keep one person's files in one split:

* A folder name that occurs below real *and* below fake is taken as a person: ``real/anna/1.mp4``,
  ``fake/faceswap/anna/7.mp4``. So are the names beside it, in the same row of folders. All files of a person are one
  group.
* Otherwise each file is a group of its own, with the fakes named after it: ``fake/x.mp4`` and ``fake/x_anything.mp4``
  go with ``real/x.mp4``, ``fake/x_y.mp4`` with ``real/y.mp4`` too.
* In splits of your own, equal file names mean nothing (``train/real/0001.mp4``, ``test/real/0001.mp4``), equal people
  do.

Frames taken from one video are many photos of one person: give each video a folder below real and fake, or make the
splits yourself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dfcore.data.datasets.listing import (
    NOT_MEDIA,
    LeftOut,
    Listing,
    Place,
    is_media,
    left_out_notes,
    list_folder,
    listed,
    split_name,
    walk,
)
from dfcore.data.datasets.roots import check_root, linked_originals
from dfcore.data.records import FAKE, LABEL_NAMES, REAL, Scan, VideoRecord
from dfcore.errors import DatasetError

__all__ = ["CLASS_NAMES", "SPLIT_NAMES", "Folder"]

CLASS_NAMES = {
    "real": REAL,
    "original": REAL,
    "genuine": REAL,
    "fake": FAKE,
    "manipulated": FAKE,
    "deepfake": FAKE,
}
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_LAYOUT = """Expected:
    ROOT/real/...  (or original, genuine)     videos and photos, at any depth
    ROOT/fake/...  (or manipulated, deepfake)
or, with splits of your own, ROOT/{train,val,test}/{real,fake}/..."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file with what the folders above it say; ``inner`` are those below the class folder."""

    path: Path
    id: str
    label: int
    split: str
    inner: tuple[str, ...]
    stem: str


class Folder:
    """The adapter; see the module for the layout."""

    def scan(self, root: Path) -> Scan:
        """List the videos and photos under ``root``: real ones first, then by id.

        Raises:
            DatasetError: ``root`` does not exist, holds no class folder or nothing in one, or its folders contradict
                each other (``fake/real``).
        """
        root = check_root(root, "real/ and fake/ (see `dfcore datasets`)")
        found = _Found(root)
        for place in walk(root, found.left_out):
            found.read(place)
        if not found.classes:
            raise DatasetError(_no_classes(root))
        if not found.files:
            raise DatasetError(f"{root} has class folders, but no video or photo in them. {_LAYOUT}")
        files = sorted(found.files, key=lambda file: (file.label, file.id, file.path.name))
        identities = _identities(files)
        notes = found.notes()
        if identities:
            names = listed(sorted(identities), 8)
            notes.append(
                f"Folder names below both classes are taken as people, each kept in one split: {names}. "
                "Rename those that are not."
            )
        return Scan("folder", root, tuple(_records(files, identities)), {}, tuple(notes))

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By ``real`` beside ``fake``; the other names of a class are too common."""
        return {"real", "fake"} <= {name.lower() for name in listing.folders}


@dataclass(slots=True)
class _Found:
    root: Path
    files: list[_File] = field(default_factory=list)
    classes: set[int] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)
    outside: int = 0

    def read(self, place: Place) -> None:
        """Take in the files of a folder, by what the folders on the way to it say."""
        split, label, inner = _meaning(self.root, place.below)
        if label is not None:
            self.classes.add(label)
        for name in place.listing.files:
            if not is_media(name):
                if label is not None:
                    self.left_out.append(LeftOut(place.path / name, NOT_MEDIA))
            elif label is None:
                self.outside += 1
            else:
                stem = split_name(name)[0]
                self.files.append(_File(place.path / name, place.named(stem), label, split, inner, stem))

    def notes(self) -> list[str]:
        notes = []
        if len(self.classes) == 1:
            label = next(iter(self.classes))
            notes.append(f"Only {LABEL_NAMES[label]} files: there is no {LABEL_NAMES[1 - label]} folder.")
        if self.outside:
            notes.append(f"Left out, videos and photos in no class folder: {self.outside:,}.")
        notes += left_out_notes(self.left_out, self.root)
        if any(file.split for file in self.files) and not all(file.split for file in self.files):
            notes.append("Some files lie in a split's folder and some do not; dfcore splits the latter.")
        return notes


def _meaning(root: Path, below: Sequence[str]) -> tuple[str, int | None, tuple[str, ...]]:
    """What the folders from the root on say: split, label (None above a class folder), and the folders below that.

    Raises:
        DatasetError: they contradict each other.
    """
    split, label, inner = "", None, tuple[str, ...]()
    for depth, name in enumerate(below, 1):
        new_label, new_split = CLASS_NAMES.get(name.lower()), SPLIT_NAMES.get(name.lower())
        folder = root.joinpath(*below[:depth])
        if label is not None and new_label is not None and new_label != label:
            raise DatasetError(
                f"{folder} is named {LABEL_NAMES[new_label]} and lies in a {LABEL_NAMES[label]} folder, so that its "
                "label is unclear. Rename or move it."
            )
        if new_split is not None and not inner:
            if split and split != new_split:
                raise DatasetError(f"{folder} is named {new_split} and lies in {split}. Rename or move it.")
            split = new_split
        elif label is None:
            label = new_label
        else:
            inner = (*inner, name)
    return split, label, inner


def _identities(files: Iterable[_File]) -> set[str]:
    """Folder names (lower case) that mean people: see the module."""
    rows: dict[tuple[int, int], set[str]] = defaultdict(set)
    for file in files:
        for depth, name in enumerate(file.inner):
            rows[file.label, depth].add(name.lower())
    names = {label: set().union(*(row for key, row in rows.items() if key[0] == label)) for label in (REAL, FAKE)}
    shared = names[REAL] & names[FAKE]
    return set().union(*(row for row in rows.values() if row & shared))


def _records(files: list[_File], identities: set[str]) -> list[VideoRecord]:
    taken = {name for name, count in Counter(file.id for file in files).items() if count > 1}
    reals: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in files:
        if file.label == REAL and not _people(file, identities):
            reals[file.split, file.stem.lower()].append(_id(file, taken))
    return linked_originals(_record(file, identities, reals, taken) for file in files)


def _record(file: _File, identities: set[str], reals: dict[tuple[str, str], list[str]], taken: set[str]) -> VideoRecord:
    people = _people(file, identities)
    sources = [] if people else _sources(file, reals)
    origin = reals.get((file.split, sources[0]), []) if sources and file.label == FAKE else []
    method = next((name for name in file.inner if name.lower() not in identities), "fake")
    scope = f"{file.split}/" if file.split else ""
    return VideoRecord(
        id=_id(file, taken),
        path=file.path,
        label=file.label,
        manipulation=method if file.label == FAKE else "original",
        split=file.split,
        group=tuple(f"person:{name}" for name in people) or tuple(f"file:{scope}{stem}" for stem in sources),
        original=origin[0] if len(origin) == 1 else "",
    )


def _id(file: _File, taken: set[str]) -> str:
    """The path without its suffix, unless two files differ in nothing else."""
    return file.id + split_name(file.path.name)[1] if file.id in taken else file.id


def _people(file: _File, identities: set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower() for name in file.inner if name.lower() in identities))


def _sources(file: _File, reals: dict[tuple[str, str], list[str]]) -> list[str]:
    """Stems of the real files that this one is named after, the target first; else its own."""
    stem = file.stem.lower()
    if file.label == REAL or (file.split, stem) in reals:
        return [stem]
    for cut in range(len(stem) - 1, 0, -1):
        if stem[cut] in "_-" and (file.split, stem[:cut]) in reals:
            rest = stem[cut + 1 :]
            return [stem[:cut], rest] if (file.split, rest) in reals else [stem[:cut]]
    return [stem]


def _no_classes(root: Path) -> str:
    if root.name.lower() in CLASS_NAMES:
        return f"{root} is a class folder itself. Point at the folder above it, {root.parent}. {_LAYOUT}"
    listing = list_folder(root)
    there = listed(listing.folders + listing.files, 8) or "nothing"
    return f"{root} holds no folder named real or fake (it holds {there}). {_LAYOUT}"
