"""The clip store's files: names, atomic writing, reading, and the messages when they cannot be.

A video ``folder/name`` is one safetensors file ``folder/name.safetensors``: for clip i the arrays ``i/y``, ``i/u``,
``i/v`` and, where there are any, ``i/qp``, ``i/motion``, ``i/audio``, ``i/landmarks`` (shapes:
:class:`dfcore.data.clips.Clip`), and of its speech ``i/mouth``, ``i/mouth_present`` (uint8), ``i/speech_audio`` and
``i/speech_landmarks``. Its metadata holds one JSON object,
``dfcore``: ``video`` (format, dfcore version, clip plan, the source file's size and time, a stamp of the clips),
``source`` (:class:`SourceHeader`) and ``clips`` (a :class:`ClipHeader` each), and ``checksums``: a CRC-32 of each
array, with its type and shape, and of the other entries. The same clips give the same bytes. A process compares an
array's checksum when it reads the array for the first time. Files without checksums are of earlier versions, and read
as they are.

Evidence lies beside it in ``folder/name.NAME-vVERSION.evidence.safetensors``: ``i/values`` float16 ``[T, C, h, w]`` and
``i/mean`` float32 ``[C, h, w]``, with the stamp of the clips that it was computed from.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from dfcore.disk import sync_folder, write_error
from dfcore.errors import StoreError
from dfcore.owner import is_left_behind, temporary_path
from dfcore.text import name_bytes, parse_json, to_json_line

__all__ = [
    "EVIDENCE_SUFFIX",
    "FORMAT",
    "VIDEO_SUFFIX",
    "ArrayFile",
    "evidence_name",
    "parse_evidence_name",
    "remove_stray",
    "stem_of",
    "write_arrays",
    "write_bytes",
]

FORMAT = 1
VIDEO_SUFFIX = ".safetensors"
EVIDENCE_SUFFIX = ".evidence.safetensors"

_METADATA = "dfcore"
_CHECKSUMS, _ENTRIES = "checksums", "entries"
_BEFORE_CHECKSUMS = f',"{_CHECKSUMS}":'
"""They are the last of the entries, so that the others' text, as it stands before them, has a checksum too."""
_LONGEST = 120  # of one path component: the suffixes and the temporary name still fit into 255 bytes
_EVIDENCE = re.compile(r"^(?P<stem>[^.]+)\.(?P<name>[^.]+)-v(?P<version>\d+)\.evidence\.safetensors$")


def stem_of(video: str) -> str:
    """The path of a video's files below the store, without suffix: slashes in the id become folders.

    Characters that some file system refuses are percent-encoded, dots too (so a name never looks like a suffix, a
    hidden file or ``..``), and an over-long component ends in a hash.
    """
    parts = [quote(name_bytes(part), safe="()[]+,=@").replace(".", "%2E") or "%" for part in video.split("/")]
    return "/".join(part if len(part) <= _LONGEST else _shortened(part) for part in parts)


def _shortened(part: str) -> str:
    return f"{part[: _LONGEST - 18]}%-{hashlib.blake2b(name_bytes(part), digest_size=8).hexdigest()}"


def evidence_name(stem: str, name: str, version: int) -> str:
    """The path of an evidence file below the store."""
    return f"{stem}.{name}-v{version}{EVIDENCE_SUFFIX}"


def parse_evidence_name(file: str) -> tuple[str, str, int] | None:
    """``(stem, name, version)`` of an evidence file's name (its last component), or None."""
    found = _EVIDENCE.match(file)
    return (found["stem"], found["name"], int(found["version"])) if found else None


# -- writing -------------------------------------------------------------------------------------------------------


