"""Noise residuals of native tiles: does the face come from the same camera and codec as what surrounds it?

Three fixed residuals (second order, its square 3x3 and 5x5 forms; Fridrich and Kodovsky, TIFS 2012) of each tile are
described by their mean size, their spread, their autocorrelation at lags 1 to 4 along both axes, and the energy of
three bands of the tile's spectrum. Texture raises all of them, so what a tile's contrast explains, fitted over the
surround, is taken off. Every tile is then compared with every other (the pairwise self-consistency of PCL, Zhao et al.,
ICCV 2021, on fixed descriptors).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_bg.regions import broadcast, contrast

__all__ = ["KERNELS", "BackgroundConsistencyCue", "autocorrelation", "residuals", "self_consistency", "unexplained"]

LAGS = 4
BANDS = 3
_FLOOR = 1e-2
_EDGE = 2
"""Pixels at a tile's edge that the residuals do not have."""

KERNELS = torch.zeros(3, 1, 5, 5)
"""The SRM residuals: second difference along x, 3x3 and 5x5 squares; each of gain 1 at its centre."""
KERNELS[0, 0, 2, 1:4] = torch.tensor([-0.5, 1.0, -0.5])
KERNELS[1, 0, 1:4, 1:4] = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 4
KERNELS[2, 0] = (
    -torch.tensor([[1.0, -2, 2, -2, 1], [-2, 6, -8, 6, -2], [2, -8, 12, -8, 2], [-2, 6, -8, 6, -2], [1, -2, 2, -2, 1]])
    / -12
)
_DESCRIPTORS = 3 * 2 + 2 * LAGS + BANDS


def residuals(tiles: Tensor) -> Tensor:
    """``[N, 64, 64]`` luma to ``[N, 3, 60, 60]``."""
    return F.conv2d(tiles[:, None], KERNELS.to(tiles))


def autocorrelation(residual: Tensor) -> Tensor:
    """Of ``[N, h, w]``: normalised, at lags 1..4 along x, then along y: ``[N, 8]``."""
    power = residual.square().mean((1, 2)) + _FLOOR
    found = []
    for lag in range(1, LAGS + 1):
        found.append((residual[:, :, lag:] * residual[:, :, :-lag]).mean((1, 2)) / power)
    for lag in range(1, LAGS + 1):
        found.append((residual[:, lag:] * residual[:, :-lag]).mean((1, 2)) / power)
    return torch.stack(found, -1)


def unexplained(values: Tensor, regressor: Tensor, weight: Tensor) -> Tensor:
    """``values`` ``[B, K, 49]`` minus their weighted linear regression on ``regressor`` ``[B, 49]``."""
    share = (weight + 1e-3) / (weight + 1e-3).sum(1, keepdim=True)
    x = regressor - (regressor * share).sum(1, keepdim=True)
    mean = (values * share[:, None]).sum(-1, keepdim=True)
    slope = ((values - mean) * (x * share)[:, None]).sum(-1, keepdim=True)
    slope = slope / ((x.square() * share).sum(1)[:, None, None] + 0.05)
    return values - mean - slope * x[:, None]


def self_consistency(values: Tensor, face: Tensor) -> Tensor:
    """How near each tile lies to the face's tiles and to the surround's, in units of the window's own spread.

    Args:
        values: float ``[B, K, 49]``.
        face: float ``[B, 49]``, each tile's share of face.

    Returns:
        Mean similarity exp(-d^2 / 2K) to the face, to the surround, and their difference: ``[B, 3, 49]``.
    """
    scaled = values / (values.std(-1, keepdim=True) + 1e-3)
    distance = torch.cdist(scaled.mT, scaled.mT).square() / (2 * values.shape[1])
    alike = torch.exp(-distance)  # [B, 49, 49]
    alike = alike - torch.diag_embed(torch.ones_like(face))  # a tile is no witness for itself
    to = []
    for weight in (face, 1 - face):
        raised = weight + 1e-3
        to.append((alike * raised[:, None]).sum(-1) / (raised.sum(-1, keepdim=True) - raised + 1e-3))
    return torch.stack([*to, to[0] - to[1]], 1)


class BackgroundConsistencyCue(nn.Module):
    """The cue ``background_consistency``: ``[B, channels, 7, 7]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(3 * _DESCRIPTORS + 3 + 2, channels, hidden=48)

    def forward(self, tiles: Tensor, tile_face: Tensor) -> Tensor:
        """``tiles`` ``[B, 49, 64, 64]`` and ``tile_face`` ``[B, 49, 4, 4]`` to the cue's part of the map."""
        with torch.no_grad():
            features = self.describe(tiles, tile_face)
        out: Tensor = self.projection(features)
        return out

    def describe(self, tiles: Tensor, tile_face: Tensor) -> Tensor:
        """The operator alone: ``[B, K, 49]``."""
        face = tile_face.mean((-2, -1))
        luma = tiles.flatten(0, 1).float()
        residual = residuals(luma)
        size = torch.log(residual.abs().mean((-2, -1)) + _FLOOR)
        spread = torch.log(residual.square().mean((-2, -1)) + _FLOOR) - 2 * size
        described = torch.cat([size, spread, autocorrelation(residual[:, 1]), _bands(luma)], -1)
        values = described.unflatten(0, face.shape).mT  # [B, K, 49]
        activity = torch.log(luma.var((-2, -1)) + 1.0).unflatten(0, face.shape)
        left = unexplained(values, activity, 1 - face)
        alike = self_consistency(left, face)
        own = torch.stack([activity, face], 1)
        return torch.cat([values, left, broadcast(contrast(left, face)), alike, own], 1)


def _bands(luma: Tensor) -> Tensor:
    """Log energy of three octaves of the spectrum above 1/16 cycle a pixel: ``[N, 64, 64]`` to ``[N, 3]``, relative to
    the whole.
    """
    found, rows = [], luma[:, None]
    for _ in range(BANDS):
        low = F.avg_pool2d(rows, 2)
        detail = rows - F.interpolate(low, scale_factor=2)
        found.append(torch.log(detail.square().mean((1, 2, 3)) + _FLOOR))
        rows = low
    bands = torch.stack(found, -1)
    return bands - bands.mean(-1, keepdim=True)
