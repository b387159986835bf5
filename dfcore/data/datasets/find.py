"""Finding datasets by their layout: which folders below one hold which dataset.

An adapter takes part by having the method of :class:`dfcore.data.protocols.Recognises`. Only names are looked at, a
folder at a time from the top down; what lies in a folder that was recognised is not looked into.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dfcore.data.datasets.listing import Listing, check_root, list_folder
from dfcore.errors import DatasetError, PluginError
from dfcore.specs import DatasetSpec, resolve

__all__ = ["DEPTH", "Found", "find_datasets"]

DEPTH = 6
"""Levels that are looked at: ``input/datasets/OWNER/NAME``, as Kaggle mounts it, and what people pack inside."""

MOST = 200
"""Folders in one folder that are looked into: where there are more, they hold frames or samples, not datasets."""


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that holds a dataset."""

    dataset: str
    title: str
    root: Path


def find_datasets(top: Path, specs: Iterable[DatasetSpec], depth: int = DEPTH) -> list[Found]:
    """The datasets in ``top`` and below, by path. A folder that several adapters recognise is listed for each.

    Adapters that do not say, or that cannot be imported, find nothing. Folders that cannot be read are passed over.

    Raises:
        DatasetError: ``top`` is no folder.
    """
    judges = [(spec, judge) for spec in specs if not spec.generated and (judge := _judge(spec))]
    found: list[Found] = []
    waiting = deque([(check_root(top, "datasets"), 0)])
    while waiting:
        folder, level = waiting.popleft()
        try:
            listing = list_folder(folder)
        except DatasetError:
            continue
        known = [Found(spec.name, spec.title, folder) for spec, judge in judges if judge(folder, listing)]
        found += known
        if not known and level < depth and len(listing.folders) <= MOST:
            waiting.extend((folder / name, level + 1) for name in listing.folders)
    return sorted(found, key=lambda one: (str(one.root), one.dataset))


def _judge(spec: DatasetSpec) -> Callable[[Path, Listing], bool] | None:
    try:
        return getattr(resolve(spec.adapter, f"dataset {spec.name!r}")(), "recognises", None)
    except PluginError:
        return None
