"""What a stage is trained on, epoch by epoch: the whole dataset, or one chunk of it after another."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from dfcore.config import TrainConfig
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.models.specialist import Specialist
from dfcore.runs.hold import holders_of
from dfcore.training.inputs.choose import Chosen
from dfcore.training.inputs.data import EpochData, TrainingData, WholeDataset
from dfcore.training.inputs.prepare import Prepared, store_path
from dfcore.training.inputs.samples import draws, draws_each, make_data
from dfcore.training.runtime.machine import Machine
from dfcore.training.runtime.memory import release_memory

__all__ = ["ChunkedData", "Prepare", "make_epoch_data"]


def make_epoch_data(
    config: TrainConfig, model: Specialist, chosen: Chosen, prepare: Prepare, machine: Machine
) -> EpochData:
    """The data of all epochs: what is taken whole is prepared now, a chunk when its turn comes.

    Args:
        config: all options.
        model: its views are read.
        chosen: the videos.
        prepare: prepares a part of them; see :func:`dfcore.training.inputs.sharing.prepare_inputs`.
        machine: processes and log.

    Raises:
        DatasetError: one class has no training video that can be used.
        DfcoreError: whatever :func:`~dfcore.training.inputs.sharing.prepare_inputs` raises.
    """
    if chosen.chunks:
        return ChunkedData(config, model, chosen, prepare, machine)
    prepared = prepare(chosen)
    return WholeDataset(make_data(config, model, chosen, prepared, machine.world), config.stage.epochs)


class Prepare(Protocol):
    """Prepares chosen videos for training and validation; every process calls it."""

    def __call__(self, chosen: Chosen, *, later: int = 0) -> Prepared:
        """Those that can be used. ``later`` videos are going to be prepared beside these."""
        ...


class ChunkedData:
    """Chunks in their order, ``stage.epochs`` epochs each; validation is on the same held-out videos throughout.

    How many samples an epoch draws goes by the videos that were chosen, not by those that could be used, so that the
    learning-rate schedule is known before the first chunk is prepared.
    """

    def __init__(
        self, config: TrainConfig, model: Specialist, chosen: Chosen, prepare: Prepare, machine: Machine
    ) -> None:
        self._config, self._model, self._chosen, self._prepare = config, model, chosen, prepare
        self._machine = machine
        train = [record for record in chosen.records if _trains(record)]
        self._records = {chunk: [record for record in train if record.chunk == chunk] for chunk in chosen.chunks}
        self._val = [record for record in chosen.records if record.split == "val"]
        self._now: tuple[int, TrainingData] | None = None
        totals = [draws(config, self._records[chunk]) for chunk in chosen.chunks]
        each = [draws_each(config, total, machine.world.size) for total in totals]
        self.samples = tuple(samples for samples in each for _ in range(config.stage.epochs))
        self.fingerprint = self._fingerprint()
        self.counts = self._counts()

    def at(self, epoch: int) -> TrainingData:
        """The data of an epoch; its chunk is prepared first.

        Raises:
            DatasetError: one class has no training video in the chunk that can be used.
            DfcoreError: whatever :func:`~dfcore.training.inputs.sharing.prepare_inputs` raises.
        """
        place = epoch // self._config.stage.epochs
        if self._now is None or self._now[0] != place:
            self._now = None  # let go of the chunk before, its open files above all
            release_memory()
            self._now = place, self._make(place)
        return self._now[1]

    def done(self, epoch: int) -> None:
        """Drop the prepared clips of finished chunks but the last few (``data.keep_chunks``)."""
        keep, chunks = self._config.data.keep_chunks, self._chosen.chunks
        place = min(epoch // self._config.stage.epochs, len(chunks) - 1)
        if keep:
            past = chunks[: max(0, place - keep + 1)]
            # All processes meet here: none still reads a clip that goes, and none prepares while they go.
            self._machine.world.on_main(lambda: self._drop(past))

    def _make(self, place: int) -> TrainingData:
        chunk = self._chosen.chunks[place]
        self._machine.log.say(f"chunk      {chunk} ({place + 1} of {len(self._chosen.chunks)})")
        part = replace(self._chosen, records=(*self._records[chunk], *self._val))
        prepared = self._prepare(part, later=self._later(place))
        total = draws(self._config, self._records[chunk])
        return make_data(
            self._config, self._model, part, prepared, self._machine.world, total=total, title=f"chunk {chunk}"
        )

    def _later(self, place: int) -> int:
        """Videos of later chunks that will be in the store together with this one's."""
        keep, chunks = self._config.data.keep_chunks, self._chosen.chunks
        return sum(len(self._records[chunk]) for chunk in chunks[place + 1 : max(keep, place + 1) if keep else None])

    def _drop(self, chunks: Sequence[int]) -> None:
        if not chunks:
            return
        store = ClipStore(store_path(self._config))
        others = holders_of(store.root, others=True)
        for chunk in chunks:
            there = [record.id for record in self._records[chunk] if record.id in store]
            if there and others:
                self._machine.log.say(f"           the clips of chunk {chunk} stay: {others[0]} uses {store.root} too")
                continue
            for video in there:
                store.remove(video)
            if there:
                store.index.save()
                self._machine.log.say(f"           the clips of chunk {chunk} are dropped from {store.root}")

    def _fingerprint(self) -> str:
        records = [record for chunk in self._records.values() for record in chunk] + self._val
        lines = sorted([r.id, r.label, r.split, r.chunk if _trains(r) else None] for r in records)
        return hashlib.sha256(json.dumps([lines, self._chosen.chunks]).encode()).hexdigest()[:16]

    def _counts(self) -> dict[str, Any]:
        return {
            "store": str(store_path(self._config)),
            "chunks": {str(chunk): _by_class(records) for chunk, records in self._records.items()},
            "videos": {"val": _by_class(self._val)},
            "missing": self._chosen.missing,
            "notes": list(self._chosen.notes),
        }


def _trains(record: VideoRecord) -> bool:
    return record.split == "train"


def _by_class(records: list[VideoRecord]) -> dict[str, int]:
    counts = Counter(record.label for record in records)
    return {"real": counts[REAL], "fake": counts[FAKE]}
