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
from typing import Any

from dfcore.disk import append, writing
from dfcore.text import parse_json, to_json, to_json_line

__all__ = ["append_line", "checked_line", "parsed_line", "part_of", "parts_of", "read_lines", "remove_parts"]


_CHECKSUM = "checksum"


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
            yield from filter(None, file.read_text(encoding="utf-8", errors="replace").split("\n"))
        except (FileNotFoundError, NotADirectoryError):
            continue


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