def write_bytes(path: Path, content: bytes, before_replace: Callable[[], None] | None = None) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut.

    Args:
        path: the file; folders on the way are made.
        content: what goes in.
        before_replace: called when the content is safe on the disk, just before it takes the place of ``path``.

    Raises:
        WriteError: the disk is full, or the folder cannot be written to; nothing half-written stays.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if before_replace is not None:
            before_replace()
        os.replace(temporary, path)  # noqa: PTH105 - the same call as Path.replace, and the one that tests intercept
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(path, error, len(content)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_arrays(
    path: Path,
    arrays: Mapping[str, NDArray],
    metadata: Mapping[str, Any],
    before_replace: Callable[[], None] | None = None,
) -> int:
    """Write a safetensors file atomically, as :func:`write_bytes` does; its size in bytes.

    Raises:
        WriteError: see :func:`write_bytes`.
    """
    plain = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    checksums = {key: _checksum(value.dtype.name, value.shape, value) for key, value in sorted(plain.items())}
    entries = to_json_line(metadata).rstrip("\n")[:-1]
    checksums[_ENTRIES] = zlib.crc32(entries.encode())
    about = entries + _BEFORE_CHECKSUMS + to_json_line(checksums).rstrip("\n") + "}"
    content = save(plain, {_METADATA: about})
    # Another process may have written the same meanwhile, and what belongs to it (before_replace would remove that).
    if not _holds(path, content):
        write_bytes(path, content, before_replace)
    return len(content)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _checksum(dtype: str, shape: tuple[int, ...], values: Any) -> int:
    """CRC-32 of an array; ``values`` is anything with its bytes in order."""
    return zlib.crc32(values, zlib.crc32(f"{dtype}{list(shape)}".encode()))


def remove_stray(path: Path) -> bool:
    """Remove a temporary file whose writer is gone (killed, or a day old); whether it was removed."""
    if not is_left_behind(path):
        return False
    try:
        path.unlink()
    except (FileNotFoundError, PermissionError):
        return False  # its writer finished meanwhile, or the store may only be read
    return True


# -- reading -------------------------------------------------------------------------------------------------------


_DTYPES = {"U8": np.uint8, "I8": np.int8, "I16": np.int16, "F16": np.float16, "F32": np.float32}


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
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                found = os.fstat(descriptor)
                self._bytes = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
            self._text, self._metadata, self._arrays = _parsed(self._bytes)
            self._checksums: dict[str, int] = dict(self._metadata.pop(_CHECKSUMS, {}))
            if self._checksums and not {_ENTRIES, *self._arrays} <= self._checksums.keys():
                raise ValueError("its checksums are not complete")
        except FileNotFoundError as error:
            raise StoreError(f"{path} is missing. `dfcore prepare` makes it again.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(error) from error
        self._file = hash((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
        done = _compared.get(self._file, 0)
        self._bits = {name: 1 << number for number, name in enumerate(self._checksums)}
        self._pending = {name for name, bit in self._bits.items() if not done & bit}
        if _ENTRIES in self._pending:
            self._compare_entries()

    @property
    def checked(self) -> bool:
        """Whether it has checksums."""
        return bool(self._checksums)

    def entry(self, key: str) -> Any:
        """An entry of the metadata.

        Raises:
            StoreError: there is none.
        """
        if key not in self._metadata:
            raise self._damaged(f"its metadata has no {key!r}")
        return self._metadata[key]

    def get(self, key: str) -> NDArray | None:
        """An array, or None where the file has none of that name.

        Raises:
            StoreError: it is not what was written.
        """
        found = self._arrays.get(key)
        if found is None:
            if key in self._checksums:
                raise self._damaged(f"it has no {key!r}")
            return None
        dtype, shape, offset = found
        array = np.frombuffer(self._bytes, dtype, math.prod(shape), offset).reshape(shape)
        if key in self._pending:
            self._compare(key, _checksum(np.dtype(dtype).name, shape, array))
        return array

    def compare_all(self) -> int:
        """Compare every checksum, also those that this process has compared before; the number of arrays.

        Raises:
            StoreError: something is not what was written.
        """
        self._pending = set(self._checksums)
        if _ENTRIES in self._pending:
            self._compare_entries()
        for key in {*self._arrays, *self._checksums} - {_ENTRIES}:
            self.get(key)
        return len(self._arrays)

    def _compare_entries(self) -> None:
        self._compare(_ENTRIES, zlib.crc32(self._text.rpartition(_BEFORE_CHECKSUMS)[0].encode()))

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
    text = header.pop("__metadata__", {}).get(_METADATA, "")
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
