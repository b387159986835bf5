"""Steps across the face's contour.

The context is sampled along ellipses that are the face's own, larger and smaller, so that a blending mask's edge, which
follows the face, becomes a line of constant radius. A paste leaves a step there that has the same sign all around
(colour, brightness) or a change of sharpness; natural edges come and go with the angle. So each radius is described by
the mean over the angles of the signed difference between the rings outside and inside of it, against the spread of
those differences. Face X-ray (Li et al., CVPR 2020) learns the same boundary from blended images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_bg.regions import Region, broadcast, cells

__all__ = ["ANGLES", "RADII", "FaceBoundaryCue", "polar", "radial_steps"]

RADII = tuple(0.40 + 0.05 * k for k in range(22))
"""Radii of the rings in units of the face's half axes, 0.40 to 1.45."""
ANGLES = 64
_WIDTH = 2
"""Rings on either side that a step is taken between."""
_STEPS = len(RADII) - 2 * _WIDTH + 1
_BANDS = 5
_EPSILON = 2e-3


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


class FaceBoundaryCue(nn.Module):
    """The cue ``face_boundary``: ``[B, channels, 7, 7]``.

    Per radius (19) and signal (luma, two chromas, log sharpness): the mean step over the angles, and the mean over
    their spread, which is its significance. Per cell: local sharpness at two scales and how it differs from the mean of
    the cells around it.
    """

    laplace: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])[None, None] / 4
        self.register_buffer("laplace", kernel, persistent=False)
        self.projection = CueProjection(4 * _STEPS * 2 + _BANDS + 6, channels, hidden=48)

    def forward(self, region: Region) -> Tensor:
        """The cue's part of the map."""
        with torch.no_grad():
            features = self.describe(region)
        out: Tensor = self.projection(features)
        return out

    def describe(self, region: Region) -> Tensor:
        """The operator alone: ``[B, K, 49]``."""
        fine = F.conv2d(F.pad(region.luma, (1, 1, 1, 1), "replicate"), self.laplace)
        half = F.avg_pool2d(region.luma, 2)
        coarse = F.conv2d(F.pad(half, (1, 1, 1, 1), "replicate"), self.laplace)
        energy = torch.cat([fine.square(), F.interpolate(coarse.square(), scale_factor=2)], 1)
        smooth = F.avg_pool2d(energy, 5, 1, 2, count_include_pad=False)
        sharpness = torch.log(smooth + 1e-5)
        rings = polar(torch.cat([region.luma, region.chroma, sharpness], 1), region)
        steps = radial_steps(rings)[:, :4]
        mean, spread = steps.mean(-1), steps.std(-1)
        certain = mean / (spread + _EPSILON)
        bands = rings[:, 3].mean(-1)  # the radial course of sharpness
        course = bands[:, 4::4][:, :_BANDS] - bands.mean(-1, keepdim=True)
        local = cells(torch.cat([sharpness, region.chroma, region.luma, region.mask], 1))
        overall = torch.cat([mean.flatten(1), certain.flatten(1), course], 1)
        return torch.cat([broadcast(overall), local], 1)
