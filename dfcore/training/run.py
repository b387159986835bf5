"""A run under way: what the loop and the callbacks share."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from dfcore.config import TrainConfig
from dfcore.device import Precision
from dfcore.models.backbones.device_views import use_channels_last
from dfcore.models.specialist import Specialist
from dfcore.runs.folder import RunFolder
from dfcore.runs.lock import RunLock
from dfcore.training.features import FeatureTerm, build_feature_augmentations, build_feature_losses
from dfcore.training.inputs.data import EpochData, TrainingData
from dfcore.training.loaders import worker_count
from dfcore.training.optimiser import make_optimiser
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.log import Log
from dfcore.training.runtime.machine import Machine
from dfcore.training.start import lr_factors

__all__ = ["BaseCallback", "Callback", "Group", "Plan", "Run", "Totals", "assemble"]


@runtime_checkable
class Callback(Protocol):
    """Something that happens beside training. Constructed with no arguments.

    Every process calls every method; one that writes or prints asks ``run.world.is_main``. ``run`` is the same
    :class:`Run` throughout. Setting ``run.stop`` to a reason ends training after the epoch.
    """

    def on_start(self, run: Run) -> None:
        """Before the first step, or the first step after a resume (the state is loaded by then)."""
        ...

    def on_step(self, run: Run) -> None:
        """After each optimiser step. Reading a tensor's value here makes a GPU wait: do it rarely."""
        ...

    def on_epoch(self, run: Run) -> None:
        """After each epoch's validation; ``run.history[-1]`` is the epoch's line."""
        ...

    def on_finish(self, run: Run) -> None:
        """After the last epoch. A finish that was cut short is called again by the resumed run."""
        ...

    def on_exit(self, run: Run) -> None:
        """At the very end, also after an error or an interruption: to close what is open."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: plain numbers, strings, lists, dictionaries, tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        ...


class BaseCallback:
    """A callback that does nothing, to start from."""

    def on_start(self, run: Run) -> None:
        """Does nothing; for a subclass to replace."""

    def on_step(self, run: Run) -> None:
        """Does nothing; for a subclass to replace."""

    def on_epoch(self, run: Run) -> None:
        """Does nothing; for a subclass to replace."""

    def on_finish(self, run: Run) -> None:
        """Does nothing; for a subclass to replace."""

    def on_exit(self, run: Run) -> None:
        """Does nothing; for a subclass to replace."""

    def state_dict(self) -> dict[str, Any]:
        """{}: there is nothing to resume."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes nothing back."""


@dataclass(frozen=True, slots=True)
class Group:
    """The batches of one optimiser step, and how many samples they hold together."""

    batches: int
    samples: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How each epoch's samples become batches and optimiser steps, on each process.

    It is known before the first step, so that one learning-rate schedule spans the whole run.

    Attributes:
        samples: of each epoch.
        batch_size: samples a batch.
        accumulate: batches an optimiser step.
    """

    samples: tuple[int, ...]
    batch_size: int
    accumulate: int

    @property
    def epochs(self) -> int:
        """Their number."""
        return len(self.samples)

    def batches(self, epoch: int) -> int:
        """Batches in an epoch (from 0); the last may be smaller."""
        return -(-self.samples[epoch] // self.batch_size)

    def steps_in(self, epoch: int) -> int:
        """Optimiser steps in an epoch (from 0); the last may have fewer batches."""
        return -(-self.batches(epoch) // self.accumulate)

    def steps_before(self, epoch: int) -> int:
        """Optimiser steps in all epochs before that one."""
        return sum(map(self.steps_in, range(epoch)))

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole run."""
        return self.steps_before(self.epochs)

    def groups(self, epoch: int, first: int = 0) -> Iterator[Group]:
        """The optimiser steps of an epoch (from 0), from batch ``first`` (the first of a group)."""
        batches, samples = self.batches(epoch), self.samples[epoch]
        for start in range(first, batches, self.accumulate):
            stop = min(start + self.accumulate, batches)
            yield Group(stop - start, min(stop * self.batch_size, samples) - start * self.batch_size)


class Totals:
    """Sums over an epoch so far, kept on the device so that no step waits for them.

    A value that is not finite makes its sum so for good: one look at the sums tells whether all went well since.
    """

    def __init__(self, device: torch.device) -> None:
        exact = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(6, dtype=exact, device=device)

    def add_samples(self, losses: Tensor, cue_losses: Tensor, hits: Tensor) -> None:
        """Count samples in: each one's loss, cue loss, and whether it was classified rightly."""
        self.sums[:4] += torch.stack([losses.sum(), cue_losses.sum(), hits.sum(), torch.ones_like(losses).sum()])

    def add_step(self, gradient_norm: Tensor) -> None:
        """Count an optimiser step in."""
        self.sums[4:] += torch.stack([gradient_norm, torch.ones_like(gradient_norm)])

    def finite(self) -> Tensor:
        """Whether every value so far was a finite number; a boolean on the device."""
        return torch.isfinite(self.sums).all()

    def means(self, world: World) -> dict[str, float]:
        """Means over all processes."""
        loss, cue_loss, hits, samples, norm, steps = world.total(self.sums).tolist()
        samples, steps = max(samples, 1.0), max(steps, 1.0)
        return {
            "loss": loss / samples,
            "cue_loss": cue_loss / samples,
            "accuracy": hits / samples,
            "gradient_norm": norm / steps,
        }

    def reset(self) -> None:
        """Start a new epoch."""
        self.sums.zero_()


