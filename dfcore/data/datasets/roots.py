"""Where a dataset lies: the folder that the user gave, the one right below it, and its parts in any case of letters."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from dfcore.data.datasets.listing import Listing, is_store, list_folder, listed, subfolders
from dfcore.data.records import VideoRecord
from dfcore.errors import DatasetError
from dfcore.filesystem.paths import exists, is_folder, what_it_is

__all__ = ["check_root", "child", "find_base", "linked_originals"]


def child(folder: Path, name: str) -> Path | None:
    """The sub-folder ``name`` of ``folder``, whatever the case of its letters; the exact spelling wins."""
    if is_folder(folder / name):
        return folder / name
    if not is_folder(folder):
        return None
    found = next((other for other in list_folder(folder).folders if other.lower() == name.lower()), None)
    return folder / found if found else None


def check_root(root: Path, title: str) -> Path:
    """``root`` as an absolute path.

    Raises:
        DatasetError: it does not exist, is not a folder, or is a clip store.
    """
    root = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100 - Path.resolve would follow the user's links
    if not exists(root):
        raise DatasetError(f"{root} does not exist. Give the folder that holds {title}.")
    if not is_folder(root):
        raise DatasetError(f"{root} is {what_it_is(root)}, not a folder. Give the folder that holds {title}.")
    if is_store(root, list_folder(root)):
        raise DatasetError(f"{root} is a clip store, made of a dataset. Give the folder that holds {title} itself.")
    return root


def find_base(root: Path, title: str, folders: Collection[str], layout: str) -> tuple[Path, list[str]]:
    """The folder that holds a dataset's top ``folders`` (any of them, in any case), and what is worth noting.

    That is ``root``, or the only such folder right below it.

    Raises:
        DatasetError: there is none or more than one, or ``root`` is a part of the dataset.
    """
    known = {name.lower() for name in folders}

    def holds(listing: Listing) -> bool:
        return any(name.lower() in known for name in listing.folders)

    listing = list_folder(root)
    if holds(listing):
        return root, []
    for folder in (root, *root.parents):
        if folder.name.lower() in known:
            raise DatasetError(f"{root} is only a part of {title}. Point at {folder.parent}.")
    below = [folder for folder, inner in subfolders(root, listing) if holds(inner)]
    if len(below) == 1:
        return below[0], [f"The dataset was found one level down, in {below[0].name}."]
    if below:
        names = listed([str(folder) for folder in below])
        raise DatasetError(f"{root} holds {len(below)} copies of {title}. Point at one: {names}.")
    there = listed(listing.folders + listing.files, 8) or "nothing"
    raise DatasetError(f"{root} holds none of {', '.join(folders)} (it holds {there}). {layout}")


def linked_originals(records: Iterable[VideoRecord]) -> list[VideoRecord]:
    """The records; those made from another have its file as ``original_path``. Where no record has the id that
    ``original`` names, it is "": their groups still keep them together.
    """
    records = list(records)
    paths = {record.id: record.path for record in records}
    return [
        replace(record, original_path=paths[record.original])
        if record.original in paths
        else replace(record, original="")
        for record in records
    ]
