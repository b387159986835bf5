"""Evaluating trained specialists on a dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from dfcore import config
from dfcore.api.configure import configure
from dfcore.console.progress import TERMINAL, Progress
from dfcore.filesystem.paths import exists

if TYPE_CHECKING:
    from dfcore.assessment.result import Evaluation
    from dfcore.assessment.targets import Target

__all__ = ["EvaluateOptions", "evaluate"]


class EvaluateOptions(TypedDict, total=False):
    """The options of :class:`dfcore.assessment.options.Options`, for type checkers."""

    split: str
    operating_point: str
    control: bool
    draws: int
    seed: int
    batch_size: int
    force: bool
    resume: bool
    plots: bool
    faithfulness: bool
    probe: str
    probe_weights: str
    emulate: str | Sequence[str]


def evaluate(
    models: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    data: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the word of the command line and of dfcore.toml)
    progress: Progress = TERMINAL,
    **options: Unpack[EvaluateOptions],
) -> Evaluation:
    """What trained specialists are worth on a split of a dataset, with intervals and controls.

    Prepares what the clip store lacks. Each specialist judges the clips and samples that it was validated on; on the
    dataset that it was trained on, the same splits. Thresholds and likelihood ratios come from the calibration beside
    the weights, else from the dataset's validation videos where it is the one trained on, never from the evaluated
    split. Under ``torchrun`` every process calls this. docs/evaluate.md documents the report.

    Args:
        models: files of weights, runs' folders, folders of runs (each specialist's highest stage), or an
            ``ensemble.json`` (with its members).
        data: the dataset's folder, or ``demo``; None means where the first model was trained, if ``dataset`` is None
            too, else what the environment and ``dfcore.toml`` say.
        dataset: the adapter that reads it; None means the one that the first model was trained on.
        store: the clip store's folder; None means one beside the runs.
        out: the folder of runs, stores and made data; the report goes to ``evaluations/`` in it.
        set: any other key of the configuration, dotted.
        progress: told what is done, line by line; ``dfcore.SILENT`` says nothing.
        options: how it is evaluated: ``split``, ``operating_point``, ``control``, ``draws``, ``batch_size``, ``force``,
            ``resume``, ``plots``, ``faithfulness``, ``probe``, ``emulate`` and others:
            :class:`dfcore.assessment.options.Options`.

    Raises:
        UsageError: an argument, name or combination that cannot be.
        DataError: the dataset cannot be used, or its identities were trained on.
        ModelError: weights cannot be read, or give what is no number.
        RunError: another process failed, or the scores that are there are of another evaluation.
        WriteError: the report cannot be written.
    """
    from dfcore.assessment.assess import assess
    from dfcore.assessment.options import Job, options_of
    from dfcore.assessment.scores.fused import find_detectors

    chosen = options_of(options)
    paths = [Path(path) for path in ([models] if isinstance(models, str | os.PathLike) else models)]
    targets, ensembles = find_detectors(paths)
    named = {"data": data, "dataset": dataset, "store": store, "out": out}
    jobs = [Job(target, _configuration(target, targets[0], named, dict(set or {}))) for target in targets]
    return assess(jobs, chosen, ensembles, progress)


def _configuration(
    target: Target, first: Target, named: Mapping[str, Any], given: Mapping[str, Any]
) -> config.TrainConfig:
    """How a target is evaluated: its clips and samples as in training, then what the caller says."""
    from dfcore.assessment.targets import as_trained
    from dfcore.plugins import registry

    data = named["data"] or given.get("data.root")
    dataset = named["dataset"] or given.get("stage.dataset")
    if dataset is None and data in registry().datasets():
        dataset = data if registry().dataset(str(data)).generated and not exists(str(data)) else None
        data = None if dataset else data
    if dataset is None:
        dataset = first.dataset or None
        data = data or first.root or None
    more = {**as_trained(target, str(dataset or ""), given), **given}
    if data is not None:
        more["data.root"] = str(data)
    if dataset is not None:
        more["stage.dataset"] = str(dataset)
    return configure(target.specialist, store=named["store"], out=named["out"], set=more)
