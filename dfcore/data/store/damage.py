"""Damage in a clip store: finding it, and keeping what was found until the files are made again.

Whoever reads an array that is not what was written (:class:`~dfcore.data.store.format.ArrayFile`) stops with an error
and leaves a line in ``damaged.jsonl``. Preparing reads the files that are named there whole, and makes again what is
damaged: it cannot read all files each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.format import VIDEO_SUFFIX, evidence_name, write_bytes
from dfcore.data.store.index import IndexEntry
from dfcore.data.store.lines import append_line, read_lines
from dfcore.errors import StoreError, WriteError
from dfcore.results import Result
from dfcore.text import parse_json, to_json_line

__all__ = ["Damage", "DamageLog", "StoreCheck", "check_video", "note_damage"]

LOG = "damaged.jsonl"


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a file, ``file`` being its path below the store."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class StoreCheck(Result):
    """What came of reading a whole store.

    Attributes:
        videos, arrays, bytes: how many were read, evidence included.
        damaged: files that are not what was written.
        unchecked: files without checksums, of an earlier dfcore; nothing can be said of their content.
    """

    videos: int
    arrays: int
    bytes: int
    damaged: tuple[Damage, ...] = ()
    unchecked: int = 0


def note_damage(root: Path, file: str, why: str) -> None:
    """Leave a line in ``damaged.jsonl``; none in a store that cannot be written to."""
    with suppress(WriteError):
        append_line(root / LOG, to_json_line({"file": file, "why": why}))


class DamageLog(dict[str, str]):
    """``damaged.jsonl``: what is wrong, by file."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.path = root / LOG
        for line in read_lines(self.path):
            with suppress(ValueError, KeyError, TypeError):
                values: dict[str, Any] = parse_json(line)
                self[str(values["file"])] = str(values["why"])
        self._saved = dict(self)

    @property
    def settled(self) -> bool:
        """Whether the file says what this object does."""
        return self == self._saved

    def of(self, entry: IndexEntry) -> list[str]:
        """The files of a video that are named."""
        return [file for file in self if file.startswith(f"{entry.stem}.")]

    def forget(self, entry: IndexEntry) -> None:
        """The files of a video are whole again."""
        for file in self.of(entry):
            del self[file]

    def save(self) -> None:
        """Write the file anew, where something was forgotten."""
        if self.settled:
            return
        if self:
            write_bytes(self.path, "".join(to_json_line({"file": f, "why": w}) for f, w in self.items()).encode())
        else:
            self.path.unlink(missing_ok=True)
        self._saved = dict(self)


def check_video(root: Path, entry: IndexEntry) -> StoreCheck:
    """Read all that a store has of a video, and compare every checksum. Writes nothing."""
    evidence = (evidence_name(entry.stem, name, version) for name, version in sorted(entry.evidence.items()))
    return joined(_check_file(root, name) for name in (entry.stem + VIDEO_SUFFIX, *evidence))


def joined(parts: Iterable[StoreCheck]) -> StoreCheck:
    """The sum of several."""
    total = StoreCheck(0, 0, 0)
    for part in parts:
        total = StoreCheck(
            total.videos + part.videos,
            total.arrays + part.arrays,
            total.bytes + part.bytes,
            (*total.damaged, *part.damaged),
            total.unchecked + part.unchecked,
        )
    return total


def _check_file(root: Path, name: str) -> StoreCheck:
    found: list[str] = []
    video = int(name.count(".") == 1)
    try:
        size = (root / name).stat().st_size
        file = ArrayFile(root / name, found.append)
        for key in ("video", "source", "clips") if video else ("evidence",):  # where there are no checksums, at least
            file.entry(key)
        arrays = file.compare_all()
        return StoreCheck(video, arrays, size, unchecked=int(not file.checked))
    except (OSError, StoreError) as error:
        return StoreCheck(video, 0, 0, (Damage(name, found[0] if found else str(error)),))
