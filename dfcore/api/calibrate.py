"""Calibrating weights that are there already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from dfcore.assessment.fitting.calibrate import Calibrated

__all__ = ["calibrate"]


def calibrate(
    models: Path | str | Sequence[Path | str],
    *,
    data: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    alpha: float = 0.01,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the word of the command line and of dfcore.toml)
) -> list[Calibrated]:
    """Learn from validation videos what weights' scores are worth, and write it beside the weights.

    :func:`dfcore.train` does so at its end; this is for weights without, for another false-alarm rate, or for
    validation videos that are nearer to those that are to be judged. Only the validation split is read, never the test
    split. Under ``torchrun`` every process calls this.

    Args:
        models: files of weights, or folders of runs (each specialist's highest stage).
        data: the dataset's folder; None means that of each one's training.
        dataset: the adapter that reads it.
        store: the clip store's folder.
        out: the folder of runs, stores and made data.
        alpha: the false-alarm rate that verdicts promise.
        set: any other key, dotted.

    Returns:
        One for each file of weights.

    Raises:
        UsageError: an option or combination that cannot be.
        DataError: there are no validation videos, or the weights were trained on people in them.
        ModelError: weights cannot be read.
        WriteError: the file cannot be written.
    """
    from dfcore.api.validation import validation_config
    from dfcore.assessment.fitting.calibrate import calibrate_target
    from dfcore.assessment.fitting.validation import on_machine
    from dfcore.assessment.targets import find_targets
    from dfcore.evaluation.verdicts.rules import check_alpha

    check_alpha(alpha)  # before hours of scoring
    targets = find_targets([models] if isinstance(models, (str, os.PathLike)) else models)
    jobs = [
        (target, validation_config(target, data=data, dataset=dataset, store=store, out=out, set=set))
        for target in targets
    ]
    return on_machine(
        jobs[0][1], lambda machine: [calibrate_target(target, config, machine, alpha=alpha) for target, config in jobs]
    )
