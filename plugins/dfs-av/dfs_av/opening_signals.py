"""Signals that :mod:`dfs_av.voice_openings` compares, of a batch: openings of the lips, and bands of the voice."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dfs_av.voice_openings import BANDS, EXPECTED, FLOOR, SLOW, WHITENED

__all__ = ["bands_of", "fast_openings", "follows", "whitened"]


def fast_openings(openings: Tensor, present: Tensor) -> Tensor:
    """Openings between inner and between outer lips, without what is slower than 2 s, at deviation 1; 0 where absent.

    Args:
        openings: float ``[B, n, 4]``, in units of the face.
        present: float ``[B, n]``.

    Returns:
        float ``[B, 2, n]``.
    """
    held = (present > 0).to(openings.dtype)[:, None]
    chosen = openings[..., list(EXPECTED)].mT * held
    kernel = torch.ones(1, 1, SLOW, device=openings.device)

    def around(values: Tensor) -> Tensor:
        return F.conv1d(values.flatten(0, 1)[:, None], kernel, padding=SLOW // 2)[:, 0].view_as(values)

    fast = (chosen - around(chosen) / around(held).clamp(min=1)) * held
    spread = (fast.square().sum(-1, keepdim=True) / held.sum(-1, keepdim=True).clamp(min=1)).sqrt()
    return fast / (spread + 1e-3)


def bands_of(mel: Tensor, heard: Tensor) -> Tensor:
    """Log power of 20 mel bands about each point, without their means over the points that are heard; 0 at others.

    Args:
        mel: the view ``log_mel``, ``[B, 80, 4 n]``.
        heard: float ``[B, n]``.

    Returns:
        float ``[B, 20, n]``.
    """
    powers = mel.exp().unflatten(1, (BANDS, -1)).sum(2)
    about = F.avg_pool1d(F.pad(powers, (2, 2), "replicate"), 5, 4)
    level = about.clamp(min=math.exp(FLOOR)).log()
    mask = heard[:, None]
    return (level - (level * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)) * mask


def whitened(series: Tensor) -> Tensor:
    """Each point of ``[..., n]`` less :data:`~dfs_av.voice_openings.WHITENED` of the one before; the first is 0."""
    return F.pad(series[..., 1:] - WHITENED * series[..., :-1], (1, 0))


def follows(held: Tensor) -> Tensor:
    """Where a point of ``[..., n]`` and the one before it are both held."""
    return F.pad(held[..., 1:] * held[..., :-1], (1, 0))
