"""Whether the stage that a run started from was trained again since: the one place that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dfcore.errors import CheckpointError
from dfcore.runs.folder import RunFolder, read_json

__all__ = ["Outdated", "hash_in_summary", "outdated"]


@dataclass(frozen=True, slots=True)
class Outdated:
    """The hash of the weights that a run started from, and that of those that its parent has now.

    ``parent`` is the folder of the run of the stage before.
    """

    then: str
    now: str
    parent: RunFolder


def outdated(
    folder: RunFolder,
    facts: Mapping[str, Any],
    hash_of: Callable[[RunFolder], str],
) -> Outdated | None:
    """What has changed under a run, or None.

    Weights that were named (``stage.start``) and those that are not there any more, or damaged, are not compared: the
    run has its own.

    Args:
        folder: the run's.
        facts: what its ``config.json`` holds.
        hash_of: reads the hash of a run's final weights; "" where it has none that can be read.
    """
    parent = _table(facts, "parent")
    if _table(_table(facts, "config"), "stage").get("start") or not parent.get("hash"):
        return None
    specialist, _, _ = folder.name.rpartition("_stage")
    name = f"{specialist}_stage{parent.get('stage')}"
    before = RunFolder(folder.path.parent / name, name)
    then, now = str(parent["hash"]), hash_of(before)
    return Outdated(then, now, before) if now and now != then else None


def hash_in_summary(folder: RunFolder) -> str:
    """The hash of a finished run's final weights, as its summary names it: for who opens no weights."""
    try:
        return str(read_json(folder.summary).get("hash", ""))
    except CheckpointError:
        return ""


def _table(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}
