"""Train one specialist through one stage: everything in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from typing import Any

from torch import nn

from dfcore.config import TrainConfig, override
from dfcore.console.progress import TERMINAL, Progress
from dfcore.device import choose_device
from dfcore.errors import DatasetError
from dfcore.models.backbones.tuning import Parameters, count_parameters
from dfcore.notebook import in_notebook, links
from dfcore.plugins import registry
from dfcore.plugins.calls import construct
from dfcore.plugins.discovery import distribution_of
from dfcore.runs.folder import RunFolder, StartMode, require_one_start
from dfcore.runs.hold import StoreHold
from dfcore.runs.lock import RunLock
from dfcore.specs import SpecialistSpec, resolve
from dfcore.text import count_of
from dfcore.training.checkpoint import read_last, restore
from dfcore.training.inputs.choose import Chosen, choose_videos
from dfcore.training.inputs.data import EpochData, TrainingData
from dfcore.training.inputs.epochs import make_epoch_data
from dfcore.training.inputs.identities import identities_seen
from dfcore.training.inputs.names import check_names
from dfcore.training.inputs.prepare import store_path
from dfcore.training.inputs.sharing import prepare_inputs
from dfcore.training.loop import begin_epoch, fit
from dfcore.training.losses import build_loss, loss_options
from dfcore.training.protocols import Callback, require_callback, tell
from dfcore.training.result import RunResult, finish, finished_result
from dfcore.training.run import Run, assemble
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.machine import Machine, device_name, make_machine
from dfcore.training.runtime.signals import StopSignals
from dfcore.training.runtime.time_limit import TimeLimit
from dfcore.training.start import (
    describe_rates,
    describe_start,
    make_model,
    recorded_parent,
    require_same_parent,
)
from dfcore.version import package_versions

__all__ = ["RunResult", "describe_defaults", "execute", "train"]


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Iterable[Callback] = (),
    limit: TimeLimit | None = None,
    progress: Progress = TERMINAL,
) -> RunResult:
    """Train ``config.specialist`` through the configured stage.

    Prepares what the clip store lacks, trains, validates after each epoch, and leaves the run's folder with the best
    epoch's weights. The test split is neither prepared nor read. Under ``torchrun`` every process calls this.

    Args:
        config: all options.
        resume: go on with the run that is there; of a finished one, return the result.
        overwrite: discard the run that is there.
        callbacks: called after the built-in ones.
        limit: when to stop, where that was begun to be counted before; None counts ``run.time_limit`` from now.
        progress: told what is done, line by line; ``dfcore.SILENT`` says nothing. The run's ``log.txt`` has the lines.

    Raises:
        UsageError: an option, name or combination that cannot be.
        DataError: the dataset cannot be used.
        ModelError: the model cannot be built, or a checkpoint not be read or written.
        RunExistsError: the folder holds a run already, or one that was started otherwise.
        RunLockedError: another process is training there.
        TrainingError: the loss is not a number.
        RunInterrupted: Ctrl-C, SIGTERM or the time limit; the run can be resumed.
    """
    limit = limit or TimeLimit(config.run.time_limit)
    world = World.start(lambda local_rank: choose_device(config.run.device, local_rank))
    try:
        return _train(config, make_machine(config, world, limit, progress), resume, overwrite, callbacks)
    except BaseException:
        world.let_speak()
        raise
    finally:
        world.close()


def _train(
    config: TrainConfig, machine: Machine, resume: bool, overwrite: bool, callbacks: Iterable[Callback]
) -> RunResult:
    folder, world = RunFolder.of(config), machine.world
    require_one_start(resume=resume, overwrite=overwrite)
    if world.on_main(lambda: resume and folder.summary.exists()):  # it is only read then
        world.on_main(lambda: folder.decide(config, resume=True, overwrite=False))
        world.on_main(lambda: require_same_parent(config))
        machine.log.say(f"{folder.path} is finished; nothing was done")
        return world.on_main(lambda: finished_result(folder))
    with ExitStack() as stack:
        # The first process writes, and holds the lock for all.
        lock = RunLock(folder.path, "training")
        world.on_main(lambda: stack.enter_context(lock) and None)
        world.on_main(lambda: stack.enter_context(StoreHold(store_path(config), "training")) and None)
        return _train_alone(config, machine, resume, overwrite, callbacks, lock)


def _train_alone(
    config: TrainConfig,
    machine: Machine,
    resume: bool,
    overwrite: bool,
    callbacks: Iterable[Callback],
    lock: RunLock,
) -> RunResult:
    """The rest, with the lock of the run's folder held by the first process."""
    spec = registry().trainable(config.specialist)
    folder, log, world = RunFolder.of(config), machine.log, machine.world
    start_mode = world.on_main(lambda: folder.decide(config, resume=resume, overwrite=overwrite))
    if start_mode is StartMode.RESUME:
        world.on_main(lambda: require_same_parent(config))
    if resume and start_mode is StartMode.NEW:
        log.say(f"{folder.path} has nothing to resume yet: starting from the beginning")
    world.together(lambda: check_names(config, [spec]))
    loss = registry().component("loss", config.stage.loss)
    callbacks = [*_callbacks(config), *callbacks]
    for callback in callbacks:
        require_callback(callback)
    # The cheap checks and the model come before preparing, which may take hours.
    chosen = world.on_main(lambda: choose_videos(config, [spec]))
    model, parent = world.together(lambda: make_model(config, world, resuming=start_mode is StartMode.RESUME))
    if start_mode is StartMode.RESUME:
        parent = world.on_main(lambda: recorded_parent(folder))
    _log_start(config, machine, spec, chosen, count_parameters(model))
    factory, options = resolve(loss.factory), loss_options(config.stage)
    result = execute(
        config,
        machine,
        start_mode,
        model,
        lambda data: build_loss(loss.name, factory, data.class_weights, options),
        make_epoch_data(config, model, chosen, partial(prepare_inputs, config, spec, machine), machine),
        callbacks=callbacks,
        lock=lock,
        facts={**_facts(machine, spec, parent), "identities": identities_seen(config, chosen.records, parent)},
    )
    if in_notebook() and world.is_main:
        links(result.folder)
    return result


