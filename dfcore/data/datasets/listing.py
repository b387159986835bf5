"""Reading folders: the one walker, and the one list of what is read. Every adapter and ``predict`` go through it.

Links are followed and circles end; hidden files and folders are left out; a clip store inside of a folder is never read
as media. Whatever else is not taken is left out by name, with the reason (:class:`LeftOut`).
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.errors import DatasetError
from dfcore.filesystem.paths import is_folder, why_unreadable

__all__ = [
    "CLIP_STORE",
    "NOT_MEDIA",
    "NOT_REGULAR",
    "PHOTO_SUFFIXES",
    "READ_ALREADY",
    "UNREADABLE",
    "VIDEO_SUFFIXES",
    "LeftOut",
    "Listing",
    "MediaFiles",
    "Place",
    "first_bytes",
    "is_media",
    "is_photo",
    "is_store",
    "is_video",
    "left_out_notes",
    "list_folder",
    "listed",
    "media_files",
    "split_name",
    "subfolders",
    "walk",
]

_VIDEO = """
    .264 .265 .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .insv .ivf .lrv .m1v .m2t .m2ts .m2v .m4v
    .mjpeg .mjpg .mk3d .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm .rmvb .ts .vob .webm .wmv .wtv
    .y4m
"""
_PHOTO = """
    .apng .avif .bmp .heic .heif .hif .jfif .jp2 .jpe .jpeg .jpg .mpo .pgm .png .pnm .ppm .qoi .tga .tif .tiff .webp
"""
VIDEO_SUFFIXES = frozenset(_VIDEO.split())
PHOTO_SUFFIXES = frozenset(_PHOTO.split())
"""What is read: all that PyAV and Pillow read here and that cameras, phones, editors and datasets write."""

NOT_MEDIA = "neither video nor photo"
READ_ALREADY = "read already, by another path (a link)"
CLIP_STORE = "a clip store"
UNREADABLE = "a folder that may not be read"
NOT_REGULAR = "no regular file (a pipe, a device, or a link that leads nowhere)"

_STORE_LOG = re.compile(r"(index|failed)(-\d+)?\.jsonl")
_STORE_LINE = re.compile(r'\s*\{"id": ?".*("stem"|"reason"): ?"')


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in one folder, sorted; hidden ones (``.DS_Store``, ``._000.mp4``) are left out.

    ``special`` holds what is neither a folder nor a regular file: pipes, devices, links that lead nowhere.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    special: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not read, and why: one of the reasons above."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that :func:`walk` came to; ``below`` are the names of the folders from the top to it."""

    path: Path
    below: tuple[str, ...]
    listing: Listing

    def named(self, file: str) -> str:
        """The file's path below the top, with forward slashes."""
        return "/".join((*self.below, file))


def list_folder(folder: Path) -> Listing:
    """List ``folder`` with one ``os.scandir`` and, links apart, no call per file.

    Raises:
        DatasetError: it cannot be read.
    """
    kinds: dict[str, list[str]] = {"folder": [], "file": [], "special": []}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    kinds[_kind(entry)].append(entry.name)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}. Check its permissions.") from error
    return Listing(*(tuple(sorted(kinds[kind])) for kind in ("folder", "file", "special")))


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else "special"
    except OSError:  # a link to itself
        return "special"


def walk(
    top: Path,
    left_out: list[LeftOut],
    *,
    depth: int | None = None,
    into: Callable[[Place], Sequence[str]] | None = None,
) -> Iterator[Place]:
    """``top`` and the folders below it, each before what it holds, in the order of their names.

    A folder that is reached a second time, by a link, is left out; so are clip stores and folders that may not be read.

    Args:
        top: a folder.
        left_out: what is left out is added here, also the special files of each folder.
        depth: levels below ``top`` that are entered; None means all.
        into: which folders of a place are entered, in which order; None enters all.

    Raises:
        DatasetError: ``top`` cannot be read.
    """
    seen: set[object] = set()
    waiting: list[tuple[Path, tuple[str, ...]]] = [(top, ())]
    while waiting:
        folder, below = waiting.pop()
        try:
            itself = _identity(folder)
            if itself in seen:
                left_out.append(LeftOut(folder, READ_ALREADY))
                continue
            seen.add(itself)
            place = Place(folder, below, list_folder(folder))
        except DatasetError:
            if not below:
                raise
            left_out.append(LeftOut(folder, UNREADABLE))
            continue
        if below and is_store(folder, place.listing):
            left_out.append(LeftOut(folder, CLIP_STORE))
            continue
        left_out += [LeftOut(folder / name, NOT_REGULAR) for name in place.listing.special]
        yield place
        if depth is None or len(below) < depth:
            names = place.listing.folders if into is None else into(place)
            waiting += [(folder / name, (*below, name)) for name in reversed(names)]


