"""Verifying a copy of a dataset: what is there, what is missing, and what would spoil a training on it.

Works on any adapter's :class:`~dfcore.data.records.Scan`.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dfcore.console.progress import SILENT, TERMINAL, over
from dfcore.data.checks.scan import Problem, check_copies, check_ids, check_leaks, check_polarity
from dfcore.data.checks.shortcuts import Shortcut, check_shortcuts, shortcuts
from dfcore.data.media import MediaInfo, decode, probe
from dfcore.data.media.reasons import is_passing, reason_of
from dfcore.data.records import FAKE, LABEL_NAMES, Scan, VideoRecord
from dfcore.data.workers.pool import Died, run_tasks
from dfcore.data.workers.process import can_isolate, seconds_to_read
from dfcore.data.workers.serve import announce
from dfcore.errors import MediaError

__all__ = ["Count", "Localised", "Report", "Unreadable", "verify"]

FIRST_FRAMES = 8
"""Frames that are decoded of each file when asked to."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many files there are of a kind; ``split`` is "" while undecided, ``audio`` is its label, "" if not known."""

    manipulation: str
    compression: str
    label: str
    split: str
    videos: int
    audio: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be read, and why."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Localised:
    """Of how many fakes there are files that tell where, and whose face, was forged: a mask, the original.

    Attributes:
        fakes: whose images were forged.
        with_mask, with_original: for how many there is a mask, or the original; for some both.
        with_neither: for how many neither.
    """

    fakes: int
    with_mask: int
    with_original: int
    with_neither: int


@dataclass(frozen=True, slots=True)
class Report:
    """What :func:`verify` found."""

    dataset: str
    root: Path
    videos: int
    counts: tuple[Count, ...]
    missing: dict[str, int]
    notes: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    shortcuts: tuple[Shortcut, ...]
    problems: tuple[Problem, ...]
    localised: Localised

    @property
    def usable(self) -> bool:
        """Whether no problem is fatal."""
        return not any(problem.fatal for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return {"usable": self.usable, **asdict(self), "root": str(self.root)}


def verify(scan: Scan, *, frames: bool = False, workers: int | None = None, progress: bool = True) -> Report:
    """Check a scanned dataset; every file is opened and all its packets are counted, in processes of their own.

    Args:
        scan: what the adapter found.
        frames: decode the first frames of each file too.
        workers: processes; None chooses by the machine's cores.
        progress: a bar on stderr, if that is a terminal.

    Fatal problems: ids that are not unique, labels that contradict the files, identities or identical files in
    different splits (or identical files in both classes), and a class, or all, of the files unreadable.
    """
    infos, unreadable = _read_all(scan.records, frames, workers or min(8, os.cpu_count() or 1), progress)
    found = tuple(shortcuts(scan.records, infos))
    problems = [
        *check_ids(scan),
        *check_polarity(scan),
        *check_leaks(scan),
        *check_copies(record for record in scan.records if record.id in infos),
        *_check_readable(scan, infos, unreadable),
        *check_shortcuts(found),
    ]
    return Report(
        dataset=scan.dataset,
        root=scan.root,
        videos=len(scan.records),
        counts=_count(scan.records),
        missing=dict(scan.missing),
        notes=scan.notes,
        unreadable=tuple(unreadable),
        shortcuts=found,
        problems=tuple(sorted(problems, key=lambda problem: not problem.fatal)),
        localised=_localised(scan.records),
    )


def _localised(records: Sequence[VideoRecord]) -> Localised:
    fakes = [record for record in records if record.video_label == FAKE]
    masks, originals = ([getattr(r, name) is not None for r in fakes] for name in ("mask", "original_path"))
    neither = sum(not (mask or original) for mask, original in zip(masks, originals, strict=True))
    return Localised(len(fakes), sum(masks), sum(originals), neither)


def _count(records: Sequence[VideoRecord]) -> tuple[Count, ...]:
    """One entry for each kind, in the order in which the scan first names it."""
    kinds = Counter(
        Count(r.manipulation, r.compression, _label_name(r.label), r.split, 0, _label_name(r.audio_label))
        for r in records
    )
    return tuple(replace(kind, videos=videos) for kind, videos in kinds.items())


def _label_name(label: int | None) -> str:
    if label is None:
        return ""
    return LABEL_NAMES[label] if label in range(len(LABEL_NAMES)) else repr(label)


def _read_all(
    records: Sequence[VideoRecord], frames: bool, workers: int, progress: bool
) -> tuple[dict[str, MediaInfo], list[Unreadable]]:
    infos: dict[str, MediaInfo] = {}
    failed: dict[str, Unreadable] = {}
    read = partial(_read, frames=frames)
    tasks = [record.path for record in records]
    if can_isolate():
        found = run_tasks(read, tasks, max(1, min(workers, len(tasks))), seconds_to_read)
    else:
        found = ((path, read(path)) for path in tasks)
    of_path: dict[Path, list[VideoRecord]] = defaultdict(list)
    for record in records:
        of_path[record.path].append(record)
    bar = (TERMINAL if progress else SILENT).bar("reading", len(tasks), unit="file")
    for path, outcome in over(found, bar):
        record = of_path[path].pop()
        if isinstance(outcome, MediaInfo):
            infos[record.id] = outcome
        else:
            reason = f"{path}: {outcome.reason}." if isinstance(outcome, Died) else outcome
            failed[record.id] = Unreadable(record.id, str(path), reason)
    return infos, [failed[record.id] for record in records if record.id in failed]


def _read(path: Path, frames: bool) -> MediaInfo | str:
    """What a file holds, or why it cannot be read: one odd file must not end the check of ten thousand."""
    try:
        info = probe(path)
        if frames:
            _read_frames(path, info)
    except Exception as error:
        return reason_of(path, error, passing=is_passing(path, error))
    return info


def _read_frames(path: Path, info: MediaInfo) -> None:
    wanted = range(min(FIRST_FRAMES, info.frame_count))
    announce(len(wanted), info.width, info.height)
    came = sum(1 for _ in decode(path, wanted, side_data=False, threads=1))
    if came < len(wanted):
        raise MediaError(f"{path}: only {came} of its first {len(wanted)} frames can be decoded.")


def _check_readable(scan: Scan, infos: dict[str, MediaInfo], unreadable: list[Unreadable]) -> list[Problem]:
    if not unreadable:
        return []
    items = tuple(f"{one.id}: {one.reason}" for one in unreadable)
    if not infos:
        return [Problem("unreadable", True, "Not one file can be read.", items)]
    problems = [
        Problem("unreadable", False, f"Files that cannot be read: {len(items):,} of {len(scan.records):,}.", items)
    ]
    whole = {record.label for record in scan.records}
    if len({record.label for record in scan.records if record.id in infos}) < len(whole):
        problems.append(Problem("unreadable", True, "All files of one class cannot be read.", ()))
    return problems
