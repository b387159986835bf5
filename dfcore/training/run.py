"""A run under way: what the loop and the callbacks share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from dfcore.config import TrainConfig
from dfcore.device import Precision
from dfcore.runs.folder import RunFolder
from dfcore.training.protocols import Callback
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.log import Log

__all__ = ["EpochData", "EpochSampler", "Group", "Plan", "Run", "Totals", "TrainingData", "WholeDataset"]


class EpochSampler(Protocol):
    """Which samples this process draws in an epoch, and in which order. ``len`` is their number in a whole epoch,
    the same on every process.
    """

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[int]: ...

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Draw for ``epoch``, leaving out the first ``start`` samples (a resumed epoch)."""
        ...


@dataclass(slots=True, weakref_slot=True)
class TrainingData:
    """What is trained and validated on. A sample is ``{"views": {name: Tensor}, "label": int, "video": int}``.

    Attributes:
        train: the training samples; its ``set_epoch(epoch)``, if it has one, draws frames afresh.
        sampler: which of them, in which order.
        val: the validation samples, or None when there are none.
        class_weights: the loss's share of the class-balance correction, ``[2]``, or None.
        fingerprint: changes when other videos, labels or splits are used.
        counts: what there is, for ``config.json``.
        audio: ``{"videos": n, "with_audio": m}`` of the training videos, if the specialist uses it; else None.
        title: what this is of the whole (``chunk 9``), or "".
    """

    train: Dataset[Any]
    sampler: EpochSampler
    val: Dataset[Any] | None
    class_weights: Tensor | None = None
    fingerprint: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    audio: dict[str, int] | None = None
    title: str = ""


class EpochData(Protocol):
    """What is trained on, epoch by epoch. Every process calls every method."""

    samples: tuple[int, ...]
    """Samples that each process draws in each epoch."""
    fingerprint: str
    """Changes when other videos, labels or splits are chosen, in any epoch."""
    counts: dict[str, Any]
    """What there is, for ``config.json``."""

    def at(self, epoch: int) -> TrainingData:
        """The data of an epoch (from 0). The same object as before means that nothing has changed."""
        ...

    def done(self, epoch: int) -> None:
        """Epochs before ``epoch`` are finished and saved: what only they need can go. Told again after a resume."""
        ...


class WholeDataset:
    """A epoch_data of the same data in every epoch."""

    def __init__(self, data: TrainingData, epochs: int) -> None:
        self.data, self.samples = data, (len(data.sampler),) * epochs
        self.fingerprint, self.counts = data.fingerprint, data.counts

    def at(self, epoch: int) -> TrainingData:
        """The data."""
        return self.data

    def done(self, epoch: int) -> None:
        """Nothing goes."""


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
        last_loss: mean loss over the last step's samples of this process, cue head's share included.
        gradient_norm: of the last step, before clipping.
        lr: of the last step.
        stop: a callback's reason to end after this epoch, or "".
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
    channels_last: bool = False
    workers: int = 0
    last_loss: Tensor = field(default_factory=lambda: torch.zeros(()))
    gradient_norm: Tensor = field(default_factory=lambda: torch.zeros(()))
    epoch: int = 0
    batch: int = 0
    step: int = 0
    lr: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    stop: str = ""
    data: TrainingData = field(init=False)
    loss: nn.Module = field(init=False)

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