def _identity(folder: Path) -> object:
    """What is the same for all paths to one folder."""
    try:
        found = folder.stat()
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}. Check its permissions.") from error
    # some file systems number nothing; a real path costs a call for each folder on the way
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(folder)


def subfolders(folder: Path, listing: Listing) -> Iterator[tuple[Path, Listing]]:
    """The folders right below one, with what is in each; unreadable ones and clip stores are passed over."""
    for name in listing.folders:
        try:
            inner = list_folder(folder / name)
        except DatasetError:
            continue
        if not is_store(folder / name, inner):
            yield folder / name, inner


def is_store(folder: Path, listing: Listing) -> bool:
    """Whether a folder is a clip store, by the first line of its index or of its list of failures."""
    logs = (name for name in listing.files if _STORE_LOG.fullmatch(name))
    return any(_STORE_LINE.match(first_bytes(folder / name)) for name in logs)


def left_out_notes(left_out: Iterable[LeftOut], root: Path) -> list[str]:
    """One sentence for each reason: how many, and the first few by name."""
    names: dict[str, list[str]] = defaultdict(list)
    for one in left_out:
        names[one.reason].append(os.path.relpath(one.path, root).replace(os.sep, "/"))
    return [f"Left out, {reason}: {len(found):,} ({listed(found, 3)})." for reason, found in names.items()]


def first_bytes(file: Path, count: int = 1024) -> str:
    """The beginning of a list as text; "" where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(count).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def split_name(name: str) -> tuple[str, str]:
    """``071.mp4`` to ``("071", ".mp4")``; without building a path, since there are tens of thousands."""
    stem = name.rpartition(".")[0] or name
    return stem, name[len(stem) :]


def is_video(name: str) -> bool:
    """Whether the suffix says video."""
    return split_name(name)[1].lower() in VIDEO_SUFFIXES


def is_photo(name: str) -> bool:
    """Whether the suffix says photo."""
    return split_name(name)[1].lower() in PHOTO_SUFFIXES


def is_media(name: str) -> bool:
    """Whether the suffix says video or photo."""
    return is_video(name) or is_photo(name)


def listed(names: Sequence[str], limit: int = 5) -> str:
    """``a, b, c and 12 more``."""
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown


# -- the files that somebody names -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaFiles:
    """What a list of files and folders comes to.

    Attributes:
        found: the files to read, each once: named ones as they are named, those of a folder sorted by path.
        left_out: what lies in the folders and is not read: lists, clip stores, pipes, links to what is read already.
        refused: what was named itself and cannot be read; its ``reason`` is a whole sentence with what to do.
    """

    found: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()
    refused: tuple[LeftOut, ...] = ()


def media_files(paths: Iterable[Path | str]) -> MediaFiles:
    """The videos and photos that are named, or lie in a folder that is named, at any depth.

    A file that is named is tried whatever its suffix; of a folder only what the suffixes call video or photo is taken.
    What cannot be read does not stop the rest: see :class:`MediaFiles`.

    Raises:
        DatasetError: nothing is left to read; the message says why for each path.
    """
    found: dict[str, Path] = {}
    left_out: list[LeftOut] = []
    refused: list[LeftOut] = []
    for path in map(Path, paths):
        reason = _why_not(path)
        if reason:
            refused.append(LeftOut(path, reason))
        elif not is_folder(path):
            found.setdefault(os.path.abspath(path), path)  # noqa: PTH100 - the same name, not the same target
        else:
            inside = _in_folder(path, left_out, refused)
            found.update((name, file) for name, file in inside.items() if name not in found)
    if not found:
        raise DatasetError(
            "\n".join(one.reason for one in refused) or "no file was named. Name videos, photos or folders."
        )
    return MediaFiles(tuple(found.values()), tuple(left_out), tuple(refused))


def _in_folder(folder: Path, left_out: list[LeftOut], refused: list[LeftOut]) -> dict[str, Path]:
    """The media files of a folder, by absolute path."""
    found: dict[str, Path] = {}
    others: list[LeftOut] = []
    for place in walk(folder, others):
        for name in place.listing.files:
            file = place.path / name
            if is_media(name):
                found[os.path.abspath(file)] = file  # noqa: PTH100 - as above
            else:
                others.append(LeftOut(file, NOT_MEDIA))
    left_out += others
    if not found:
        there = " ".join(left_out_notes(others, folder)) or "It is empty."
        refused.append(LeftOut(folder, f"{folder}: no video or photo in this folder. {there} Name another one."))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _why_not(path: Path) -> str:
    """Why a path that somebody names cannot be read at all; "" where it may be tried."""
    reason = why_unreadable(path)
    if reason:
        return reason
    if is_folder(path):
        try:
            store = is_store(path, list_folder(path))
        except DatasetError as error:
            return str(error)
        if store:
            return f"{path}: this is a clip store, made of other videos. Name the videos themselves."
    return ""
