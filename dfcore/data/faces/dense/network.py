"""The landmark network: a small convolutional network of depthwise separable blocks (Howard et al., "MobileNets:
Efficient Convolutional Neural Networks for Mobile Vision Applications", arXiv 1704.04861) that regresses all points.

It reads ``[n, 1, 96, 96]`` luma, each square with mean 0 and deviation 1, and gives ``[n, 95, 2]`` in 0..1 of the
square. The last map is flattened, not averaged: where something lies is what is asked.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dfcore.data.faces.dense.points import POINTS

__all__ = ["INPUT", "LandmarkNetwork", "normalised"]

INPUT = 96
"""Side of the square in pixels."""
_BLOCKS = ((48, 2), (48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1))
"""Channels and stride of each block."""
_REDUCED = 32
_HIDDEN = 256
_SHAPES = 48
"""Ways in which faces differ, that the network's answer is made of."""


class LandmarkNetwork(nn.Module):
    """Squares in, points out; 0.4 million weights.

    A face is the mean one (the buffer ``mean [95, 2]``) and a sum of the principal components of faces (``basis
    [48, 190]``, each times its deviation), as in active shape models (Cootes et al. 1995): what is learnt are numbers
    of about the same size, and it is learnt several times as fast.
    """

    mean: Tensor
    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
        width, side = 16, INPUT // 2
        for channels, stride in _BLOCKS:
            layers += [
                nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            width, side = channels, side // stride
        self.features = nn.Sequential(*layers, nn.Conv2d(width, _REDUCED, 1), nn.ReLU(inplace=True))
        self.head = nn.Sequential(
            nn.Linear(_REDUCED * side * side, _HIDDEN), nn.ReLU(inplace=True), nn.Linear(_HIDDEN, _SHAPES)
        )
        self.register_buffer("mean", torch.full((POINTS, 2), 0.5))
        self.register_buffer("basis", torch.zeros(_SHAPES, 2 * POINTS))

    def learn_shapes(self, points: Tensor) -> None:
        """Take mean and components from faces ``[n, 95, 2]``, n at least 48."""
        flat = points.double().flatten(1)
        mean = flat.mean(0)
        _, spread, ways = torch.linalg.svd(flat - mean, full_matrices=False)
        self.mean.copy_(mean.view(POINTS, 2))
        self.basis.copy_(ways[:_SHAPES] * spread[:_SHAPES, None] / len(flat) ** 0.5)

    def fused(self) -> LandmarkNetwork:
        """The same network for evaluation in a third of the time: each normalisation is part of the convolution before
        it, and the channels of a pixel lie together. Its points differ by rounding (1e-7 of the square).
        """
        found, layers = copy.deepcopy(self).eval(), list[nn.Module]()
        for layer in found.features:
            if isinstance(layer, nn.BatchNorm2d):
                layers.append(fuse_conv_bn_eval(cast(nn.Conv2d, layers.pop()), layer))
            else:
                layers.append(layer)
        found.features = nn.Sequential(*layers)
        return found.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, squares: Tensor) -> Tensor:
        """Points float32 ``[n, 95, 2]`` of squares float32 ``[n, 1, 96, 96]`` as :func:`normalised` gives them."""
        found: Tensor = self.head(self.features(squares).flatten(1)) @ self.basis
        return self.mean + found.view(-1, POINTS, 2)


def normalised(squares: Tensor) -> Tensor:
    """Luma ``[n, 96, 96]`` of any type and brightness, as the network reads it."""
    values = squares.float()[:, None]
    deviation = values.std(dim=(1, 2, 3), keepdim=True)
    return (values - values.mean(dim=(1, 2, 3), keepdim=True)) / (deviation + 4.0)
