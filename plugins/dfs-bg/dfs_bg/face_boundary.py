"""Steps across the face's contour.

The context is sampled along ellipses that are the face's own, larger and smaller, so that a blending mask's edge, which
follows the face, becomes a line of constant radius. A paste leaves a step there that has the same sign all around
(colour, brightness) or a change of sharpness; natural edges come and go with the angle. So each radius is described by
the mean over the angles of the step between the rings outside and inside of it, and by its coherence: how long the mean
step is beside the mean length of the steps. Face X-ray (Li et al., CVPR 2020) learns the same boundary from blended
images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_bg.regions import Region, broadcast, cells, log_chromaticity

__all__ = ["ANGLES", "RADII", "FaceBoundaryCue", "coherence", "polar", "radial_steps"]

RADII = tuple(0.40 + 0.05 * k for k in range(22))
"""Radii of the rings in units of the face's half axes, 0.40 to 1.45."""
ANGLES = 64
_WIDTH = 2
"""Rings on either side that a step is taken between."""
_STEPS = (len(RADII) - 2 * _WIDTH + 2) // 2
"""Radii at which a step is taken, every second one."""
_GROUPS = ((0, 1), (1, 3), (3, 5), (5, 6), (6, 7))
"""Luma, chroma, log chromaticity, sharpness at two scales: what belongs together as one vector."""
_LOCAL = 6
_EPSILON = 1e-3


def polar(maps: Tensor, region: Region) -> Tensor:
    """``[B, K, S, S]`` along the rings: ``[B, K, 22, 64]``, the first angle to the right, then downwards."""
    angle = torch.arange(ANGLES, device=maps.device) * (2 * math.pi / ANGLES)
    direction = torch.stack([angle.cos(), angle.sin()], -1)  # [64, 2]
    radii = maps.new_tensor(RADII)[:, None, None]
    offset = (radii * direction)[None] * region.axes[:, None, None]
    grid = region.centre[:, None, None] + offset
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def radial_steps(rings: Tensor) -> Tensor:
    """Mean of the two rings outside of each radius minus that of the two inside: ``[B, K, 22, 64]`` to
    ``[B, K, 19, 64]``.
    """
    pairs = (rings[:, :, 1:] + rings[:, :, :-1]) / 2  # [B, K, 21, 64]
    return pairs[:, :, _WIDTH:] - pairs[:, :, :-_WIDTH]


def coherence(steps: Tensor) -> Tensor:
    """Length of the mean step over the mean length of the steps, ``[B, K, R, A]`` to ``[B, R]``: 1 where all A steps
    are one vector, near 0 where they point anywhere.
    """
    return steps.mean(-1).square().sum(1).sqrt() / (steps.square().sum(1).sqrt().mean(-1) + _EPSILON)


class FaceBoundaryCue(nn.Module):
    """The cue ``face_boundary``: ``[B, channels, 7, 7]``.

    Per radius (10) and signal (luma, chroma, log chromaticity, log sharpness at two scales): the mean step over the
    angles, of colours its length, and its coherence. Per cell: sharpness, chroma, luma and the face's share.
    """

    laplace: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])[None, None] / 4
        self.register_buffer("laplace", kernel, persistent=False)
        self.projection = CueProjection(2 * len(_GROUPS) * _STEPS + _LOCAL, channels, hidden=48)

    def forward(self, region: Region) -> Tensor:
        """The cue's part of the map."""
        with torch.no_grad():
            features = self.describe(region)
        out: Tensor = self.projection(features)
        return out

    def describe(self, region: Region) -> Tensor:
        """The operator alone: ``[B, 106, 49]``."""
        fine = F.conv2d(F.pad(region.luma, (1, 1, 1, 1), "replicate"), self.laplace)
        half = F.avg_pool2d(region.luma, 2)
        coarse = F.conv2d(F.pad(half, (1, 1, 1, 1), "replicate"), self.laplace)
        energy = torch.cat([fine.square(), F.interpolate(coarse.square(), scale_factor=2)], 1)
        sharpness = torch.log(F.avg_pool2d(energy, 5, 1, 2, count_include_pad=False) + 1e-5)
        signals = torch.cat([region.luma, region.chroma, log_chromaticity(region.rgb), sharpness], 1)
        steps = radial_steps(polar(signals, region))[:, :, ::2]  # [B, 7, 10, 64]
        steps = F.avg_pool2d(steps, (1, 2))  # neighbouring angles: codec noise is no direction
        overall = []
        for first, last in _GROUPS:
            group = steps[:, first:last]
            mean = group.mean(-1)
            overall += [mean[:, 0] if last - first == 1 else mean.square().sum(1).sqrt(), coherence(group)]
        local = cells(torch.cat([sharpness, region.chroma, region.luma, region.mask], 1))
        return torch.cat([broadcast(torch.cat(overall, 1)), local], 1)
