"""The runs in a folder, as their small files tell them: no torch, and nothing of the weights is read."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dfcore.errors import CheckpointError
from dfcore.runs.folder import RunFolder, read_json, read_lines
from dfcore.runs.lock import Holder, holder_of
from dfcore.runs.parents import hash_in_summary, outdated
from dfcore.runs.ranking import best_epochs

__all__ = ["DAMAGED", "FINISHED", "UNFINISHED", "RunReport", "Store", "find_runs", "find_stores", "read_run"]

FINISHED, UNFINISHED, DAMAGED = "finished", "unfinished", "damaged"
DEPTH = 3
"""Folders below the one that is searched, at most."""

_LOG = re.compile(r"(index|failed|compared|damaged)(-\d+)?\.jsonl")
_NAME = re.compile(r"(?P<specialist>.+)_stage(?P<stage>\d+)")


@dataclass(frozen=True, slots=True)
class RunReport:
    """What is known of a run.

    Attributes:
        name: of its folder, below the folder that was searched.
        folder: its files.
        specialist, stage, dataset: what is trained on what; the dataset is "" where that cannot be read.
        state: ``finished``, ``unfinished`` or ``damaged``.
        problem: what is damaged or missing, or "".
        epoch, epochs: epochs done, and planned (0 where that cannot be read).
        step: optimiser steps, of the last line of its metrics; an unfinished run goes on from there or a little before.
        best: number of the best epoch so far; 0 for none.
        metrics: that epoch's, on the validation videos.
        start: what it started from, in words.
        parent: the weights that it started from, as it recorded them; {} for none.
        outdated: whether those were made again since.
        store: its clip store.
        holder: the process that is writing to it now, or None.
        sizes: bytes of ``final``, ``last``, ``epochs`` (their files together) and ``other``.
    """

    name: str
    folder: RunFolder
    specialist: str
    stage: int
    dataset: str
    state: str
    problem: str
    epoch: int
    epochs: int
    step: int
    best: int
    metrics: Mapping[str, Any]
    start: str
    parent: Mapping[str, Any]
    outdated: bool
    store: str
    holder: Holder | None
    sizes: Mapping[str, int]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(self.sizes.values())

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        own = {key: getattr(self, key) for key in self.__dataclass_fields__ if key not in ("folder", "holder")}
        own["in_use_by"] = None if self.holder is None else str(self.holder)
        return {**own, "path": str(self.folder.path), "size": self.size}


@dataclass(frozen=True, slots=True)
class Store:
    """A clip store: its folder and the bytes in it."""

    path: Path
    size: int
    files: tuple[Path, ...] = field(repr=False)


def find_runs(out: Path) -> list[RunReport]:
    """The runs below ``out``, in the order of their names; a damaged one is among them."""
    return [read_run(path, str(path.relative_to(out))) for path in _folders(out) if _is_run(path)]


def find_stores(out: Path) -> list[Store]:
    """The clip stores below ``out``."""
    return [_store(path) for path in _folders(out) if (path / "index.jsonl").is_file()]


def read_run(path: Path, name: str = "") -> RunReport:
    """What is known of the run in a folder; never fails."""
    folder = RunFolder(path, path.name)
    problems = _cut_short(folder)
    facts, summary = (_read(file, problems) for file in (folder.config, folder.summary))
    finished = folder.summary.exists()
    if not facts and not problems:
        problems.append("config.json is missing")
    config = _table(facts, "config")
    stage, data, parent = _table(config, "stage"), _table(facts, "data"), _table(facts, "parent")
    history, step = _history(folder, problems)
    best = _whole(summary.get("best_epoch")) or (best_epochs(history, 1)[0] if history else 0)
    metrics = _table(summary, "metrics") or next((line["val"] for line in history if line["epoch"] == best), {})
    match = _NAME.fullmatch(path.name)
    state = DAMAGED if problems else FINISHED if finished else UNFINISHED
    if finished and not folder.final.exists():
        problems.append("its final weights are not there")
    if state == UNFINISHED and not folder.last.exists():
        problems.append("nothing was saved yet")
    return RunReport(
        name=name or path.name,
        folder=folder,
        specialist=match["specialist"] if match else path.name,
        stage=int(match["stage"]) if match else 0,
        dataset=str(stage.get("dataset", "")),
        state=state,
        problem="; ".join(problems),
        epoch=max((line["epoch"] for line in history), default=0),
        epochs=_whole(stage.get("epochs")) * max(1, len(_table(data, "chunks"))),
        step=step,
        best=best,
        metrics=metrics,
        start=_start(config, parent),
        parent=parent,
        outdated=outdated(folder, facts, hash_in_summary) is not None,
        store=str(data.get("store", "")),
        holder=holder_of(path),
        sizes=_sizes(folder),
    )


def _folders(out: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The folders below ``out``, not going into runs and stores."""
    try:
        found = sorted(entry.path for entry in os.scandir(out) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return
    for path in map(Path, found):
        yield path
        if depth > 1 and not _is_run(path) and not (path / "index.jsonl").is_file():
            yield from _folders(path, depth - 1)


def _is_run(path: Path) -> bool:
    folder = RunFolder(path, path.name)
    files = (folder.config, folder.last, folder.final, folder.summary)
    return bool(_NAME.fullmatch(path.name)) and any(file.is_file() for file in files)


def _store(path: Path) -> Store:
    """A store's own files: whatever else lies in its folder is not counted."""
    files = []
    for folder, _, names in os.walk(path):
        ours = [name for name in names if name.endswith((".safetensors", ".tmp")) or _LOG.fullmatch(name)]
        files += [Path(folder) / name for name in sorted(ours)]
    return Store(path, sum(map(_size, files)), tuple(files))


def _read(file: Path, problems: list[str]) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return read_json(file)
    except CheckpointError:
        problems.append(f"{file.name} cannot be read")
        return {}


def _table(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _history(folder: RunFolder, problems: list[str]) -> tuple[list[dict[str, Any]], int]:
    """The epochs' lines of ``metrics.jsonl``, and the last step in it."""
    try:
        lines = read_lines(folder.metrics)
        step = int(lines[-1]["step"]) if lines else 0
        history = [{"epoch": int(line["epoch"]), "val": dict(line["val"])} for line in lines if line["kind"] == "epoch"]
        best_epochs(history, 1)
    except (OSError, KeyError, OverflowError, TypeError, ValueError):
        problems.append("metrics.jsonl cannot be read")
        return [], 0
    return history, step


def _cut_short(folder: RunFolder) -> list[str]:
    """Archives that lack their end."""
    files = (folder.last, folder.final, *folder.epoch_zips())
    return [f"{file.name} is cut short" for file in files if file.exists() and not _is_archive(file)]


def _is_archive(file: Path) -> bool:
    try:
        return file.is_file() and zipfile.is_zipfile(file)
    except OSError:
        return False


def _start(config: Mapping[str, Any], parent: Mapping[str, Any]) -> str:
    model = _table(config, "model")
    if parent.get("file"):
        return Path(str(parent["file"])).name
    if model.get("backbone_weights"):
        return Path(str(model["backbone_weights"])).name
    return {True: "ImageNet", False: "random"}.get(model.get("pretrained", ""), "")


def _sizes(folder: RunFolder) -> dict[str, int]:
    kinds = {folder.final: "final", folder.last: "last", **dict.fromkeys(folder.epoch_zips(), "epochs")}
    sizes = {"final": 0, "last": 0, "epochs": 0, "other": 0}
    for parent, _, names in os.walk(folder.path):
        for file in (Path(parent) / name for name in names):
            sizes[kinds.get(file, "other")] += _size(file)
    return sizes


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
