"""The clip store's files: their names, what is in them, and writing them whole or not at all.

They are read by :mod:`dfcore.data.store.array_file`.

A video ``folder/name`` is one safetensors file ``folder/name.safetensors``: for clip i the arrays ``i/y``, ``i/u``,
``i/v`` and, where there are any, ``i/qp``, ``i/motion``, ``i/audio``, ``i/landmarks`` (shapes:
:class:`dfcore.data.clips.Clip`), and of its speech ``i/mouth``, ``i/mouth_present`` (uint8), ``i/speech_audio`` and
``i/speech_landmarks``. ``y``, ``u``, ``v`` and ``qp`` have the
middle frames alone where the plan keeps no others; ``i/sequence`` has all frames, reduced
(:mod:`dfcore.data.clips.reduced`); beside them lies what some views are made of
(:mod:`dfcore.data.views.kept`). Its metadata holds one JSON object, ``dfcore``:
``video`` (format, dfcore version, clip plan, the source file's size and time, a stamp of the clips), ``source``
(:class:`SourceHeader`) and ``clips`` (a :class:`ClipHeader` each), and ``checksums``: a CRC-32 of each array, with its
type and shape, and of the other entries. The same clips give the same bytes. A process compares an
array's checksum when it reads the array for the first time. Files without checksums are of earlier versions, and read
as they are. Arrays that are named under ``coded`` are the bytes of one that was coded without loss
(:mod:`dfcore.data.store.coding`); the checksum is that of these bytes.

Evidence lies beside it in ``folder/name.NAME-vVERSION.evidence.safetensors``: ``i/values`` float16 ``[T, C, h, w]``, or
``[1, C, h, w]`` where it is the same for all T frames, and ``i/mean`` float32 ``[C, h, w]`` where it is not coded, with
the stamp of the clips that it was computed from.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from dfcore.data.store.coding import COMPACT, RAW, code
from dfcore.filesystem.owner import is_left_behind, temporary_path
from dfcore.filesystem.writing import sync_folder, write_error
from dfcore.text import name_bytes, to_json_line

__all__ = [
    "BEFORE_CHECKSUMS",
    "CHECKSUMS",
    "CODED",
    "ENTRIES",
    "EVIDENCE_SUFFIX",
    "FORMAT",
    "METADATA",
    "VIDEO_SUFFIX",
    "checksum",
    "evidence_name",
    "parse_evidence_name",
    "remove_stray",
    "stem_of",
    "write_arrays",
    "write_bytes",
]

FORMAT = 3
"""2: frames without planes, and coded arrays; 3: images coded otherwise. Files of before are read where nothing in them
is coded in a way that is no longer known."""
VIDEO_SUFFIX = ".safetensors"
EVIDENCE_SUFFIX = ".evidence.safetensors"

METADATA = "dfcore"
CODED = "coded"
CHECKSUMS, ENTRIES = "checksums", "entries"
BEFORE_CHECKSUMS = f',"{CHECKSUMS}":'
"""They are the last of the entries, so that the others' text, as it stands before them, has a checksum too."""
_LEAST = 1024
"""Bytes of the smallest array that is coded: less would not be worth what is written of how it was, nor the time."""
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
    *,
    codec: str = RAW,
    groups: Sequence[str] = (),
) -> int:
    """Write a safetensors file atomically, as :func:`write_bytes` does; its size in bytes.

    Args:
        path: the file.
        arrays: what goes in.
        metadata: likewise.
        before_replace: see :func:`write_bytes`.
        codec: ``compact`` codes the arrays without loss, but for very small ones; ``raw`` writes them as they are.
        groups: names of those whose images are always read together.

    Raises:
        WriteError: see :func:`write_bytes`.
    """
    plain = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    if codec == COMPACT:
        large = {key: value for key, value in plain.items() if value.nbytes >= _LEAST}
        done = {key: code(value, group=key in groups) for key, value in large.items()}
        plain |= {key: stored for key, (stored, _) in done.items()}
        metadata = {**metadata, CODED: {key: how.to_json() for key, (_, how) in done.items()}}
    sums = {key: checksum(value.dtype.name, value.shape, value) for key, value in sorted(plain.items())}
    entries = to_json_line(metadata).rstrip("\n")[:-1]
    sums[ENTRIES] = zlib.crc32(entries.encode())
    about = entries + BEFORE_CHECKSUMS + to_json_line(sums).rstrip("\n") + "}"
    content = save(plain, {METADATA: about})
    # Another process may have written the same meanwhile, and what belongs to it (before_replace would remove that).
    if not _holds(path, content):
        write_bytes(path, content, before_replace)
    return len(content)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def checksum(dtype: str, shape: tuple[int, ...], values: Any) -> int:
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
