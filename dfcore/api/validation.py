"""How weights are shown validation videos: those of their own training, or of a dataset that is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfcore.api.configure import configure
from dfcore.errors import UsageError
from dfcore.filesystem.paths import exists

if TYPE_CHECKING:
    from dfcore.assessment.targets import Target
    from dfcore.config import TrainConfig

__all__ = ["validation_config"]

_HELD_OUT = ("data.val_share", "run.seed")
"""Keys that decide which videos were held out of training."""


def validation_config(
    target: Target,
    *,
    data: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the word of the command line and of dfcore.toml)
) -> TrainConfig:
    """The configuration by which a target's validation videos are chosen, prepared and read.

    Clips and samples are as in its training; on the dataset that it was trained on the splits too.

    Args:
        target: the weights.
        data: the dataset's folder; None means that of its training.
        dataset: the adapter that reads it; None means that of its training, or what ``data`` is by its name.
        store: the clip store's folder; None means that of its training, for the same folder.
        out: the folder of runs; None means the one that the weights' run lies in.
        set: any other key.

    Raises:
        UsageError: the weights do not say what they were trained on and nothing is named, or ``set`` changes which
            videos were held out of training.
        DfcoreError: as :func:`dfcore.configure`.
    """
    from dfcore.assessment.targets import as_trained

    changed = [key for key in _HELD_OUT if key in (set or {})]
    if changed:
        raise UsageError(
            f"{changed[0]} decides which videos were held out of training, and is taken from the weights of "
            f"{target.label}: with another value they would be calibrated on what they were trained on. Leave it out."
        )
    if data is None and dataset is None:
        if not target.dataset or not target.root:
            raise UsageError(f"{target.label} does not say what it was trained on: name a validation set with data=.")
        data, dataset = target.root, target.dataset
        store = store or _store(target) or None
    elif dataset is None and data is not None and exists(str(data)):
        dataset = target.dataset or None
    out = out or _out(target)
    configured = partial(configure, target.specialist, data=data, dataset=dataset, store=store, out=out)
    named = configured().stage.dataset
    return configured(set={**as_trained(target, named, set or {}), **(set or {})})


def _out(target: Target) -> Path | None:
    """The folder of runs that the weights lie in; None where they do not lie in a run's folder."""
    folder = target.path.absolute().parent
    return folder.parent if folder.name == f"{target.specialist}_stage{target.meta.get('stage')}" else None


def _store(target: Target) -> str:
    data = target.config.get("data")
    return str(data.get("store", "")) if isinstance(data, Mapping) else ""
