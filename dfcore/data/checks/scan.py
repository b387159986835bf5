"""Checks of a scan that need no decoding: label polarity, leaks between splits, files that are there twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from pathlib import Path

from dfcore.data.datasets.listing import listed
from dfcore.data.labels import labelled_for
from dfcore.data.records import FAKE, LABEL_NAMES, REAL, Scan, VideoRecord

__all__ = ["Problem", "check_copies", "check_ids", "check_leaks", "check_polarity"]

_WORDS = {
    REAL: frozenset({"real", "original", "genuine", "pristine", "realvideo"}),
    FAKE: frozenset({"fake", "manipulated", "synthesis", "deepfake", "deepfakes", "fakevideo"}),
}
_AUDIO_WORDS = {REAL: frozenset({"realaudio"}), FAKE: frozenset({"fakeaudio"})}
_EDGE = 1 << 16
"""Bytes read at each end of a file to tell whether two are the same."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a dataset.

    ``kind`` is ``ids``, ``polarity``, ``leak``, ``copy``, ``class``, ``unreadable`` or ``shortcut``; ``fatal`` ones
    make the dataset unusable. ``items`` holds a line for each case.
    """

    kind: str
    fatal: bool
    message: str
    items: tuple[str, ...] = ()


def check_ids(scan: Scan) -> list[Problem]:
    """Ids must be unique: the clip store is keyed by them."""
    seen: dict[str, list[VideoRecord]] = defaultdict(list)
    for record in scan.records:
        seen[record.id].append(record)
    items = tuple(f"{name}: {listed([str(r.path) for r in same])}" for name, same in seen.items() if len(same) > 1)
    return [Problem("ids", True, f"Ids that stand for several files: {len(items):,}.", items)] if items else []


def check_polarity(scan: Scan) -> list[Problem]:
    """Labels (0 real, 1 fake) of images and audio against all else that is known of a file: method, source, folder
    names.
    """
    heard = labelled_for(scan.records, uses_audio=True)
    labels = {record.id: record.label for record in heard}
    methods: dict[str, set[int]] = defaultdict(set)
    for record in heard:
        methods[record.manipulation].add(record.label)
    items = []
    for record in scan.records:
        reason = _contradiction(record, labels, methods, scan.root)
        if reason:
            items.append(f"{record.id}: {reason}")
    problems = []
    if items:
        message = f"Labels that contradict the files' names or links (0 is real, 1 is fake): {len(items):,}."
        problems.append(Problem("polarity", True, message, tuple(items)))
    message = _one_class({record.label for record in scan.records}, set(labels.values()))
    return [*problems, Problem("class", False, message)] if message else problems


def _one_class(seen: set[int], heard: set[int]) -> str:
    """What can be done with files whose images are all of one class; "" where they are not."""
    if len(seen) != 1:
        return ""
    there = LABEL_NAMES[min(seen)] if seen <= {REAL, FAKE} else "unlabelled"
    if len(heard) > 1:
        return f"All images are {there}: only a specialist that reads the audio can be trained or measured on them."
    if heard == {REAL}:
        return "All files are real: they serve pre-training (stage 0); nothing can be measured on them alone."
    return f"All files are {there}: nothing can be trained or measured on them alone."


def _contradiction(record: VideoRecord, labels: dict[str, int], methods: dict[str, set[int]], root: Path) -> str:
    """``labels`` and ``methods`` are of any part, images or audio."""
    if record.label not in (REAL, FAKE) or record.audio_label not in (REAL, FAKE, None):
        return f"its label is {record.label!r}, that of its audio {record.audio_label!r}"
    label = labels[record.id]
    if label == FAKE and record.manipulation == "original":
        return "labelled fake, but its manipulation is 'original'"
    if label == REAL and record.manipulation != "original" and FAKE in methods[record.manipulation]:
        return f"labelled real, but other files of {record.manipulation!r} are labelled fake"
    if record.original and labels.get(record.original) == FAKE:
        return f"made from {record.original}, which is labelled fake"
    if record.original and label == REAL:
        return f"labelled real, but made from {record.original}"
    for what, own, known in (("", record.label, _WORDS), ("its audio is ", record.audio_label, _AUDIO_WORDS)):
        said = _said_by_folders(record.path, root, known)
        if said is not None and own is not None and said != own:
            return f"{what}labelled {LABEL_NAMES[own]}, but its folder says {LABEL_NAMES[said]}"
    return ""


def _said_by_folders(path: Path, root: Path, known: Mapping[int, frozenset[str]]) -> int | None:
    """The class that the folder names between ``root`` and ``path`` speak of; None when of none or of both."""
    folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    words = {word for folder in folders for word in re.split(r"[^a-z]+", folder.lower())}
    said = [label for label in (REAL, FAKE) if words & known[label]]
    return said[0] if len(said) == 1 else None


def check_leaks(scan: Scan) -> list[Problem]:
    """Identities, and fakes with their originals, that are in more than one split. Undecided records leak nowhere.

    Fatal, but where the owners' own lists let the two splits share people (``scan.shared_splits``).
    """
    where: dict[str, dict[str, str]] = defaultdict(dict)
    split_of = {record.id: record.split for record in scan.records}
    for record in scan.records:
        if record.split:
            for identity in record.group:
                where[identity].setdefault(record.split, record.id)
    people: dict[bool, list[str]] = {True: [], False: []}
    for identity, splits in where.items():
        if len(splits) > 1:
            line = f"{identity}: " + ", ".join(f"{split} ({example})" for split, example in splits.items())
            people[_is_fatal(scan, splits)].append(line)
    fakes: dict[bool, list[str]] = {True: [], False: []}
    for r in scan.records:
        other = split_of.get(r.original)
        if r.split and other not in (None, "", r.split):
            line = f"{r.id} ({r.split}) was made from {r.original} ({other})"
            fakes[_is_fatal(scan, (r.split, other or ""))].append(line)
    return [
        Problem("leak", fatal, f"{what}{'' if fatal else ', by the official lists'}: {len(items):,}.", tuple(items))
        for found, what in (
            (people, "Identities in more than one split"),
            (fakes, "Fakes in another split than their original"),
        )
        for fatal, items in found.items()
        if items
    ]


def _is_fatal(scan: Scan, splits: Iterable[str]) -> bool:
    """Whether any two of ``splits`` are not a pair that the owners let share people."""
    shared = {frozenset(pair) for pair in scan.shared_splits}
    return any(frozenset(pair) not in shared for pair in combinations(splits, 2))


def check_copies(records: Iterable[VideoRecord]) -> list[Problem]:
    """Files that are there twice, found by size, then by the first and last 64 KiB.

    Across splits or classes that is fatal; within them it only wastes time.
    """
    leaks: list[str] = []
    spare: list[str] = []
    for same in _same_files(records):
        line = " = ".join(f"{r.id} ({r.split or 'undecided'}, {LABEL_NAMES[r.label]})" for r in same)
        splits, labels = {r.split for r in same if r.split}, {(r.label, r.audio_label) for r in same}
        (leaks if len(splits) > 1 or len(labels) > 1 else spare).append(line)
    problems = []
    if leaks:
        message = f"Files that are there twice, in different splits or classes: {len(leaks):,}."
        problems.append(Problem("leak", True, message, tuple(leaks)))
    if spare:
        problems.append(Problem("copy", False, f"Files that are there twice: {len(spare):,}.", tuple(spare)))
    return problems


def _same_files(records: Iterable[VideoRecord]) -> list[list[VideoRecord]]:
    by_size: dict[int, list[VideoRecord]] = defaultdict(list)
    for record in records:
        try:
            size = record.path.stat().st_size
        except OSError:
            continue  # the file check lists it, with the reason
        if size:
            by_size[size].append(record)
    groups = []
    for size, same in by_size.items():
        by_content: dict[bytes, list[VideoRecord]] = defaultdict(list)
        for record in same if len(same) > 1 else ():
            content = _fingerprint(record.path, size)
            if content is not None:
                by_content[content].append(record)
        groups += [found for found in by_content.values() if len(found) > 1]
    return groups


def _fingerprint(path: Path, size: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = blake2b(file.read(_EDGE))
            file.seek(max(0, size - _EDGE))
            content.update(file.read(_EDGE))
    except OSError:
        return None  # the file check lists it, with the reason
    return content.digest()
