"""Celeb-DF, versions 1 and 2 (Li et al., "Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics", 2020).

::

    ROOT/Celeb-real/id0_0000.mp4                real
    ROOT/YouTube-real/00170.mp4                 real
    ROOT/Celeb-synthesis/id0_id16_0000.mp4      fake: id0 is the target, whose video it is, id16 the face put in
    ROOT/List_of_testing_videos.txt             "1 Celeb-real/id0_0001.mp4": here 1 means real, 0 fake

Any subset, any case of letters, with or without a ``videos`` level in the three folders; ROOT may be the folder above.

**Splits.** The listed videos are ``test``, in their class, and in nothing else. There is no official validation list: a
tenth of the people (``celeb:id0``; a YouTube video counts as a person of its own) is held out of train. A fake belongs
to both of its people: held-out both, it is ``val``; one of them, it is left out. The owners' list splits by video, not
by person: people of ``test`` are in ``train`` and ``val`` too, and :attr:`~dfcore.data.records.Scan.shared_splits` says
so.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from dfcore.data.datasets.listing import Listing, is_video, list_folder, listed, split_name
from dfcore.data.datasets.lists import read_lines, slashed
from dfcore.data.datasets.roots import check_root, child, find_base, linked_originals
from dfcore.data.records import FAKE, LABEL_NAMES, REAL, Scan, VideoRecord
from dfcore.errors import DatasetError
from dfcore.text import name_bytes

__all__ = ["HELD_OUT", "CelebDF"]

HELD_OUT = 0.1
"""Share of the people that is held out for validation."""
_LIST = "list_of_testing_videos.txt"
_FOLDERS = {
    "Celeb-real": (REAL, re.compile(r"id(\d+)_\d+", re.I)),
    "YouTube-real": (REAL, re.compile(r"(\d+)")),
    "Celeb-synthesis": (FAKE, re.compile(r"id(\d+)_id(\d+)_(\d+)", re.I)),
}
_SIZES = {
    518: {"Celeb-real": 590, "YouTube-real": 300, "Celeb-synthesis": 5639},
    100: {"Celeb-real": 158, "YouTube-real": 250, "Celeb-synthesis": 795},
}
"""Videos of the whole dataset, by the length of its test list: version 2, version 1."""
_LAYOUT = """The layout, as downloaded:
    ROOT/Celeb-real/*.mp4  ROOT/YouTube-real/*.mp4  ROOT/Celeb-synthesis/*.mp4  ROOT/List_of_testing_videos.txt
Any part of it will do. Point at ROOT."""


class CelebDF:
    """The adapter; see the module for layout and protocol."""

    def scan(self, root: Path) -> Scan:
        """List the videos under ``root``: Celeb-real, YouTube-real, Celeb-synthesis, each sorted by name.

        ``missing`` counts what the whole version has and this copy has not, where the test list tells the version, and
        the listed test videos that are absent.

        Raises:
            DatasetError: ``root`` does not exist, holds nothing of the dataset, or its test list contradicts the
                folders or cannot be understood.
        """
        base, notes = find_base(check_root(root, "Celeb-DF"), "Celeb-DF", _FOLDERS, _LAYOUT)
        records, odd = _read(base)
        if not records:
            raise DatasetError(f"{base} has Celeb-DF's folders, but none of its videos in them. {_LAYOUT}")
        if odd:
            notes.append(f"Left out, files that are not the dataset's videos: {len(odd):,} ({listed(odd, 3)}).")
        tests = _read_list(base)
        if not tests:
            notes.append("There is no List_of_testing_videos.txt, so that no video is kept for testing.")
        there = {record.id.lower() for record in records}
        missing = _missing(records, len(tests))
        absent = sum(name not in there for name in tests)
        if absent:
            missing["List_of_testing_videos.txt"] = absent
        free = [record for record in records if record.id.lower() not in tests]
        held, more = _hold_out(free)
        splits = {record.id: split for record, split in zip(free, held, strict=True)}
        records = [replace(record, split=splits.get(record.id, "test")) for record in records]
        # "" would hand the videos that mix people back to the core, which may put them anywhere
        kept = tuple(record for record in records if record.split)
        return Scan("celebdf", base, kept, missing, (*notes, *more), shared_splits=(("train", "test"), ("val", "test")))

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By any of the three folders."""
        known = {name.lower() for name in _FOLDERS}
        return any(name.lower() in known for name in listing.folders)


def _read(base: Path) -> tuple[list[VideoRecord], list[str]]:
    """The videos, and the files that are none."""
    records: list[VideoRecord] = []
    odd: list[str] = []
    for name, (label, pattern) in _FOLDERS.items():
        top = child(base, name)
        if top is None:
            continue
        folder = child(top, "videos") or top
        seen = set[str]()
        listing = list_folder(folder)
        odd += [f"{name}/{file}" for file in listing.special]
        for file in sorted(listing.files, key=lambda file: (split_name(file)[0], not file.endswith("mp4"))):
            stem = split_name(file)[0]
            match = pattern.fullmatch(stem)
            if not is_video(file) or match is None or stem in seen:
                odd.append(f"{name}/{file}")
                continue
            seen.add(stem)
            # the id does not hold the ``videos`` level: the test list names videos without it
            records.append(_record(f"{name}/{stem}", folder / file, label, match))
    return linked_originals(records), odd


def _record(name: str, path: Path, label: int, match: re.Match[str]) -> VideoRecord:
    if label == FAKE:
        target, source, take = match.groups()
        people = tuple(dict.fromkeys((f"celeb:id{target}", f"celeb:id{source}")))
        return VideoRecord(name, path, FAKE, "Celeb-synthesis", "", people, original=f"Celeb-real/id{target}_{take}")
    family = "youtube:" if name.startswith("YouTube") else "celeb:id"
    return VideoRecord(name, path, REAL, group=(family + match.group(1),))


def _read_list(base: Path) -> set[str]:
    """Ids of the test videos, in small letters; empty without a list."""
    file = next((name for name in list_folder(base).files if name.lower() == _LIST), None)
    if file is None:
        return set()
    names = set[str]()
    labels = {name.lower(): label for name, (label, _) in _FOLDERS.items()}
    for number, line in read_lines(base / file):
        flag, path = (*line.split(maxsplit=1), "")[:2]
        parts = [part for part in slashed(path).lower().split("/") if part not in ("", ".", "videos")]
        if flag not in ("0", "1") or len(parts) != 2 or parts[0] not in labels:
            raise DatasetError(
                f"{base / file}, line {number}: {line!r} is not '<1|0> <folder>/<file>'. Download the list again."
            )
        said = REAL if flag == "1" else FAKE
        if said != labels[parts[0]]:
            raise DatasetError(
                f"{base / file}, line {number}: {line!r} calls a {LABEL_NAMES[labels[parts[0]]]} video "
                f"{LABEL_NAMES[said]}. In this list 1 means real and 0 fake; yours seems to be turned round."
            )
        names.add(f"{parts[0]}/{split_name(parts[1])[0]}")
    return names


def _missing(records: Iterable[VideoRecord], listed_tests: int) -> dict[str, int]:
    have = Counter(record.id.partition("/")[0] for record in records)
    return {name: size - have[name] for name, size in _SIZES.get(listed_tests, {}).items() if size > have[name]}


def _hold_out(records: Sequence[VideoRecord]) -> tuple[list[str], list[str]]:
    """A split for each record, "" where it mixes held-out people with others, and a sentence that says so."""
    people = {family: _ranked(records, family) for family in ("celeb:", "youtube:")}
    first = max(2, round(HELD_OUT * len(people["celeb:"])))
    tubes = people["youtube:"][: round(HELD_OUT * len(people["youtube:"]))]
    # in a small copy the first few people may have no fake of each other: more are held out until they have
    for count in range(first, len(people["celeb:"]) // 2 + 1):
        held = {*people["celeb:"][:count], *tubes}
        splits = [_split_of(record.group, held) for record in records]
        found = [{r.label for r, s in zip(records, splits, strict=True) if s == split} for split in ("train", "val")]
        if found == [{REAL, FAKE}] * 2:
            mixed = splits.count("")
            return splits, [
                f"There is no validation list: {splits.count('val'):,} videos of {len(held):,} people were held out of "
                f"train, and {mixed:,} fakes that mix these with others are left out."
            ]
    return ["train"] * len(records), []  # the core looks for other groups to hold out, and says what it found


def _split_of(people: Iterable[str], held: set[str]) -> str:
    inside = {person in held for person in people}
    return "" if len(inside) > 1 else "val" if True in inside else "train"


def _ranked(records: Iterable[VideoRecord], family: str) -> list[str]:
    """The people of a family, in an order that depends on their names alone."""
    names = {person for record in records for person in record.group if person.startswith(family)}
    return sorted(names, key=lambda name: hashlib.blake2b(name_bytes(name), digest_size=8).digest())
