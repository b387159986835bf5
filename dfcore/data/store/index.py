"""The clip store's index and its list of failures.

``index.jsonl`` has one JSON line per video and saves opening every file to know what there is. The files are the truth:
a line without its file, or with another size, is dropped; a file without a line is read. So the index may be
deleted, cut short or out of date, and the store still opens right.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.store.array_file import ArrayFile, damaged
from dfcore.data.store.format import (
    EVIDENCE_SUFFIX,
    FORMAT,
    VIDEO_SUFFIX,
    parse_evidence_name,
    remove_stray,
    write_bytes,
)
from dfcore.data.store.lines import (
    append_line,
    checked_line,
    parsed_line,
    part_of,
    parts_of,
    read_lines,
    remove_parts,
)
from dfcore.data.store.origin import Origin
from dfcore.errors import StoreError
from dfcore.filesystem.paths import exists, is_file, is_folder, what_it_is

__all__ = [
    "Failure",
    "FailureLog",
    "IndexEntry",
    "Origin",
    "StoreIndex",
    "check_format",
    "read_entry",
]

INDEX = "index.jsonl"
FAILED = "failed.jsonl"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of the index.

    Attributes:
        id: the video.
        stem: path of its files below the store, without suffix.
        size: of its clip file, in bytes.
        label, manipulation, split: as they were when it was prepared.
        frames: frames of each of its clips.
        tracks: the person of each of its clips.
        plan: the plan it was prepared with.
        origin: the source file then.
        evidence: version of each evidence beside it.
        format: that its clip file was written in.
    """

    id: str
    stem: str
    size: int
    label: int | None
    manipulation: str
    split: str
    frames: tuple[int, ...]
    tracks: tuple[int, ...]
    plan: ClipPlan
    origin: Origin
    evidence: Mapping[str, int] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def file(self) -> str:
        """Path of the clip file below the store."""
        return self.stem + VIDEO_SUFFIX

    def frames_of(self, clips: Sequence[int] | None) -> tuple[int, ...]:
        """Frames of each of the clips that are meant; None means all."""
        return self.frames if clips is None else tuple(self.frames[clip] for clip in clips)

    def to_line(self) -> str:
        """The index line."""
        return checked_line(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> IndexEntry:
        """The inverse of :meth:`to_line`; KeyError, TypeError or ValueError on anything else, and on lines without a
        format: the files themselves say theirs.
        """
        values = parsed_line(line)
        int(values["format"])
        values["plan"] = ClipPlan.from_json(values["plan"])
        values["origin"] = Origin(**values["origin"])
        values["frames"], values["tracks"] = tuple(values["frames"]), tuple(values["tracks"])
        return cls(**values)


def read_entry(root: Path, stem: str, file: ArrayFile, evidence: Mapping[str, int]) -> IndexEntry:
    """The index entry of a clip file, from its metadata.

    Raises:
        StoreError: it is not a clip file, or of a newer dfcore.
    """
    video, source, clips = (file.entry(name) for name in ("video", "source", "clips"))
    try:
        check_format(file)
        return IndexEntry(
            id=source["video"],
            stem=stem,
            size=(root / (stem + VIDEO_SUFFIX)).stat().st_size,
            label=source["label"],
            manipulation=source["manipulation"],
            split=source["split"],
            frames=tuple(len(header["frames"]) for header in clips),
            tracks=tuple(header["track"] for header in clips),
            plan=ClipPlan.from_json(video["plan"]),
            origin=Origin(**video["origin"]),
            evidence=dict(evidence),
            format=video.get("format", 0),
        )
    except (KeyError, TypeError) as error:
        raise damaged(file.path, f"its metadata lacks {error}") from error


def check_format(file: ArrayFile) -> None:
    """Raise StoreError when another dfcore wrote the clip file in a way that this one does not read."""
    video = file.entry("video")
    written = f"{file.path} was written by dfcore {video.get('version')} in store format {video.get('format', 0)}"
    if video.get("format", 0) > FORMAT:
        raise StoreError(f"{written}; this dfcore reads format {FORMAT}. Upgrade it: pip install --upgrade dfcore.")
    if not file.readable:
        raise StoreError(
            f"{written}, whose compact frames are no longer read (now it is {FORMAT}). `dfcore prepare` makes it again."
        )


@dataclass(slots=True)
class _Found:
    """What lies below the store."""

    sizes: dict[str, int] = field(default_factory=dict)  # of clip files, by stem
    evidence: dict[str, dict[str, int]] = field(default_factory=dict)  # highest version by stem and name


def _scan(root: Path) -> _Found:
    """List the store's files; remove stray temporary ones on the way."""
    found = _Found()
    for entry, stem_folder in _walk(root, ""):
        name = entry.name
        if name.endswith(EVIDENCE_SUFFIX):
            parsed = parse_evidence_name(name)
            if parsed:
                versions = found.evidence.setdefault(stem_folder + parsed[0], {})
                # Two versions lie there if a kill came between writing the new one and removing the old one.
                versions[parsed[1]] = max(parsed[2], versions.get(parsed[1], parsed[2]))
        elif name.endswith(VIDEO_SUFFIX):
            found.sizes[stem_folder + name.removesuffix(VIDEO_SUFFIX)] = entry.stat().st_size
        elif name.startswith("."):
            remove_stray(Path(entry.path))
    return found


def _walk(folder: Path, prefix: str, above: tuple[str, ...] = ()) -> Iterator[tuple[os.DirEntry[str], str]]:
    above = (*above, os.path.realpath(folder))
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_dir():
            if not (entry.is_symlink() and os.path.realpath(entry.path) in above):  # a circle
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", above)
        else:
            yield entry, prefix


class StoreIndex(dict[str, IndexEntry]):
    """The index entries by video id, true to the files when it was opened.

    ``damaged`` holds, by file, why clip files that are there cannot be used. ``settled`` says whether the file holds a
    line for each entry, in order, and nothing else. ``part`` says which file new lines go to.

    Raises:
        StoreError: ``root`` is a file.
    """

    def __init__(self, root: Path, part: int = 0) -> None:
        super().__init__()
        self.root = root
        self._own = part_of(root / INDEX, part)
        self.damaged: dict[str, str] = {}
        self.settled = True
        if not exists(root):
            return
        if not is_folder(root):
            raise StoreError(f"the clip store {root} must be a folder; it is {what_it_is(root)}. Name another one.")
        # The files decide. A line may be missing (a kill between file and line) or be of a file that is gone.
        written = list(self._lines())
        lines = {entry.stem: entry for entry in written if entry is not None}
        found = _scan(root)
        for stem, size in found.sizes.items():
            evidence = found.evidence.get(stem, {})
            known = lines.get(stem)
            if known is not None and known.size == size:  # reading each file's header would take minutes on a disk
                entry = known if known.evidence == evidence else _with_evidence(known, evidence)
            else:
                read = self._read(stem, evidence)
                if read is None:
                    continue
                entry = read
            self[entry.id] = entry
        self.settled = not parts_of(root / INDEX) and written == [self[video] for video in sorted(self)]

    def _lines(self) -> Iterator[IndexEntry | None]:
        for line in read_lines(self.root / INDEX):
            try:
                yield IndexEntry.from_line(line)
            except (KeyError, TypeError, ValueError):
                yield None  # cut short or foreign: the file itself will be read

    def _read(self, stem: str, evidence: Mapping[str, int]) -> IndexEntry | None:
        path = self.root / (stem + VIDEO_SUFFIX)
        try:
            return read_entry(self.root, stem, ArrayFile(path), evidence)
        except StoreError as error:
            self.damaged[stem + VIDEO_SUFFIX] = str(error)
            return None

    def add(self, entry: IndexEntry) -> None:
        """Take in an entry and append its line."""
        self[entry.id] = entry
        self.settled = False
        self.damaged.pop(entry.file, None)
        # One line and not the whole index: with 100,000 videos that would be written 100,000 times.
        append_line(self._own, entry.to_line())

    def save(self) -> None:
        """Write the whole index anew, in the order of the ids, in place of all parts. What another process has
        prepared meanwhile stays.
        """
        others = (entry for entry in self._lines() if entry is not None and entry.id not in self)
        self.update((entry.id, entry) for entry in others if is_file(self.root / entry.file))
        lines = "".join(self[video].to_line() for video in sorted(self))
        write_bytes(self.root / INDEX, lines.encode())
        remove_parts(self.root / INDEX)
        self.settled = True


def _with_evidence(entry: IndexEntry, evidence: Mapping[str, int]) -> IndexEntry:
    return replace(entry, evidence=dict(evidence))


@dataclass(frozen=True, slots=True)
class Failure:
    """A video that could not be prepared, and the true reason.

    ``again`` says that the reason is not the file's (a killed worker, no memory): it is tried again by the next call,
    and not written down. ``origin`` is the source file when it failed.
    """

    id: str
    path: str
    reason: str
    time: str = ""
    origin: Origin = field(default_factory=Origin)
    again: bool = False

    def to_line(self) -> str:
        """The line of ``failed.jsonl``."""
        values = asdict(self)
        del values["again"]
        return checked_line(values)

    @classmethod
    def from_line(cls, line: str) -> Failure:
        """The inverse of :meth:`to_line`; KeyError, TypeError or ValueError on anything else."""
        values = parsed_line(line)
        return cls(**{**values, "origin": Origin(**values["origin"])})


class FailureLog(dict[str, Failure]):
    """``failed.jsonl``: one JSON line per video that could not be prepared. ``part`` and ``settled`` as in
    :class:`StoreIndex`.
    """

    def __init__(self, root: Path, part: int = 0) -> None:
        super().__init__()
        self.path = root / FAILED
        self._own, self._part = part_of(self.path, part), part
        self._forgotten: set[str] = set()
        written = list(self._read())
        self.update((failure.id, failure) for failure in written if failure is not None)
        self._lines = len(written)
        self.settled = not parts_of(self.path) and written == [self[video] for video in sorted(self)]

    def _read(self) -> Iterator[Failure | None]:
        for line in read_lines(self.path):
            try:
                yield Failure.from_line(line)
            except (KeyError, TypeError, ValueError):
                yield None  # cut short by a kill: the video will be tried again

    def add(self, video: str, path: Path, reason: str, origin: Origin) -> Failure:
        """Note a failure and append its line, in place of an earlier one."""
        self.forget([video] if video in self else [])
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        failure = Failure(video, str(path), reason, now, origin)
        self[video] = failure
        self._lines, self.settled = self._lines + 1, False
        append_line(self._own, failure.to_line())
        return failure

    def forget(self, videos: Iterable[str]) -> None:
        """Remove the lines of videos that succeeded; tidy the file. A part's lines are left for :meth:`save`."""
        for video in videos:
            self.pop(video, None)
            self._forgotten.add(video)
        if self._lines != len(self) and not self._part:
            self.save()

    def save(self) -> None:
        """Write the file anew, in the order of the ids, in place of all parts. What another process has noted
        meanwhile stays.
        """
        others = (failure for failure in self._read() if failure is not None and failure.id not in self._forgotten)
        self.update((failure.id, failure) for failure in others if failure.id not in self)
        lines = "".join(self[video].to_line() for video in sorted(self))
        if lines:
            write_bytes(self.path, lines.encode())
        else:
            self.path.unlink(missing_ok=True)
        remove_parts(self.path)
        self._lines, self.settled = len(self), True
