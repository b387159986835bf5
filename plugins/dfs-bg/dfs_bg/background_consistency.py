"""Noise residuals of native tiles: does the face come from the same camera and codec as what surrounds it?

Three fixed residuals (second order, its square 3x3 and 5x5 forms; Fridrich and Kodovsky, TIFS 2012) of each tile are
described by their mean size, their spread and their autocorrelation at lags 1 to 4 along both axes, and the tile by the
energies of four octaves. Texture raises all of them, so what a tile's contrast explains, fitted over the
surround, is taken off. Every tile is then compared with every other (the pairwise self-consistency of PCL, Zhao et al.,
ICCV 2021, on fixed descriptors).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection
from dfs_bg.regions import broadcast, contrast
from dfs_bg.texture import OCTAVES, TEXTURE, octaves, texture

__all__ = ["KERNELS", "BackgroundConsistencyCue", "autocorrelation", "residuals", "self_consistency", "unexplained"]

LAGS = 4
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
_DESCRIPTORS = 3 * 2 + 2 * LAGS + OCTAVES


def residuals(tiles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What :data:`KERNELS` make of ``[N, 64, 64]`` luma, each ``[N, 60, 60]``.

    Taken apart, which costs a twentieth of the convolution on a CPU: with s = (-1, 2, -1), the first is s along x, the
    second s along both axes, and the third a sum of five of the second's values, at the centre (twice) and its diagonal
    neighbours.
    """
    along = (2 * tiles[..., 1:-1]).sub_(tiles[..., :-2]).sub_(tiles[..., 2:])
    both = (2 * along[..., 1:-1, :]).sub_(along[..., :-2, :]).sub_(along[..., 2:, :])  # [N, 62, 62]
    middle = both[..., 1:-1, 1:-1]
    rows = both[..., :-2, :] + both[..., 2:, :]
    third = (rows[..., :-2] + rows[..., 2:]).add_(middle, alpha=2)
    edge = slice(_EDGE, -_EDGE)
    return along[..., edge, 1:-1] / 2, middle / 4, third.div_(12)


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
        self.projection = CueProjection(3 * _DESCRIPTORS + TEXTURE + 3 + 2, channels, hidden=48)

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
        found = residuals(luma)
        size = torch.log(torch.stack([one.abs().mean((-2, -1)) for one in found], -1) + _FLOOR)
        power = torch.stack([one.square().mean((-2, -1)) for one in found], -1)
        spread = torch.log(power + _FLOOR) - 2 * size
        energy = octaves(luma)  # [B * 49, 4, 4, 4]
        bands = torch.log(energy.mean((-2, -1)) + _FLOOR)
        bands = bands - bands.mean(-1, keepdim=True)
        described = torch.cat([size, spread, autocorrelation(found[1]), bands], -1)
        values = described.unflatten(0, face.shape).mT  # [B, K, 49]
        variance = luma.square().mean((-2, -1)) - luma.mean((-2, -1)).square()
        activity = torch.log(variance.clamp(min=0) + 1.0).unflatten(0, face.shape)
        left = unexplained(values, activity, 1 - face)
        alike = self_consistency(left, face)
        own = torch.stack([activity, face], 1)
        whole = torch.cat([contrast(left, face), texture(energy.unflatten(0, face.shape), tile_face)], 1)
        return torch.cat([values, left, broadcast(whole), alike, own], 1)
