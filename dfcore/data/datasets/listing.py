"""Reading folders: what every adapter shares."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dfcore.data.records import VideoRecord
from dfcore.errors import DatasetError

__all__ = [
    "PHOTO_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Listing",
    "check_root",
    "child",
    "find_base",
    "first_bytes",
    "is_photo",
    "is_video",
    "list_folder",
    "listed",
    "split_name",
    "without_lost_originals",
]

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
PHOTO_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in one folder, sorted; hidden ones (``.DS_Store``, ``._000.mp4``) are left out."""

    folders: tuple[str, ...]
    files: tuple[str, ...]


def list_folder(folder: Path) -> Listing:
    """List ``folder`` with one ``os.scandir`` and, links apart, no call per file.

    Raises:
        DatasetError: it cannot be read.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}. Check its permissions.") from error
    return Listing(tuple(sorted(folders)), tuple(sorted(files)))


def child(folder: Path, name: str) -> Path | None:
    """The sub-folder ``name`` of ``folder``, whatever the case of its letters; the exact spelling wins."""
    if (folder / name).is_dir():
        return folder / name
    if not folder.is_dir():
        return None
    found = next((other for other in list_folder(folder).folders if other.lower() == name.lower()), None)
    return folder / found if found else None


def first_bytes(file: Path, count: int = 1024) -> str:
    """The beginning of a list as text; "" where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(count).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def check_root(root: Path, title: str) -> Path:
    """``root`` as an absolute path.

    Raises:
        DatasetError: it does not exist or is not a folder.
    """
    root = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100 - Path.resolve would follow the user's links
    if not root.exists():
        raise DatasetError(f"{root} does not exist. Give the folder that holds {title}.")
    if not root.is_dir():
        raise DatasetError(f"{root} is a file, not a folder. Give the folder that holds {title}.")
    return root


def find_base(root: Path, title: str, folders: Collection[str], layout: str) -> tuple[Path, list[str]]:
    """The folder that holds a dataset's top ``folders`` (any of them, in any case), and what is worth noting.

    That is ``root``, or the only such folder right below it.

    Raises:
        DatasetError: there is none or more than one, or ``root`` is a part of the dataset.
    """

    def holds(folder: Path) -> bool:
        return any(child(folder, name) for name in folders)

    if holds(root):
        return root, []
    for folder in (root, *root.parents):
        if folder.name.lower() in {name.lower() for name in folders}:
            raise DatasetError(f"{root} is only a part of {title}. Point at {folder.parent}.")
    listing = list_folder(root)
    below = [root / name for name in listing.folders if holds(root / name)]
    if len(below) == 1:
        return below[0], [f"The dataset was found one level down, in {below[0].name}."]
    if below:
        names = listed([str(folder) for folder in below])
        raise DatasetError(f"{root} holds {len(below)} copies of {title}. Point at one: {names}.")
    there = listed(listing.folders + listing.files, 8) or "nothing"
    raise DatasetError(f"{root} holds none of {', '.join(folders)} (it holds {there}). {layout}")


def without_lost_originals(records: Iterable[VideoRecord]) -> list[VideoRecord]:
    """The records; ``original`` is "" where no record has that id. Their groups still keep them together."""
    records = list(records)
    ids = {record.id for record in records}
    return [record if record.original in ids else replace(record, original="") for record in records]


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


def listed(names: list[str] | tuple[str, ...], limit: int = 5) -> str:
    """``a, b, c and 12 more``."""
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown
