"""What cue modules share: the learned part behind an operator, the bounds of its inputs, the check of a view.

An input that hardly varies in the training data is a trap: the normalisation has no scale for it, and the weights
behind it have learned nothing. "The codec gives motion vectors" is 1 in all of H.264 and 0 in all of HEVC. Three rules
keep such an input harmless; every plugin's tests hold them (``dfcore.testing.contract``):

- what reaches learned weights is bounded (:func:`bounded`);
- a feature that was constant in training is left out (:func:`bounded_norm`);
- whether a side channel is there at all is hidden from a share of the training samples (:func:`hidden_samples`), so
  that both cases are learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dfcore.errors import ModelError
from dfcore.specs import MAP_SIZE

__all__ = [
    "HIDDEN_SHARE",
    "LIMIT",
    "CueProjection",
    "bounded",
    "bounded_norm",
    "hidden_samples",
    "inner_minus_rim",
    "part_weights",
    "required_view",
]

LIMIT = 5.0
"""Standard deviations that a normalised feature reaches at most."""
HIDDEN_SHARE = 0.3
"""Share of the training samples that a side channel (quantiser, motion vectors) is hidden from."""


def bounded(values: Tensor, limit: float = LIMIT) -> Tensor:
    """``limit * tanh(values / limit)``: nearly the value itself up to half the limit, never beyond it; shape is kept.

    Args:
        values: features in units of about their own spread.
        limit: in the same units.
    """
    return limit * torch.tanh(values / limit)


def bounded_norm(features: Tensor, norm: nn.BatchNorm1d, limit: float = LIMIT) -> Tensor:
    """Batch-normalised features within ``-limit..limit``; those that were constant in training are 0.

    A feature's normalised value is multiplied by v / (v + eps), where v is its variance in training: 1 for all that
    varies, 0 for what never did. v is the running variance without what is left in it of its initial 1.

    Args:
        features: ``[B, K]`` or ``[B, K, N]``.
        norm: of K features, without weights of its own; it is updated in training as ever.
        limit: in standard deviations.
    """
    normalised = norm(features)
    count, variance = norm.num_batches_tracked, norm.running_var
    if count is None or variance is None:  # it keeps no statistics: those of the batch are all there is
        return bounded(normalised, limit)
    share = 1.0 if norm.momentum is None else norm.momentum
    initial = torch.pow(torch.full_like(variance, 1.0 - share), count)  # 0 to the power 0 is 1
    seen = (variance - initial).clamp(min=0) / (1 - initial).clamp(min=norm.eps)
    varied = torch.where(initial < 1, seen / (seen + norm.eps), torch.ones_like(seen))
    return bounded(normalised * varied.unflatten(0, (-1, *(1 for _ in features.shape[2:]))), limit)


def hidden_samples(count: int, device: torch.device, *, training: bool, share: float = HIDDEN_SHARE) -> Tensor:
    """Which samples of a batch a side channel is hidden from: bool ``[count]``; none outside of training.

    Args:
        count: B.
        device: where.
        training: the module's mode.
        share: of the samples, each drawn for itself.
    """
    if not training:
        return torch.zeros(count, dtype=torch.bool, device=device)
    return torch.rand(count, device=device) < share


_LEAST_BLOCKS = 1e-2
"""Blocks that a part of the face must fill to be told of."""


def part_weights(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Each block's weight as part of the inner face and of its rim, of the view ``tile_parts``
    ``[B, 49, 2, 4, 4]``: ``[B, 784]`` twice. The fourth power of the share: a block of which a part belongs elsewhere
    says little.
    """
    inner, rim = parts.float().pow(4).transpose(1, 2).flatten(2).unbind(1)
    return inner, rim


def inner_minus_rim(values: Tensor, parts: Tensor) -> Tensor:
    """The mean of each of K maps over the inner face, minus that over the face's own rim, and whether both are there.

    The rim is the same person's skin in the same light and focus, coded alike: most of what differs between genuine
    videos cancels.

    Args:
        values: ``[B, K, 784]``, of the 16x16 blocks of the tiles, tile by tile.
        parts: the view ``tile_parts``, ``[B, 49, 2, 4, 4]``.

    Returns:
        ``[B, K + 1]``; all 0 where a part is missing.
    """
    weights = torch.stack(part_weights(parts), 1)  # [B, 2, 784]
    total = weights.sum(-1)
    there = (total > _LEAST_BLOCKS).all(1, keepdim=True).to(values.dtype)
    means = (weights @ values.mT) / (total[..., None] + 1e-6)  # [B, 2, K]
    return torch.cat([(means[:, 0] - means[:, 1]) * there, there], 1)


class CueProjection(nn.Module):
    """From an operator's features to a cue's channels, cell by cell.

    Batch normalisation (without weights of its own) puts operators of different units on one scale, in bounds
    (:func:`bounded_norm`); then two linear maps with a GELU between. Nothing mixes cells: where a cue speaks is where
    its operator found something.

    Args:
        features: K, the operator's features of a cell.
        channels: C, the cue's channels.
        hidden: width between the two maps.
    """

    def __init__(self, features: int, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.inner = nn.Linear(features, hidden)  # twice as fast as a convolution of width 1 on a CPU
        self.activation = nn.GELU()
        self.outer = nn.Linear(hidden, channels)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, K, 49]`` to ``[B, C, 7, 7]``."""
        projected: Tensor = self.outer(self.activation(self.inner(bounded_norm(features, self.norm).mT)))
        return projected.mT.unflatten(-1, (MAP_SIZE, MAP_SIZE))


def required_view(views: Mapping[str, Tensor], name: str, shape: Sequence[int | None], specialist: str) -> Tensor:
    """The view ``name``, checked.

    Args:
        views: what the cue module was given.
        name: of the view.
        shape: its sizes after the batch; None is any.
        specialist: whose module asks, for the message.

    Raises:
        KeyError: it is missing.
        ModelError: it has another shape.
    """
    if name not in views:
        given = ", ".join(sorted(views)) or "none"
        raise KeyError(f"the cue module of {specialist} needs the view {name!r}; it was given {given}.")
    view = views[name]
    found = view.shape[1:]
    if len(found) != len(shape) or any(want not in (None, size) for want, size in zip(shape, found, strict=True)):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ModelError(f"the view {name!r} must have the shape [B, {expected}], not {list(view.shape)}.")
    return view
