"""Reading one of the clip store's files (:mod:`dfcore.data.store.format`), and the message when it cannot be."""

from __future__ import annotations

import math
import mmap
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.store.coding import Coded, taken
from dfcore.data.store.format import BEFORE_CHECKSUMS, CHECKSUMS, CODED, ENTRIES, METADATA, checksum
from dfcore.errors import StoreError
from dfcore.text import parse_json

__all__ = ["ArrayFile", "damaged"]

_DTYPES = {"U8": np.uint8, "I8": np.int8, "I16": np.int16, "F16": np.float16, "F32": np.float32}
_BEFORE_CHECKSUMS = {"video", "source", "clips", "evidence"}
"""The entries of files that were written before there were checksums."""

_compared: dict[int, int] = {}
"""Which checksums this process has compared: a bit for each array, by the file as it is on the disk."""


class ArrayFile:
    """A safetensors file opened for reading: memory-mapped, and checked as a whole when it is opened.

    Arrays are views into the mapping: nothing is read or copied but what is touched, and nothing may be written. (The
    library's own reader copies whole slices; samples touch a part of one frame in many.) The first time that a process
    asks for an array its checksum is compared, for which all of it is read.

    Args:
        path: the file.
        on_damage: told what is wrong before that is raised.

    Raises:
        StoreError: it is missing, cut short, damaged or not a file of this store; the message says what to do.
    """

    def __init__(self, path: Path, on_damage: Callable[[str], None] | None = None) -> None:
        self.path, self._on_damage = path, on_damage
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                found = os.fstat(descriptor)
                self._bytes = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
            self._text, self._metadata, self._arrays = _parsed(self._bytes)
            self._checksums: dict[str, int] = dict(self._metadata.pop(CHECKSUMS, {}))
            self._coded = {key: Coded.from_json(how) for key, how in self._metadata.pop(CODED, {}).items()}
            if self._checksums:
                if not {ENTRIES, *self._arrays} <= self._checksums.keys():
                    raise ValueError("its checksums are not complete")
            elif self._coded or not self._metadata.keys() <= _BEFORE_CHECKSUMS:  # the word itself may be damaged
                raise ValueError("its checksums are missing")
        except FileNotFoundError as error:
            raise StoreError(f"{path} is missing. `dfcore prepare` makes it again.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(error) from error
        self._file = hash((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
        done = _compared.get(self._file, 0)
        self._bits = {name: 1 << number for number, name in enumerate(self._checksums)}
        self._pending = {name for name, bit in self._bits.items() if not done & bit}
        if ENTRIES in self._pending:
            self._compare_entries()

    @property
    def checked(self) -> bool:
        """Whether it has checksums."""
        return bool(self._checksums)

    @property
    def readable(self) -> bool:
        """Whether its coded arrays are of kinds that this dfcore decodes."""
        return all(how.known for how in self._coded.values())

    def entry(self, key: str) -> Any:
        """An entry of the metadata.

        Raises:
            StoreError: there is none.
        """
        if key not in self._metadata:
            raise self._damaged(f"its metadata has no {key!r}")
        return self._metadata[key]

    def get(self, key: str, rows: Sequence[int] | None = None) -> NDArray | None:
        """An array, or None where the file has none of that name.

        Args:
            key: its name.
            rows: positions along its first axis that are asked for, at least one; None means all. Consecutive ones of
                an array that is not coded are not copied; of coded planes no others are decoded.

        Raises:
            StoreError: it is not what was written.
        """
        stored, how = self._stored(key), self._coded.get(key)
        if stored is None:
            return None
        if how is None:
            return stored if rows is None else taken(stored, rows)
        try:
            return how.decode(stored, rows)
        except ValueError as error:
            raise self._damaged(f"{key!r}: {error}") from error

    def length(self, key: str) -> int:
        """How long an array's first axis is; 0 where the file has none of that name. Nothing is read for it."""
        how = self._coded.get(key)
        if how is not None:
            return how.shape[0]
        return self._arrays[key][1][0] if key in self._arrays else 0

    def sizes(self) -> dict[str, int]:
        """Bytes that each array takes in the file."""
        return {key: math.prod(shape) * np.dtype(dtype).itemsize for key, (dtype, shape, _) in self._arrays.items()}

    def _stored(self, key: str) -> NDArray | None:
        """The array as it lies in the file, its checksum compared."""
        found = self._arrays.get(key)
        if found is None:
            if key in self._checksums:
                raise self._damaged(f"it has no {key!r}")
            return None
        dtype, shape, offset = found
        array = np.frombuffer(self._bytes, dtype, math.prod(shape), offset).reshape(shape)
        if key in self._pending:
            self._compare(key, checksum(np.dtype(dtype).name, shape, array))
        return array

    def compare_all(self) -> int:
        """Compare every checksum, also those that this process has compared before, and decode what is coded; the
        number of arrays.

        Raises:
            StoreError: something is not what was written.
        """
        self._pending = set(self._checksums)
        if ENTRIES in self._pending:
            self._compare_entries()
        for key in {*self._arrays, *self._checksums} - {ENTRIES}:
            self.get(key)
        return len(self._arrays)

    def _compare_entries(self) -> None:
        self._compare(ENTRIES, zlib.crc32(self._text.rpartition(BEFORE_CHECKSUMS)[0].encode()))

    def _compare(self, name: str, found: int) -> None:
        if found != self._checksums[name]:
            raise self._damaged(f"the checksum of {name!r} differs")
        self._pending.discard(name)
        _compared[self._file] = _compared.get(self._file, 0) | self._bits[name]

    def _damaged(self, why: object) -> StoreError:
        if self._on_damage is not None:
            self._on_damage(str(why))
        return damaged(self.path, why)


def _parsed(content: mmap.mmap) -> tuple[str, dict[str, Any], dict[str, tuple[Any, tuple[int, ...], int]]]:
    """The metadata of one of the store's safetensors files, as text and as values, and for each
    array its type, shape and place.

    The format: the header's length (8 bytes, little endian), the header (JSON: for each array ``dtype``, ``shape`` and
    ``data_offsets`` from the header's end; ``__metadata__``: strings), the arrays' bytes without gaps.
    """
    length = int.from_bytes(content[:8], "little")
    start = 8 + length
    if not 2 <= length <= len(content) - 8:
        raise ValueError("its header is cut short")
    header: dict[str, Any] = parse_json(content[8:start].decode())
    text = header.pop("__metadata__", {}).get(METADATA, "")
    metadata: dict[str, Any] = parse_json(text)
    arrays, end = {}, 0
    for key, entry in header.items():
        dtype, shape, (first, last) = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
        if first < 0 or last - first != math.prod(shape) * np.dtype(dtype).itemsize:
            raise ValueError(f"{key!r} has not the size of its shape")
        arrays[key] = (dtype, shape, start + first)
        end = max(end, last)
    if start + end != len(content):
        raise ValueError(f"{start + end} bytes were expected, {len(content)} found")
    return text, metadata, arrays


def damaged(path: Path, why: object) -> StoreError:
    """The error for a file that is there but cannot be used."""
    return StoreError(f"{path} is damaged ({why}). Delete it; `dfcore prepare` makes it again.")
