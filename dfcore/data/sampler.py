"""Which samples an epoch draws: balanced over the classes, reproducible, sliced over processes.

The imbalance of the classes is corrected once. Of the whole correction (each class weighted by 1/count), sampling takes
the power p, ``count^-p``, and the loss weights take the rest, ``count^-(1-p)``: whatever p is, each class carries the
same share of the expected loss. p = 1 is balanced sampling with an unweighted loss, p = 0 plain sampling with a
class-weighted loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from dfcore.data.records import LABEL_NAMES
from dfcore.errors import UsageError

__all__ = ["BalancedSampler", "FixedSampler", "class_weights", "drawn_again"]


def _counts(labels: Sequence[int]) -> NDArray[np.float64]:
    return np.bincount(np.asarray(labels, dtype=np.int64), minlength=len(LABEL_NAMES)).astype(np.float64)


def _powers(labels: Sequence[int], power: float) -> NDArray[np.float64]:
    """``count^-power`` of each class; 0 of a class that does not occur."""
    if not 0 <= power <= 1:
        raise UsageError(f"the power of the class balance must lie between 0 and 1, not {power}.")
    counts = _counts(labels)
    return np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)


def class_weights(labels: Sequence[int], power: float) -> Tensor:
    """The loss's share of the class balance beside a sampler that takes ``power`` of it.

    Args:
        labels: of all samples.
        power: the sampler's p; the weights are ``count^-(1 - p)``.

    Returns:
        float32 ``[2]``, mean 1 over the samples that the sampler draws; 1 for a class that does not occur.
    """
    weights = _powers(labels, 1 - power)
    drawn = _counts(labels) * _powers(labels, power)
    if drawn.sum() > 0:
        weights = weights / (weights * drawn / drawn.sum()).sum()
    return torch.from_numpy(np.where(weights > 0, weights, 1.0).astype(np.float32))


class BalancedSampler(Sampler[int]):
    """Draws with replacement, each sample with a weight of ``class count ^ -power``, as ``WeightedRandomSampler`` does.

    Where all weights are equal (power 0, or balanced classes) nothing needs replacement: every sample comes once, in
    random order. The draw depends on seed and epoch alone; process ``rank`` of ``world`` takes every
    ``world``-th position of it, and all take equally many.

    Args:
        labels: of all samples.
        power: share p of the correction.
        seed: of the draws.
        rank: this process.
        world: how many there are.
        vary_repeats: give the k-th repeat of sample i in an epoch the index ``i + k * len(labels)``, as
            :class:`dfcore.data.samples.ClipSamples` understands it.
        num_samples: drawn by all processes together; None means as many as there are.

    Raises:
        UsageError: there are no samples, or ``power`` is outside of 0..1.
    """

    def __init__(
        self,
        labels: Sequence[int],
        *,
        power: float = 1.0,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        vary_repeats: bool = False,
        num_samples: int | None = None,
    ) -> None:
        if not len(labels):
            raise UsageError("there are no samples to draw from.")
        weights = _powers(labels, power)[np.asarray(labels, dtype=np.int64)]
        self.shares = weights / weights.sum()
        self.rank, self.world, self.seed, self.vary_repeats = rank, world, seed, vary_repeats
        self.epoch, self.start = 0, 0
        self._each = -(-(num_samples or len(labels)) // world)
        self._even = bool(np.allclose(weights, weights[0], rtol=1e-12))

    def __len__(self) -> int:
        """Samples that each process draws in a whole epoch."""
        return self._each

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Draw for ``epoch``; leave out the first ``start`` samples of this process (an epoch that is resumed)."""
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[int]:
        drawn = self._draw()
        if self.vary_repeats:
            drawn = drawn_again(drawn, len(self.shares))
        return iter(drawn[self.rank :: self.world][self.start :].tolist())

    def _draw(self) -> NDArray[np.int64]:
        """The positions of all processes for this epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        total, available = self._each * self.world, len(self.shares)
        if self._even:
            rounds = [rng.permutation(available) for _ in range(-(-total // available))]
            return np.concatenate(rounds)[:total].astype(np.int64)
        edges = np.cumsum(self.shares)
        # A number below 1 times a last edge that is about 1 stays below that edge, also when it is rounded.
        return np.searchsorted(edges, rng.random(total) * edges[-1], side="right").astype(np.int64)


def drawn_again(drawn: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The draw with ``k * count`` added to the k-th repeat of an entry: as another sample of the same video."""
    return drawn + _repeats(drawn) * count


def _repeats(drawn: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each entry has occurred before."""
    order = np.argsort(drawn, kind="stable")
    ordered = drawn[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]]
    places = np.arange(len(drawn))
    result = np.empty(len(drawn), dtype=np.int64)
    result[order] = places - np.maximum.accumulate(np.where(new, places, 0))
    return result


class FixedSampler(Sampler[int]):
    """Every sample once, in order; process ``rank`` of ``world`` takes every ``world``-th, without padding."""

    def __init__(self, count: int, *, rank: int = 0, world: int = 1) -> None:
        self.positions = range(rank, count, world)

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[int]:
        return iter(self.positions)
