"""Who was seen in training must not be who is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dfcore.data.records import VideoRecord
from dfcore.data.splits import find_leaks
from dfcore.errors import DataError
from dfcore.filesystem.paths import real_path
from dfcore.plugins import registry
from dfcore.training.inputs.identities import names_of

__all__ = ["ALL", "check_identities"]

ALL = "all"
"""In place of a split: every video."""

NAMED = 5
"""Identities that a message names."""


def check_identities(
    meta: Mapping[str, Any], label: str, dataset: str, root: str, records: Sequence[VideoRecord], split: str
) -> list[str]:
    """Compare the identities that weights were trained and validated on with those of a split.

    Names mean the same people in the same dataset only. The user's own data (a folder, a table) is one dataset where it
    lies in one place. Where the evaluated split is ``val``, being validated on it is no fault.

    Args:
        meta: the weights' description; its ``identities`` are from :mod:`dfcore.training.inputs.identities`.
        label: what the weights are called.
        dataset: what is evaluated.
        root: where it lies.
        records: all videos of the dataset, with their splits.
        split: that is evaluated; ``all`` for every video.

    Returns:
        Warnings: the weights do not say whom they were trained on, or the dataset's own official splits overlap.

    Raises:
        DataError: identities of the split were trained on; it names them.
    """
    seen = meta.get("identities")
    if not isinstance(seen, Sequence):
        return [f"{label} does not say which identities it was trained on: overlap cannot be ruled out."]
    evaluated = set(names_of(record for record in records if split in (ALL, record.split)))
    known = set[str]()
    for entry in seen:
        if _same_dataset(entry, dataset, root):
            known |= set(entry.get("train", ())) | (set(entry.get("val", ())) if split != "val" else set())
    both = known & evaluated
    official = {leak.group for leak in find_leaks(records) if split in leak.examples}
    warnings = []
    if both & official:
        warnings.append(
            f"{len(both & official)} identities of the {split} split are in the videos that {label} was trained on as "
            f"well, by the dataset's own official splits ({_listed(both & official)})."
        )
    if both - official:
        raise DataError(
            f"{label} was trained or validated on {len(both - official)} of the {len(evaluated)} identities in the "
            f"{split} split of {dataset}: {_listed(both - official)}. Figures on them would not be honest. Evaluate "
            "on videos of other people (the split that was held out from this training, or another dataset)."
        )
    return warnings


def _same_dataset(entry: Mapping[str, Any], dataset: str, root: str) -> bool:
    if entry.get("dataset") != dataset:
        return False
    spec = registry().dataset(dataset)
    shared = bool(spec.url) or spec.generated  # given out: the same names wherever it lies
    return shared or real_path(str(entry.get("root", ""))) == real_path(root)


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f", ... ({len(ordered)} in all)" if len(ordered) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more
