"""What is evaluated: files of weights, found from what a user names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dfcore.config import code_named
from dfcore.errors import CheckpointError, UsageError
from dfcore.inference.models import find_models
from dfcore.models.files import weights

__all__ = ["Target", "as_trained", "find_targets"]

_SAME_CLIPS = ("people", "bystanders", "clips_per_video", "clip_frames", "detector", "eval_samples")
"""Keys of ``data`` that say which clips and samples a specialist judges: as in its own validation."""
_SAME_SPLITS = ("data.val_share", "data.compressions", "data.manipulations", "run.seed")
"""Keys by which the dataset it was trained on is split; with others, its training videos might be evaluated."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file of weights.

    Attributes:
        label: ``cm_stage1``; with the names of folders before it where several are called so.
        path: the file.
        meta: its description (:mod:`dfcore.models.files.weights`).
    """

    label: str
    path: Path
    meta: Mapping[str, Any] = field(repr=False)

    @property
    def specialist(self) -> str:
        """Its name."""
        return str(self.meta["specialist"])

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration that it was trained with; {} where the file has none."""
        found = self.meta.get("config")
        return found if isinstance(found, Mapping) else {}

    @property
    def dataset(self) -> str:
        """The dataset that it was trained on last, or ""."""
        return str(_section(self.config, "stage").get("dataset", ""))

    @property
    def root(self) -> str:
        """Where that was, or ""."""
        return str(_section(self.config, "data").get("root", ""))

    def about(self) -> dict[str, Any]:
        """For the report."""
        return {
            "path": str(self.path),
            "hash": self.meta["hash"],
            "specialist": self.specialist,
            "stage": self.meta.get("stage"),
            "trained_on": self.dataset or None,
            "backbone": self.meta["model"].get("backbone"),
        }


def find_targets(paths: Sequence[Path | str]) -> list[Target]:
    """The weights that are meant: files as they are; of a folder (a run's, or one of runs) each specialist's highest
    stage.

    Raises:
        UsageError: none is named.
        CheckpointError: a path holds no weights, or what is there is none of ours.
    """
    if not paths:
        raise UsageError("no model is named: give the folder of a run, a *_final.pt or a best epoch's .zip.")
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        if path.suffix == ".json":
            raise CheckpointError(f"{path} holds no weights: give files of weights, or folders of runs.")
        for file in find_models([path])[0]:
            files.setdefault(file.path.resolve(), file.path)
    found = [(file, weights.describe(file)) for file in files.values()]
    names = _labels([(_name(file, meta), file) for file, meta in found])
    return [Target(name, file, meta) for name, (file, meta) in zip(names, found, strict=True)]


def _name(file: Path, meta: Mapping[str, Any]) -> str:
    stage = meta.get("stage")
    return str(meta["specialist"]) if stage is None else f"{meta['specialist']}_stage{stage}"


def _labels(named: Sequence[tuple[str, Path]]) -> list[str]:
    """Names, with as many folders before them as it takes to tell equal ones apart."""
    labels = [name for name, _ in named]
    for depth in range(2, 8):
        counts = Counter(labels)
        if max(counts.values(), default=1) == 1:
            break
        labels = [
            "/".join([*path.resolve().parts[-depth:-1], name]) if counts[label] > 1 else label
            for label, (name, path) in zip(labels, named, strict=True)
        ]
    return [f"{label}#{i}" if labels.count(label) > 1 else label for i, label in enumerate(labels, start=1)]


def as_trained(target: Target, dataset: str, given: Container[str] = ()) -> dict[str, Any]:
    """The keys by which a target is evaluated as it was validated: its clips and samples; on the dataset that it was
    trained on, that dataset's splits too. Keys that are ``given`` are left out: the caller has set them.

    Raises:
        CheckpointError: its file names code to import, and the caller nothing else.
    """
    data = _section(target.config, "data")
    found: dict[str, Any] = {f"data.{key}": data[key] for key in _SAME_CLIPS if key in data}
    if dataset == target.dataset:
        for key in _SAME_SPLITS:
            section, _, name = key.partition(".")
            values = _section(target.config, section)
            if name in values:
                found[key] = values[name]
    found = {key: value for key, value in found.items() if key not in given}
    code = code_named(found)
    if code is not None:
        raise CheckpointError(
            f"{target.path} was trained with {code[0]}={code[1]}, a dotted path: a file of weights must not name code "
            f"to import. Set {code[0]} yourself, if you trust it."
        )
    # What belongs to training alone.
    alone = {"data.pseudo_fakes": 0.0, "data.pseudo_only": False, "data.emulate": (), "data.limit": 0}
    return {**found, **alone, "stage.chunks": ()}


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}
