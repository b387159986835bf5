"""Finding datasets by their layout: which folders below one hold which dataset.

An adapter takes part by having the method of :class:`dfcore.data.protocols.Recognises`. Only names are looked at, a
folder at a time from the top down; what lies in a folder that was recognised is not looked into.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dfcore.data.datasets.listing import Listing, Place, walk
from dfcore.data.datasets.roots import check_root
from dfcore.errors import DatasetError, PluginError
from dfcore.plugins.calls import plugin_code
from dfcore.specs import DatasetSpec, resolve

__all__ = ["DEPTH", "Found", "find_datasets"]

log = logging.getLogger("dfcore.data.datasets.find")

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

    Adapters that do not say, or that cannot be imported, find nothing. Folders that cannot be read and clip stores are
    passed over.

    Raises:
        DatasetError: ``top`` is no folder.
    """
    judges = [(spec, judge) for spec in specs if not spec.generated and (judge := _judge(spec))]
    found: list[Found] = []

    def into(place: Place) -> tuple[str, ...]:
        many = len(place.listing.folders) > MOST
        return () if many or any(one.root == place.path for one in found) else place.listing.folders

    for place in walk(check_root(top, "datasets"), [], depth=depth, into=into):
        known = [spec for spec, judge in judges if _says_yes(spec, judge, place)]
        found += [Found(spec.name, spec.title, place.path) for spec in known]
    return sorted(found, key=lambda one: (str(one.root), one.dataset))


def _says_yes(spec: DatasetSpec, judge: Callable[[Path, Listing], bool], place: Place) -> bool:
    """What an adapter says of a folder; one that raises concerns its own dataset alone."""
    try:
        with plugin_code(f"dataset {spec.name}", spec.adapter):
            return bool(judge(place.path, place.listing))
    except PluginError as error:
        log.warning("%s", error)
    except DatasetError:
        log.debug("%s cannot be read by %s", place.path, spec.name, exc_info=True)
    return False


def _judge(spec: DatasetSpec) -> Callable[[Path, Listing], bool] | None:
    try:
        made = resolve(spec.adapter, f"dataset {spec.name!r}")
        with plugin_code(f"dataset {spec.name}", spec.adapter):
            return getattr(made(), "recognises", None)
    except PluginError:
        return None
