"""Which chunk of its dataset a video belongs to. A chunk is what is prepared, trained on and dropped together.

By default chunk k of ten is parts 5k to 5k + 4 (``dfdc_train_part_35`` is of chunk 7), or a folder that is named as a
chunk (``chunk_7``). A mapping of one's own replaces both: ``{7: ("35-38", "extra_videos")}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from dfcore.data.records import VideoRecord
from dfcore.errors import ConfigError

__all__ = ["PARTS_PER_CHUNK", "with_chunks"]

PARTS_PER_CHUNK = 5
_PART = re.compile(r".*part_0*(\d+)", re.I)
_CHUNK = re.compile(r".*chunk[_-]?0*(\d+)", re.I)
_ENTRY = re.compile(r"\s*(\d+)\s*=\s*(.+)")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def with_chunks(records: Iterable[VideoRecord], mapping: Sequence[str] = ()) -> list[VideoRecord]:
    """The records with their ``chunk``; None for a video of no chunk.

    Args:
        records: their ``part`` is the folder of their dataset that they came in.
        mapping: ``"CHUNK=PART+PART+..."`` each, a part being a number, a range (``35-38``) or a folder's name; () takes
            the default.

    Raises:
        ConfigError: an entry of the mapping is not of that form, or a part is in two chunks.
    """
    names = _read(mapping)
    return [replace(record, chunk=_chunk(record.part, names)) for record in records]


def _read(mapping: Sequence[str]) -> dict[str, int]:
    """Chunks by a part's number (as text) or a folder's name (in small letters)."""
    names: dict[str, int] = {}
    for entry in mapping:
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ConfigError(f"data.chunk_map takes CHUNK=PART+PART, not {entry!r}; for example 0=0-4,1=5+7+extra.")
        for word in match.group(2).split("+"):
            for name in _names(word.strip()):
                if names.setdefault(name, int(match.group(1))) != int(match.group(1)):
                    raise ConfigError(f"data.chunk_map puts part {name} into two chunks. Put it into one.")
    return names


def _names(word: str) -> list[str]:
    match = _RANGE.fullmatch(word)
    if match is None:
        return [word.lower()]
    first = int(match.group(1))
    return [str(number) for number in range(first, int(match.group(2) or first) + 1)]


def _chunk(part: str, names: Mapping[str, int]) -> int | None:
    folders = [folder.lower() for folder in PurePosixPath(part).parts]
    numbers = [match.group(1) for match in map(_PART.fullmatch, folders) if match]
    if names:
        return next((names[name] for name in (*folders, *numbers) if name in names), None)
    if numbers:
        return int(numbers[-1]) // PARTS_PER_CHUNK
    return next((int(match.group(1)) for match in map(_CHUNK.fullmatch, folders) if match), None)