@dataclass(slots=True)
class Run:
    """A run under way.

    Attributes:
        config: as used.
        folder: where it writes.
        world, device, precision, log: what it runs on and how it speaks.
        model: the specialist, not wrapped.
        network: the same as called in training (wrapped for several processes).
        feature_losses: losses of what the classifier sees, with their weights.
        make_loss: makes the stage's loss for given data.
        epoch_data: what is trained on, epoch by epoch.
        data: what is trained and validated on in the epoch under way.
        loss: the stage's loss for it.
        plan: batches and optimiser steps.
        callbacks: in the order in which they are called.
        meta: what is written into every file of weights.
        channels_last: whether images are in that memory format.
        workers: loader processes.
        epoch: epochs finished, validation included.
        batch: batches done of the next epoch.
        step: optimiser steps done, over all epochs.
        totals: sums over the epoch so far.
        history: a line for each finished epoch: ``epoch`` (from 1), ``step``, ``lr``, ``train``, ``val``, ``seconds``.
        odd_values: of each channel of the cue map, see :meth:`watch_map`.
        last_loss: mean loss over the last step's samples of this process, cue head's share included.
        gradient_norm: of the last step, before clipping.
        lr: of the last step.
        stop: a callback's reason to end after this epoch, or "".
        lock: of the folder; None where nobody else can want it.
    """

    config: TrainConfig
    folder: RunFolder
    world: World
    device: torch.device
    precision: Precision
    log: Log
    model: nn.Module
    network: nn.Module
    make_loss: Callable[[TrainingData], nn.Module]
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    epoch_data: EpochData
    plan: Plan
    totals: Totals
    callbacks: list[Callback]
    meta: Mapping[str, Any]
    feature_losses: tuple[FeatureTerm, ...] = ()
    channels_last: bool = False
    workers: int = 0
    odd_values: Tensor = field(default_factory=lambda: torch.zeros(()))
    last_loss: Tensor = field(default_factory=lambda: torch.zeros(()))
    gradient_norm: Tensor = field(default_factory=lambda: torch.zeros(()))
    epoch: int = 0
    batch: int = 0
    step: int = 0
    lr: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    stop: str = ""
    lock: RunLock | None = None
    data: TrainingData = field(init=False)
    loss: nn.Module = field(init=False)

    def check_lock(self) -> None:
        """Before the first process writes to the folder.

        Raises:
            RunError: another process took it over, or it is gone.
        """
        if self.lock is not None:
            self.lock.check()

    def watch_map(self, cue_map: Tensor) -> None:
        """Count each channel's values in a cue map that are no finite numbers, as long as all before was finite: then
        the weights were so too, and the cue module itself made them. Nothing waits for the device.
        """
        if cue_map.dim() == 4:
            odd = (~torch.isfinite(cue_map)).sum(dim=(0, 2, 3))
            self.odd_values = self.odd_values.to(odd.device) + odd * self.totals.finite()

    def load_epoch(self) -> None:
        """Take the data of the epoch under way; after the last epoch its data again.

        The data before are let go first: while other data are prepared, nobody must hold their files open.
        """
        before = None
        if hasattr(self, "data"):
            before = weakref.ref(self.data)
            del self.data
        data = self.epoch_data.at(min(self.epoch, self.plan.epochs - 1))
        if before is None or before() is not data:
            self.loss = self.make_loss(data).to(self.device)
        self.data = data

    @property
    def finished(self) -> bool:
        """Whether no epoch is left to train."""
        return self.epoch >= self.plan.epochs or bool(self.stop)


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
    channels_last = use_channels_last(model, device)
    if stage.feature_augment and isinstance(model, Specialist):
        model.feature_augmentations = build_feature_augmentations(stage)
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
        optimiser=make_optimiser(
            model, lr=stage.lr, weight_decay=stage.weight_decay, device=device, factor_of=lr_factors(config)
        ),
        scaler=machine.precision.scaler(),
        epoch_data=epoch_data,
        plan=Plan(epoch_data.samples, stage.batch_size, stage.accumulate),
        totals=Totals(device),
        callbacks=callbacks,
        meta={"stage": stage.number, **facts},
        feature_losses=build_feature_losses(stage, device),
        channels_last=channels_last,
        workers=worker_count(config.data.workers, device, world.local_size),
    )


def _seed(seed: int, rank: int) -> None:
    """Seed every global generator, differently on each process: dropout must not repeat itself across them."""
    own = (seed * 1_000_003 + rank * 7_919) % 2**32
    torch.manual_seed(own)
    random.seed(own)
    np.random.seed(own)  # noqa: NPY002 (a plugin may use the global generator)
