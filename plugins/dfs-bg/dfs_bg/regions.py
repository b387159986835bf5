"""What all four cues read: light and colour of the context, the face's ellipse in it, and weights of face and surround.

Colour is linear combinations of the context's R, G, B in 0..1; ``luma`` is BT.601's, ``chroma`` the differences
R - Y and B - Y. The image is brought to one working size, whatever the face view's size is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD
from dfcore.specs import MAP_SIZE

__all__ = [
    "SIDE",
    "Region",
    "broadcast",
    "cells",
    "contrast",
    "log_chromaticity",
    "polar_coordinates",
    "read_region",
]

SIDE = 112
"""Working size: 16x16 pixels a cell."""
_LUMA = (0.299, 0.587, 0.114)
_DARK = 0.02
"""Added before a logarithm: black has no colour."""
_FLOOR = 1e-3
"""Weight of every place on either side: where one side is empty both means agree, and the contrast is 0."""


@dataclass(frozen=True, slots=True)
class Region:
    """A batch of contexts at the working size.

    Attributes:
        rgb: float ``[B, 3, 112, 112]``, 0..1.
        luma: float ``[B, 1, 112, 112]``.
        chroma: float ``[B, 2, 112, 112]``, R - Y and B - Y.
        mask: float ``[B, 1, 112, 112]``, the face's ellipse, 0..1.
        centre, axes: float ``[B, 2]``, the ellipse's centre and half axes (x, y) in -1..1 of the image.
    """

    rgb: Tensor
    luma: Tensor
    chroma: Tensor
    mask: Tensor
    centre: Tensor
    axes: Tensor


def read_region(context: Tensor, face_mask: Tensor) -> Region:
    """``context`` ``[B, 3, S, S]``, ImageNet-normalised, and ``face_mask`` ``[B, 1, S, S]``."""
    mean, std = (context.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    rgb = _resized(context) * std + mean
    mask = _resized(face_mask)
    luma = (rgb * rgb.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    chroma = torch.cat([rgb[:, :1] - luma, rgb[:, 2:] - luma], 1)
    centre, axes = _ellipse(mask[:, 0])
    return Region(rgb, luma, chroma, mask, centre, axes)


def _resized(image: Tensor) -> Tensor:
    if image.shape[-1] == SIDE:
        return image
    return F.interpolate(image, size=(SIDE, SIDE), mode="bilinear", antialias=image.shape[-1] > SIDE)


def _ellipse(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and half axes of a filled ellipse from its moments: the variance along an axis is a quarter of its half
    axis squared. ``[B, S, S]`` to ``[B, 2]`` twice; of an empty mask, the middle and a third of the image.
    """
    size = mask.shape[-1]
    places = (torch.arange(size, device=mask.device) + 0.5) * 2 / size - 1
    total = mask.sum((1, 2))
    sums = torch.stack([mask.sum(1), mask.sum(2)], 1)  # along x, along y
    weight = total[:, None]  # 0 of an empty mask, whose quotients are replaced below
    centre = (sums @ places) / weight
    spread = (sums * (places - centre[..., None]) ** 2).sum(-1) / weight
    empty = (total < 1)[:, None]
    return centre.masked_fill(empty, 0.0), (2 * spread.clamp(min=1e-4).sqrt()).masked_fill(empty, 1 / 3)


def polar_coordinates(region: Region, side: int) -> tuple[Tensor, Tensor]:
    """Where each place of a ``side`` x ``side`` image lies seen from the face's ellipse, ``[B, side, side]`` each:
    its distance from the middle in half axes (1 on the outline); its angle in -pi..pi (0 right, pi/2 down).
    """
    places = (torch.arange(side, device=region.axes.device) + 0.5) * 2 / side - 1
    x = (places[None, None] - region.centre[:, 0, None, None]) / region.axes[:, 0, None, None]
    y = (places[None, :, None] - region.centre[:, 1, None, None]) / region.axes[:, 1, None, None]
    return torch.hypot(x, y), torch.atan2(*torch.broadcast_tensors(y, x))


def log_chromaticity(rgb: Tensor) -> Tensor:
    """Log R/G and log B/G: ``[B, 3, S, S]`` in 0..1 to ``[B, 2, S, S]``."""
    logs = torch.log(rgb.clamp(min=0) + _DARK)
    return torch.stack([logs[:, 0] - logs[:, 1], logs[:, 2] - logs[:, 1]], 1)


def cells(maps: Tensor) -> Tensor:
    """Means over the 49 cells: ``[B, K, 112, 112]`` (or any multiple of 7) to ``[B, K, 49]``."""
    return F.adaptive_avg_pool2d(maps, MAP_SIZE).flatten(2)


def contrast(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean inside minus outside: ``values`` ``[B, K, N]``, ``weight`` ``[B, N]`` in 0..1, to ``[B, K]``."""
    inside, outside = ((w + _FLOOR)[:, None] for w in (weight, 1 - weight))
    return (values * inside).sum(-1) / inside.sum(-1) - (values * outside).sum(-1) / outside.sum(-1)


def broadcast(values: Tensor) -> Tensor:
    """What holds for the whole image, in every cell: ``[B, K]`` to ``[B, K, 49]``."""
    return values[..., None].expand(-1, -1, MAP_SIZE * MAP_SIZE)
