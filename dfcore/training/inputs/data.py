"""What a run reads: an epoch's samples, and the data of all epochs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["EpochData", "EpochSampler", "TrainingData", "WholeDataset"]


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
        """The whole dataset stays: later epochs read it too."""
