"""What the four cues read of a sample: luma and chroma in time, weights of face and surround, statistics over time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dfcore.specs import MAP_SIZE

__all__ = ["SUMMARY", "ClipView", "against_surround", "broadcast", "cells", "read_clip", "regularity", "summary"]

CELLS = MAP_SIZE * MAP_SIZE
_FLOOR = 1e-3
SUMMARY = 4
"""Numbers that :func:`summary` makes of a series."""


@dataclass(frozen=True, slots=True)
class ClipView:
    """A batch of sequences.

    Attributes:
        luma: float ``[B, T, 112, 112]``, 0..255.
        chroma: float ``[B, T, 2, 56, 56]``.
        mask: float ``[B, T, 112, 112]``, the face's ellipse.
        face: float ``[B, 49]``, each cell's share of face, mean over time.
        centre: float ``[B, T, 2]``, the ellipse's centre (x, y) in pixels.
    """

    luma: Tensor
    chroma: Tensor
    mask: Tensor
    face: Tensor
    centre: Tensor


def read_clip(sequence: Tensor, mask: Tensor) -> ClipView:
    """``sequence`` uint8 ``[B, T, 3, 112, 112]`` and ``mask`` float ``[B, T, 1, 112, 112]``."""
    luma = sequence[:, :, 0].float()
    chroma = F.avg_pool2d(sequence[:, :, 1:].flatten(0, 1).float(), 2).unflatten(0, sequence.shape[:2])
    ellipse = mask[:, :, 0].float()
    places = torch.arange(ellipse.shape[-1], device=ellipse.device) + 0.5
    total = ellipse.sum((2, 3)).clamp(min=1e-3)
    centre = torch.stack([(ellipse.sum(2) * places).sum(-1), (ellipse.sum(3) * places).sum(-1)], -1) / total[..., None]
    return ClipView(luma, chroma, ellipse, cells(ellipse).mean(1), centre)


def cells(maps: Tensor) -> Tensor:
    """Means over the 49 cells: ``[B, T, S, S]`` to ``[B, T, 49]``."""
    return F.adaptive_avg_pool2d(maps, MAP_SIZE).flatten(2)


def summary(series: Tensor) -> Tensor:
    """How each place's series goes: ``[B, T, N]`` to ``[B, 4, N]``: mean, standard deviation, and how far the largest
    and the least value lie from the median.
    """
    median = series.median(1).values
    return torch.stack([series.mean(1), series.std(1), series.amax(1) - median, median - series.amin(1)], 1)


def against_surround(values: Tensor, face: Tensor) -> Tensor:
    """Mean in the face minus mean outside: ``values`` ``[B, K, 49]``, ``face`` ``[B, 49]``, to ``[B, K]``."""
    inside, outside = ((w + _FLOOR)[:, None] for w in (face, 1 - face))
    return (values * inside).sum(-1) / inside.sum(-1) - (values * outside).sum(-1) / outside.sum(-1)


def regularity(series: Tensor) -> Tensor:
    """Of one series of log changes for a whole clip ``[B, T]``: ``[B, 8]``.

    Its three largest and three least values against the median, its standard deviation, and its mean step from value
    to value. A repeated frame gives a low value, a dropped one a high value, whatever the motion.
    """
    ordered = series.sort(1).values
    median = series.median(1, keepdim=True).values
    spread = torch.cat([ordered[:, -3:] - median, median - ordered[:, :3]], 1)
    steps = series.diff(dim=1).abs().mean(1, keepdim=True)
    return torch.cat([spread, series.std(1, keepdim=True), steps], 1)


def broadcast(values: Tensor) -> Tensor:
    """What holds for the whole clip, in every cell: ``[B, K]`` to ``[B, K, 49]``."""
    return values[..., None].expand(-1, -1, CELLS)
