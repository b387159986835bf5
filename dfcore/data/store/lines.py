"""The clip store's logs: files to which a line is appended for each video.

Where several processes fill a store together, each appends to files of its own (``index-1.jsonl``, ``failed-1.jsonl``),
also on other machines: a network file system does not keep lines apart that two of them append. They are read with the
main ones and, when all is done, taken into these (:meth:`dfcore.data.store.clip_store.ClipStore.settle`).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from dfcore.data.store.format import write_bytes
from dfcore.errors import StoreError
from dfcore.filesystem.paths import read_regular
from dfcore.filesystem.writing import append, writing
from dfcore.text import parse_json, to_json, to_json_line

__all__ = [
    "VideoLog",
    "append_line",
    "checked_line",
    "parsed_line",
    "part_of",
    "parts_of",
    "read_lines",
    "remove_parts",
]


_CHECKSUM = "checksum"


class _Line(Protocol):
    """What a line of a log says of one video."""

    @property
    def id(self) -> str: ...

    def to_line(self) -> str: ...


T = TypeVar("T", bound=_Line)


class VideoLog(dict[str, T], Generic[T]):
    """What was found out of each video, by its id: a file with one JSON line for each; of several the last one counts.

    It outlives the clips: what is prepared again need not be found out again. A class of its own for each log names its
    file and what its lines are.

    Args:
        root: the clip store's folder.
        part: the number, from 1, of one of several processes that fill a store together: it appends to a file of its
            own, which is read with the others.
    """

    NAME: ClassVar[str]
    LINE: ClassVar[Any]
    """What a line is; its ``from_line`` raises KeyError, TypeError or ValueError on what ``to_line`` did not make."""

    def __init__(self, root: Path, part: int = 0) -> None:
        super().__init__()
        self.path = root / self.NAME
        self._own = part_of(self.path, part)
        written = list(self._read())
        self.update((found.id, found) for found in written if found is not None)
        self.settled = not parts_of(self.path) and written == [self[video] for video in sorted(self)]
        """Whether :meth:`save` would change nothing."""

    def _read(self) -> Iterator[T | None]:
        for line in read_lines(self.path):
            try:
                yield self.LINE.from_line(line)
            except (KeyError, TypeError, ValueError):
                yield None  # cut short by a kill, or of another version: it will be found out again

    def add(self, found: T) -> None:
        """Note what was found of a video and append its line.

        Raises:
            WriteError: the disk is full or not writable.
        """
        self[found.id], self.settled = found, False
        append_line(self._own, found.to_line())

    def save(self) -> None:
        """Write the log anew, in the order of the ids, in place of all parts. What another process has noted
        meanwhile stays.
        """
        self.update((found.id, found) for found in self._read() if found is not None and found.id not in self)
        if self:
            write_bytes(self.path, "".join(self[video].to_line() for video in sorted(self)).encode())
        remove_parts(self.path)
        self.settled = True


def part_of(path: Path, part: int) -> Path:
    """The file that process ``part`` (from 1) writes in place of ``path``; of 0, ``path`` itself."""
    return path.with_stem(f"{path.stem}-{part}") if part else path


def parts_of(path: Path) -> list[Path]:
    """The parts that are there, beside ``path`` itself."""
    return sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))


def remove_parts(path: Path) -> None:
    """Remove them, their content being in ``path`` itself."""
    for part in parts_of(path):
        part.unlink(missing_ok=True)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a log and of its parts; none of a file that is not there."""
    for file in (path, *parts_of(path)):
        try:
            yield from filter(None, read_regular(file).decode(errors="replace").split("\n"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise StoreError(
                f"{file} cannot be read: {error.strerror}. Check its permissions, or remove it: `dfcore prepare` makes "
                "it again."
            ) from error


def checked_line(values: Mapping[str, Any]) -> str:
    """A line that says ``values``, and a checksum of them: a label must not become another without a word."""
    return to_json_line({**values, _CHECKSUM: _checksum(values)})


def parsed_line(line: str) -> dict[str, Any]:
    """The values of a line; one without a checksum is of an earlier dfcore.

    Raises:
        ValueError: it is cut short, foreign, or damaged.
    """
    values = parse_json(line)
    if not isinstance(values, dict):
        raise ValueError("no object")
    if values.pop(_CHECKSUM, None) not in (None, _checksum(values)):
        raise ValueError("its checksum differs")
    return values


def _checksum(values: Mapping[str, Any]) -> int:
    return zlib.crc32(to_json(values).encode())


def append_line(path: Path, line: str) -> None:
    """Append a line to a log of the store; the folder is made.

    Raises:
        WriteError: the disk is full or not writable.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = path.exists() and not _ends_in_newline(path)  # by a kill
    append(path, (("\n" if torn else "") + line).encode())


def _ends_in_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        if not stream.seek(0, os.SEEK_END):
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
