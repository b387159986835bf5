"""Drawing fakes together with the real videos that they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from dfcore.data.records import FAKE, REAL, VideoRecord, control_of, emulated_id, emulation_of
from dfcore.data.sampler import drawn_again
from dfcore.errors import UsageError

__all__ = ["PairSampler", "original_of", "pairs_each", "partners"]


def original_of(record: VideoRecord) -> str:
    """The id of the record that a fake is paired with: its original's, as its dataset names it, through the same
    platform where it went through one; a pseudo-fake's control; "" where none is known.
    """
    if record.forgery is not None:
        return control_of(record.id)
    platform = emulation_of(record.id)
    return emulated_id(record.original, platform) if record.original and platform else record.original


def partners(records: Sequence[VideoRecord]) -> list[int | None]:
    """For each record, the position of the real one among them that it was made from; None of real ones, and of fakes
    whose original is not known or not there.
    """
    real = {record.id: place for place, record in enumerate(records) if record.label == REAL}
    return [real.get(original_of(record)) if record.label == FAKE else None for record in records]


class PairSampler(Sampler[int]):
    """Draws pairs, a fake and a real sample, one behind the other: in batches of an even size they stay together.

    Every fake sample comes once, in random order, each with a sample of its original; a fake without one comes with a
    random real sample. So that no real video is left out, samples of those that are no fake's original are drawn once
    too, each with a random fake. Then it begins again. The classes are balanced whatever there is of each. The draw
    depends on seed and epoch alone; process ``rank`` of ``world`` takes every ``world``-th pair, and all take equally
    many. What is drawn again in an epoch is given other frames, as by
    :class:`~dfcore.data.sampler.BalancedSampler` with ``vary_repeats``.

    Args:
        videos: of each sample, the position of its video.
        labels: of each video.
        originals: of each video, the position of its original or None (:func:`partners`).
        seed: of the draws.
        rank: this process.
        world: how many there are.
        num_samples: drawn by all processes together, rounded up to pairs for each; None means as many as there are.

    Raises:
        UsageError: a class has no samples.
    """

    def __init__(
        self,
        videos: Sequence[int],
        labels: Sequence[int],
        originals: Sequence[int | None],
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        num_samples: int | None = None,
    ) -> None:
        owner = np.asarray(videos, np.int64)
        kinds = np.asarray(labels, np.int64)[owner]
        self._fake, self._real = np.flatnonzero(kinds == FAKE), np.flatnonzero(kinds == REAL)
        if not len(self._fake) or not len(self._real):
            raise UsageError("pairs are drawn of fake and real samples, and there are none of one class.")
        used = {place for place in originals if place is not None}
        self._spare = np.array([i for i in self._real if int(owner[i]) not in used], np.int64)
        starts = np.searchsorted(owner, np.arange(len(labels)))
        counts = np.bincount(owner, minlength=len(labels))
        # Of each sample's original: its first sample, and how many it has; 0 where there is none.
        places = [originals[video] for video in owner]
        self._first = np.array([0 if place is None else starts[place] for place in places], np.int64)
        self._many = np.array([0 if place is None else counts[place] for place in places], np.int64)
        self._count, self.seed, self.rank, self.world = len(owner), seed, rank, world
        self.epoch, self.start = 0, 0
        self._each = pairs_each(num_samples or len(owner), world)

    def __len__(self) -> int:
        """Samples that each process draws in a whole epoch: twice its pairs."""
        return 2 * self._each

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Draw for ``epoch``; leave out the first ``start`` samples of this process (an epoch that is resumed)."""
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[int]:
        pairs = self._draw()
        drawn = drawn_again(pairs.ravel(), self._count).reshape(-1, 2)
        return iter(drawn[self.rank :: self.world].ravel()[self.start :].tolist())

    def _draw(self) -> NDArray[np.int64]:
        """The pairs of all processes for this epoch, ``[n, 2]``, fakes first."""
        rng = np.random.default_rng((self.seed, self.epoch))
        total = self._each * self.world
        rounds: list[NDArray[np.int64]] = []
        while sum(map(len, rounds)) < total:
            pairs = np.concatenate([self._with_originals(rng), self._with_fakes(rng)])
            rounds.append(pairs[rng.permutation(len(pairs))])
        return np.concatenate(rounds)[:total]

    def _with_originals(self, rng: np.random.Generator) -> NDArray[np.int64]:
        first, many = self._first[self._fake], self._many[self._fake]
        own = first + (rng.random(len(many)) * many).astype(np.int64)
        any_real = self._real[rng.integers(len(self._real), size=len(many))]
        return np.stack([self._fake, np.where(many > 0, own, any_real)], axis=1)

    def _with_fakes(self, rng: np.random.Generator) -> NDArray[np.int64]:
        fakes = self._fake[rng.integers(len(self._fake), size=len(self._spare))]
        return np.stack([fakes, self._spare], axis=1)


def pairs_each(samples: int, world: int) -> int:
    """Pairs that each of ``world`` processes draws, of so many samples together."""
    return -(-samples // (2 * world))
