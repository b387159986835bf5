"""Shadows: edges of intensity that illumination-invariant chroma does not have.

A shadow dims all colours about alike, so the log ratios R/G and B/G stay (Finlayson et al., TPAMI 2006, before the
projection for coloured light); a change of reflectance moves them. Where a face was lit otherwise than its surround,
the share of such edges, and the direction in which they darken, differ between the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_bg.regions import Region, broadcast, cells, contrast, log_chromaticity

__all__ = ["ShadowCue", "gradients", "shadow_edges"]

_SIDE = 56
_CHROMA = 0.04
"""Chroma gradient at which an edge counts half as shadow: a few times what 8-bit 4:2:0 leaves on flat colour."""
_FLOOR = 1e-4


def gradients(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences along x and y, the edge repeated: ``[B, K, S, S]`` twice."""
    padded = F.pad(maps, (1, 1, 1, 1), "replicate")
    across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    return across, down


def shadow_edges(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of ``rgb`` ``[B, 3, S, S]`` in 0..1: the intensity's gradient (x, y) ``[B, 2, S, S]``, how much of it is
    shadow ``[B, 1, S, S]`` (1 without any change of chroma), and the chroma's gradient magnitude ``[B, 1, S, S]``.
    """
    intensity = torch.log(rgb.mean(1, keepdim=True).clamp(min=0) + 0.02)
    ix, iy = gradients(intensity)
    cx, cy = gradients(log_chromaticity(rgb))
    chroma = (cx.square() + cy.square()).sum(1, keepdim=True).sqrt()
    return torch.cat([ix, iy], 1), 1 / (1 + (chroma / _CHROMA).square()), chroma


class ShadowCue(nn.Module):
    """The cue ``shadow``: ``[B, channels, 7, 7]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(5 * 2 + 4, channels)

    def forward(self, region: Region) -> Tensor:
        """The cue's part of the map."""
        with torch.no_grad():
            features = self.describe(region)
        out: Tensor = self.projection(features)
        return out

    def describe(self, region: Region) -> Tensor:
        """The operator alone: ``[B, 14, 49]``."""
        slope, share, chroma = shadow_edges(F.adaptive_avg_pool2d(region.rgb, _SIDE))
        size = slope.square().sum(1, keepdim=True).sqrt()
        maps = torch.cat([size * share, size * (1 - share), chroma, slope * share], 1)
        local = cells(maps)
        local = torch.cat([torch.log(local[:, :3] + _FLOOR), local[:, 3:]], 1)
        weight = cells(region.mask)[:, 0]
        difference = contrast(local, weight)
        means = cells(maps).mean(-1)
        direction = means[:, 3:] / (means[:, :1] + _FLOOR)
        ratio = torch.log(means[:, :2] + _FLOOR)
        return torch.cat([local, broadcast(torch.cat([difference, direction, ratio], 1))], 1)
