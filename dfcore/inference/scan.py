"""Which files are judged: those that are named, and the videos and photos of folders that are named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dfcore.data.datasets.listing import PHOTO_SUFFIXES, VIDEO_SUFFIXES
from dfcore.errors import DataError

__all__ = ["SUFFIXES", "scan_files"]

_RARER = "3gp asf avif flv gif heic heif m2ts mjpeg mjpg mts mxf ogv tif tiff ts vob wmv"
SUFFIXES = VIDEO_SUFFIXES | PHOTO_SUFFIXES | {f".{suffix}" for suffix in _RARER.split()}
"""What a folder's files are told by, in any case of letters; a file that is named is tried whatever its name."""


def scan_files(paths: Sequence[Path]) -> list[Path]:
    """The files named and those in the folders named, each once; a folder's in order of name, at any depth.

    Hidden files and folders are left out, and what has another suffix. Links are followed, circles are ended.

    Raises:
        DataError: there is none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(sorted(_inside(path, set())) if path.is_dir() else [path]))
    if not found:
        raise DataError(
            f"no video or photo in {', '.join(map(str, paths)) or 'nothing'}. In folders, files are told by their "
            f"suffix ({', '.join(sorted(SUFFIXES))}); name a file itself to have it tried whatever its suffix."
        )
    return list(found)


def _inside(folder: Path, above: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: this folder cannot be read: {error.strerror}. Check its permissions.") from error
    for path in paths:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _inside(path, above | {real})
        elif path.suffix.lower() in SUFFIXES:
            yield path
