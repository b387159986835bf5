"""Carry out a run: from a model and its data to the run's folder."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dfcore.config import TrainConfig
from dfcore.device import Precision
from dfcore.errors import CheckpointError, DatasetError
from dfcore.models import weights
from dfcore.runs.folder import RunFolder, StartMode, read_json, write_json
from dfcore.runs.ranking import best_epochs
from dfcore.training.callbacks.progress import number
from dfcore.training.checkpoint import read_last, restore
from dfcore.training.loaders import worker_count
from dfcore.training.loop import begin_epoch, fit
from dfcore.training.optimiser import make_optimiser
from dfcore.training.protocols import Callback
from dfcore.training.run import EpochData, Plan, Run, Totals, TrainingData
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.log import Log
from dfcore.training.runtime.signals import StopSignals
from dfcore.training.runtime.time_limit import NO_LIMIT, TimeLimit
from dfcore.wording import count_of

__all__ = ["Machine", "RunResult", "assemble", "execute", "finished_result"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    Attributes:
        folder: the run's folder.
        final: the best epoch's weights.
        metrics: the best epoch's validation metrics; {} without validation samples.
        plot: the curves.
        best_epoch: its number, from 1.
    """

    folder: Path
    final: Path
    metrics: dict[str, Any]
    plot: Path
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run runs on, how it speaks, and how long it may take."""

    world: World
    device: torch.device
    precision: Precision
    log: Log
    limit: TimeLimit = NO_LIMIT


def execute(
    config: TrainConfig,
    machine: Machine,
    start_mode: StartMode,
    model: nn.Module,
    make_loss: Callable[[TrainingData], nn.Module],
    epoch_data: EpochData,
    *,
    callbacks: Iterable[Callback] = (),
    facts: Mapping[str, Any] | None = None,
) -> RunResult:
    """Train ``model`` on ``data`` as configured, from where the run's folder says.

    Args:
        config: all options.
        machine: device, precision, processes, log.
        start_mode: what :meth:`RunFolder.decide` decided.
        model: takes views, returns a :class:`dfcore.models.protocols.SpecialistOutput`.
        make_loss: makes a :class:`dfcore.training.protocols.Loss` for the data of an epoch.
        epoch_data: see :class:`EpochData`.
        callbacks: called in this order.
        facts: written to ``config.json`` beside the configuration, and into every file of weights.

    Raises:
        DatasetError: there is nothing to train on.
        RunError, CheckpointError: the run cannot go on, or was interrupted; what was done is saved.
    """
    if not all(epoch_data.samples):
        raise DatasetError("there is nothing to train on: no training video could be used.")
    written = {"config": config.to_json(), **(facts or {}), "data": epoch_data.counts}
    run = assemble(config, machine, model, make_loss, epoch_data, list(callbacks), written)
    if start_mode is StartMode.RESUME:
        restore(run, machine.world.on_main(lambda: read_last(run.folder.last)))
    machine.world.on_main(lambda: run.folder.open(start_mode, written))
    machine.log.attach(run.folder.log)
    _log_plan(run, start_mode)
    try:
        with StopSignals(run.log.say, machine.limit, echoes=machine.world.size > 1) as signals:
            begin_epoch(run, signals)
            for callback in run.callbacks:
                callback.on_start(run)
            fit(run, signals)
        return _finish(run)
    finally:
        for callback in run.callbacks:
            callback.on_exit(run)


def finished_result(folder: RunFolder) -> RunResult:
    """The result of a run that is finished.

    Raises:
        CheckpointError: its summary is damaged.
    """
    summary = read_json(folder.summary)
    try:
        return RunResult(folder.path, folder.final, dict(summary["metrics"]), folder.plot, int(summary["best_epoch"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.summary} does not hold what a finished run came to ({error}). Start again with --overwrite."
        ) from error


def assemble(
    config: TrainConfig,
    machine: Machine,
    model: nn.Module,
    make_loss: Callable[[TrainingData], nn.Module],
    epoch_data: EpochData,
    callbacks: list[Callback],
    facts: Mapping[str, Any],
) -> Run:
    """A run at its beginning: everything on the device, generators seeded, nothing written."""
    world, device, stage = machine.world, machine.device, config.stage
    _seed(config.run.seed, world.rank)
    model.to(device)
    channels_last = _use_channels_last(model, device)
    return Run(
        config=config,
        folder=RunFolder.of(config),
        world=world,
        device=device,
        precision=machine.precision,
        log=machine.log,
        model=model,
        network=world.wrap(model, device),
        make_loss=make_loss,
        optimiser=make_optimiser(model, lr=stage.lr, weight_decay=stage.weight_decay, device=device),
        scaler=machine.precision.scaler(),
        epoch_data=epoch_data,
        plan=Plan(epoch_data.samples, stage.batch_size, stage.accumulate),
        totals=Totals(device),
        callbacks=callbacks,
        meta={"stage": stage.number, **facts},
        channels_last=channels_last,
        workers=worker_count(config.data.workers, device, world.local_size),
    )


def _seed(seed: int, rank: int) -> None:
    """Seed every global generator, differently on each process: dropout must not repeat itself across them."""
    own = (seed * 1_000_003 + rank * 7_919) % 2**32
    torch.manual_seed(own)
    random.seed(own)
    np.random.seed(own)  # noqa: NPY002 (a plugin may use the global generator)


def _use_channels_last(model: nn.Module, device: torch.device) -> bool:
    """Put the backbone into channels-last memory format where that is faster: not on Apple GPUs."""
    backbone = getattr(model, "backbone", None)
    if device.type == "mps" or not isinstance(backbone, nn.Module):
        return False
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return True


def _log_plan(run: Run, start_mode: StartMode) -> None:
    plan, stage = run.plan, run.config.stage
    if start_mode is StartMode.OVERWRITE:
        run.log.say(f"the run that was in {run.folder.path} is discarded")
    batch = f"{stage.batch_size} x {stage.accumulate}" if stage.accumulate > 1 else f"{stage.batch_size}"
    processes = f" on each of {run.world.size} processes" if run.world.size > 1 else ""
    run.log.say(
        f"steps      {plan.steps} in {count_of(plan.epochs, 'epoch')}; batch {batch}{processes}; "
        f"{count_of(run.workers, 'loader process', 'loader processes')}"
    )
    run.log.say(f"folder     {run.folder.path}")
    if start_mode is StartMode.RESUME:
        run.log.say(
            f"resuming   at step {run.step} of {plan.steps}, {run.epoch} of {count_of(plan.epochs, 'epoch')} done"
        )


def _final_hash(folder: RunFolder) -> str:
    """Names the final weights for those who will not open them; "" where no callback made any."""
    return str(weights.describe(folder.final)["hash"]) if folder.final.exists() else ""


def _finish(run: Run) -> RunResult:
    for callback in run.callbacks:
        callback.on_finish(run)
    best = best_epochs(run.history, 1)[0]
    metrics = run.history[best - 1]["val"]
    summary = {
        "best_epoch": best,
        "epochs": run.epoch,
        "steps": run.step,
        "metrics": metrics,
        "final": run.folder.final.name,
        "plot": run.folder.plot.name,
        "stopped": run.stop,
    }
    # Last of all: it says "finished".
    run.world.on_main(lambda: write_json(run.folder.summary, {**summary, "hash": _final_hash(run.folder)}))
    if run.stop:
        run.log.say(f"stopped early: {run.stop}")
    scores = (
        f"validation AUC {number(metrics['video_auc'])} per video, {number(metrics['frame_auc'])} per frame, "
        f"cue head {number(metrics['cue_video_auc'])}"
        if metrics
        else "no validation videos, so it is the last"
    )
    run.log.say(f"best epoch {best} of {run.epoch}: {scores}")
    run.log.say(f"plot       {run.folder.plot}")
    run.log.say(f"weights    {run.folder.final}")
    return RunResult(run.folder.path, run.folder.final, metrics, run.folder.plot, best)
