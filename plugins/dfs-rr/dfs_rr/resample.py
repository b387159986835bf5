"""Resampling and smoothing of one axis of a tile, as matrices: ``y = M @ x``; both axes are ``M @ x @ M.T``.

All are float32 and act on the axis as a whole, so nothing loops over pixels and one small product does a tile.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["area_down", "bicubic_up", "binomial", "down_up", "pyramid_step"]

KEYS = -0.5
"""The free parameter of Keys' cubic kernel; -1/2 makes it third-order accurate."""


def area_down(size: int, small: int) -> Tensor:
    """``[small, size]``: each output pixel is the mean of the stretch of input that it covers."""
    step = size / small
    left = torch.arange(small, dtype=torch.float64)[:, None] * step
    pixel = torch.arange(size, dtype=torch.float64)[None, :]
    overlap = torch.minimum(left + step, pixel + 1) - torch.maximum(left, pixel)
    return (overlap.clamp(min=0) / step).float()


def bicubic_up(small: int, size: int) -> Tensor:
    """``[size, small]``: Keys' cubic convolution (IEEE TASSP 1981, eq. 15), pixel centres aligned, edge repeated."""
    centre = (torch.arange(size, dtype=torch.float64) + 0.5) * small / size - 0.5
    first = centre.floor()
    matrix = torch.zeros(size, small, dtype=torch.float64)
    for tap in range(-1, 3):
        weight = _keys((centre - first - tap).abs())
        column = (first + tap).clamp(0, small - 1).long()
        matrix.scatter_add_(1, column[:, None], weight[:, None])
    return matrix.float()


def _keys(t: Tensor) -> Tensor:
    near = (KEYS + 2) * t**3 - (KEYS + 3) * t**2 + 1
    far = KEYS * (t**3 - 5 * t**2 + 8 * t - 4)
    return torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


def down_up(size: int, scale: float) -> Tensor:
    """``[size, size]``: reduced to ``round(scale * size)`` by area and enlarged again by bicubic interpolation."""
    small = round(scale * size)
    return bicubic_up(small, size) @ area_down(size, small)


def binomial(size: int, dilation: int = 1) -> Tensor:
    """``[size, size]``: Burt and Adelson's 1-4-6-4-1 filter, taps ``dilation`` apart, the signal mirrored at its ends.

    Its standard deviation is ``dilation`` pixels.
    """
    matrix = torch.zeros(size, size)
    row = torch.arange(size)
    for tap, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
        column = row + tap * dilation
        column = torch.where(column < 0, -1 - column, column)
        column = torch.where(column >= size, 2 * size - 1 - column, column)
        matrix.scatter_add_(1, column[:, None], torch.full((size, 1), weight / 16))
    return matrix


def pyramid_step(size: int) -> tuple[Tensor, Tensor]:
    """Burt and Adelson's REDUCE ``[size/2, size]`` and EXPAND ``[size, size/2]``; EXPAND keeps a constant."""
    smooth = binomial(size)
    expand = smooth[:, ::2]
    return smooth[::2].contiguous(), expand / expand.sum(1, keepdim=True)