def _callbacks(config: TrainConfig) -> list[Callback]:
    """The built-in ones, then those asked for by name."""
    early = ("early_stop",) if config.run.patience else ()
    names = dict.fromkeys(("metrics", "checkpoints", "disk", *early, *config.run.callbacks, "progress"))
    specs = [registry().component("callback", name) for name in names]
    return [construct(f"callback {spec.name!r}", spec.factory) for spec in specs]


def _log_start(
    config: TrainConfig, machine: Machine, spec: SpecialistSpec, chosen: Chosen, parameters: Parameters
) -> None:
    """What is about to happen, on what, and why so."""
    stage, log = config.stage, machine.log
    length = _length(config, chosen)
    log.say(f"training   {spec.name} ({spec.title}), stage {stage.number}, {length}, seed {config.run.seed}")
    log.say(f"device     {device_name(machine)}, {machine.precision.name}: {machine.precision.reason}")
    if config.run.recipe:
        log.say(f"recipe     {describe_recipe(config)}")
    log.say(f"backbone   {config.model.backbone}, {describe_start(config)}")
    log.say(f"parameters {parameters.text} (model.tune={config.model.tune})")
    log.say(f"data       {chosen.dataset} in {config.data.root}")
    for note in (*chosen.notes, *describe_defaults(config)):
        log.say(f"           {note}")


def describe_recipe(config: TrainConfig) -> str:
    """The recipe's name and summary, and the values that are others than its own."""
    spec = registry().recipe(config.run.recipe)
    kept = _in_force(config, spec.values)
    changed = [f"{key}={_as_set(attrgetter(key)(config))}" for key in spec.values if key not in kept]
    return f"{spec.name}: {spec.summary}" + (f"; set otherwise: {', '.join(changed)}" if changed else "")


def describe_defaults(config: TrainConfig) -> list[str]:
    """A sentence on the values in force that are the dataset's own choice; none where there are none."""
    spec = registry().dataset(config.stage.dataset)
    in_force = _in_force(config, spec.defaults)
    kept = [f"{key}={value}" for key, value in spec.defaults.items() if key in in_force]
    if not kept:
        return []
    why = f": {spec.reason}" if spec.reason else ""
    return [f"the {spec.title.lower()} data's own settings{why} ({', '.join(kept)}); whatever you set wins."]


def _in_force(config: TrainConfig, values: Mapping[str, Any]) -> set[str]:
    """The dotted keys of ``values`` whose value is the configuration's too."""
    wanted = override(TrainConfig(), values)
    return {key for key in values if attrgetter(key)(config) == attrgetter(key)(wanted)}


def _as_set(value: object) -> str:
    """A value in the text that sets it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _length(config: TrainConfig, chosen: Chosen) -> str:
    epochs = count_of(config.stage.epochs, "epoch")
    return f"{epochs} on each of {count_of(len(chosen.chunks), 'chunk')}" if chosen.chunks else epochs


def _facts(machine: Machine, spec: SpecialistSpec, parent: dict[str, Any]) -> dict[str, Any]:
    """For ``config.json`` and the weights' files."""
    distribution, _ = distribution_of(spec.module)
    return {
        "versions": package_versions((distribution, "torch", "timm", "numpy", "av")),
        "device": device_name(machine),
        "precision": machine.precision.name,
        "processes": machine.world.size,
        "parent": parent,
    }


def execute(
    config: TrainConfig,
    machine: Machine,
    start_mode: StartMode,
    model: nn.Module,
    make_loss: Callable[[TrainingData], nn.Module],
    epoch_data: EpochData,
    *,
    callbacks: Iterable[Callback] = (),
    lock: RunLock | None = None,
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
        lock: of the run's folder; the first process looks at it before it writes.
        facts: written to ``config.json`` beside the configuration, and into every file of weights.

    Raises:
        DatasetError: there is nothing to train on.
        RunError, CheckpointError: the run cannot go on, or was interrupted; what was done is saved.
    """
    if not all(epoch_data.samples):
        raise DatasetError("there is nothing to train on: no training video could be used.")
    written = {"config": config.to_json(), **(facts or {}), "data": epoch_data.counts}
    run = assemble(config, machine, model, make_loss, epoch_data, list(callbacks), written)
    run.lock = lock
    if start_mode is StartMode.RESUME:
        restore(run, machine.world.on_main(lambda: read_last(run.folder.last)))
    machine.world.on_main(lambda: run.folder.open(start_mode, written))
    machine.log.attach(run.folder.log)
    _log_plan(run, start_mode)
    try:
        with StopSignals(run.log.say, machine.limit, echoes=machine.world.size > 1) as signals:
            begin_epoch(run, signals)
            tell(run, "on_start")
            fit(run, signals)
            return finish(run, signals)
    finally:
        tell(run, "on_exit")


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
    rates = describe_rates(run.config)
    if rates:
        run.log.say(f"rates      {rates}")
    run.log.say(f"folder     {run.folder.path}")
    if start_mode is StartMode.RESUME:
        epochs = count_of(plan.epochs, "epoch")
        run.log.say(f"resuming   at step {run.step} of {plan.steps}, {run.epoch} of {epochs} finished")
