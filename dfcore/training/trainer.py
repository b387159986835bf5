"""Train one specialist through one stage: everything in order."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import torch

from dfcore.config import TrainConfig
from dfcore.device import choose_device, choose_precision
from dfcore.errors import UsageError
from dfcore.models import factory
from dfcore.models.specialist import Specialist
from dfcore.notebook import in_notebook, links
from dfcore.plugins import registry
from dfcore.runs.folder import RunFolder, StartMode
from dfcore.specs import SpecialistSpec, resolve
from dfcore.training.execute import Machine, RunResult, execute, finished_result
from dfcore.training.inputs.epochs import make_epoch_data
from dfcore.training.inputs.prepare import Chosen, choose_videos
from dfcore.training.losses import build_loss, loss_options
from dfcore.training.protocols import Callback
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.log import Log
from dfcore.training.runtime.time_limit import TimeLimit
from dfcore.training.start import (
    continue_from,
    describe_start,
    recorded_parent,
    require_same_parent,
    starting_file,
)
from dfcore.version import __version__
from dfcore.wording import count_of

__all__ = ["RunResult", "train"]


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Iterable[Callback] = (),
    limit: TimeLimit | None = None,
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

    Raises:
        UsageError: an option, name or combination that cannot be.
        DataError: the dataset cannot be used.
        ModelError: the model cannot be built, or a checkpoint not be read or written.
        RunExistsError: the folder holds a run already, or one that was started otherwise.
        TrainingError: the loss is not a number.
        RunInterrupted: Ctrl-C, SIGTERM or the time limit; the run can be resumed.
    """
    limit = limit or TimeLimit(config.run.time_limit)
    world = World.start(lambda local_rank: choose_device(config.run.device, local_rank))
    try:
        return _train(config, _machine(config, world, limit), resume, overwrite, callbacks)
    except BaseException:
        world.let_speak()
        raise
    finally:
        world.close()


def _train(
    config: TrainConfig, machine: Machine, resume: bool, overwrite: bool, callbacks: Iterable[Callback]
) -> RunResult:
    spec = _specialist(config.specialist)
    folder, log, world = RunFolder.of(config), machine.log, machine.world
    start_mode = world.on_main(lambda: folder.decide(config, resume=resume, overwrite=overwrite))
    if start_mode in (StartMode.RESUME, StartMode.FINISHED):
        world.on_main(lambda: require_same_parent(config))
    if start_mode is StartMode.FINISHED:
        log.say(f"{folder.path} is finished; nothing was done")
        return world.on_main(lambda: finished_result(folder))
    if resume and start_mode is StartMode.NEW:
        log.say(f"{folder.path} has nothing to resume yet: starting from the beginning")
    loss = registry().component("loss", config.stage.loss)
    callbacks = [*_callbacks(config), *callbacks]
    # The cheap checks and the model come before preparing, which may take hours.
    chosen = world.on_main(lambda: choose_videos(config, [spec]))
    model, parent = world.together(lambda: make_model(config, world, resuming=start_mode is StartMode.RESUME))
    if start_mode is StartMode.RESUME:
        parent = world.on_main(lambda: recorded_parent(folder))
    _log_start(config, machine, spec, chosen)
    factory, options = resolve(loss.factory), loss_options(config.stage)
    result = execute(
        config,
        machine,
        start_mode,
        model,
        lambda data: build_loss(loss.name, factory, data.class_weights, options),
        make_epoch_data(config, model, chosen, machine),
        callbacks=callbacks,
        facts=_facts(machine, spec, parent),
    )
    if in_notebook() and world.is_main:
        links(result.folder)
    return result


def make_model(
    config: TrainConfig, world: World | None = None, *, resuming: bool = False
) -> tuple[Specialist, dict[str, Any]]:
    """The specialist at the start of the stage: an earlier stage's final weights, or a backbone from ImageNet; and
    where earlier weights come from.

    A run that is resumed brings its own weights, so nothing is downloaded for it. Of several processes only the first
    reads weights: the others are given them when the model is wrapped (:meth:`World.wrap`).

    Raises:
        RunError: the stage starts from another one that is not there.
        CheckpointError: its weights do not fit.
        ModelError: the model cannot be built.
    """
    bare = resuming or not (world or World()).is_main
    file = None if bare else starting_file(config)
    fresh = file is None and not bare
    model = factory.create(
        config.specialist,
        backbone=config.model.backbone,
        pretrained=config.model.pretrained and fresh,
        backbone_weights=config.model.backbone_weights if fresh and config.model.backbone_weights else None,
        attention_head=config.model.attention_head,
        classifier=config.model.classifier,
        heads=config.model.heads,
        image_size=config.model.image_size,
        dropout=config.model.dropout,
        seed=config.run.seed,
    )
    return model, {} if file is None else continue_from(config, model, file)


def _specialist(name: str) -> SpecialistSpec:
    spec = registry().specialist(name)
    if not spec.trainable:
        raise UsageError(
            f"this release of dfs-{spec.name} announces {spec.name!r} only; there is no cue module to train yet."
        )
    return spec


def _machine(config: TrainConfig, world: World, limit: TimeLimit) -> Machine:
    device = choose_device(config.run.device, world.local_rank)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # every batch has the same sizes
        torch.set_float32_matmul_precision("high")
    return Machine(world, device, choose_precision(device, config.run.precision), Log(speaks=world.is_main), limit)


def _callbacks(config: TrainConfig) -> list[Callback]:
    """The built-in ones, then those asked for by name."""
    early = ("early_stop",) if config.run.patience else ()
    names = dict.fromkeys(("metrics", "checkpoints", "disk", *early, *config.run.callbacks, "progress"))
    specs = [registry().component("callback", name) for name in names]
    return [resolve(spec.factory, f"callback {spec.name!r}")() for spec in specs]


def _log_start(config: TrainConfig, machine: Machine, spec: SpecialistSpec, chosen: Chosen) -> None:
    """What is about to happen, on what, and why so."""
    stage, log = config.stage, machine.log
    length = _length(config, chosen)
    log.say(f"training   {spec.name} ({spec.title}), stage {stage.number}, {length}, seed {config.run.seed}")
    log.say(f"device     {_device_name(machine)}, {machine.precision.name}: {machine.precision.reason}")
    log.say(f"backbone   {config.model.backbone}, {describe_start(config)}")
    log.say(f"data       {chosen.dataset} in {config.data.root}")
    for note in chosen.notes:
        log.say(f"           {note}")


def _length(config: TrainConfig, chosen: Chosen) -> str:
    epochs = count_of(config.stage.epochs, "epoch")
    return f"{epochs} on each of {count_of(len(chosen.chunks), 'chunk')}" if chosen.chunks else epochs


def _device_name(machine: Machine) -> str:
    device = machine.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    own = count_of(torch.get_num_threads(), "thread") if device.type == "cpu" else str(device)
    return f"{machine.world.size} x {name} ({own} each)" if machine.world.size > 1 else f"{name} ({own})"


def _facts(machine: Machine, spec: SpecialistSpec, parent: dict[str, Any]) -> dict[str, Any]:
    """For ``config.json`` and the weights' files."""
    distribution = spec.module.partition(".")[0].partition(":")[0].replace("_", "-")
    versions = {"dfcore": __version__, "python": platform.python_version()}
    for name in (distribution, "torch", "timm", "numpy", "av"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed as a distribution"
    return {
        "versions": versions,
        "device": _device_name(machine),
        "precision": machine.precision.name,
        "processes": machine.world.size,
        "parent": parent,
    }
