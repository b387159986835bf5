"""Noise residuals of native tiles: does the face come from the same camera and codec as what surrounds it?

Three fixed residuals are computed: second order, and its square 3x3 and 5x5 forms (Fridrich and Kodovsky, TIFS 2012).
Each tile is described by their mean size, their spread, their autocorrelation at lags 1 to 4 along both axes, and the
energies of four octaves. Texture raises all of them, so what a tile's contrast explains is subtracted, with a fit on
the surround. Every tile is then compared with every other (the pairwise self-consistency of PCL, Zhao et al., ICCV
2021, on fixed descriptors).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_bg.regions import broadcast, contrast
from dfs_bg.texture import OCTAVES, TEXTURE, octaves, texture

__all__ = ["KERNELS", "BackgroundConsistencyCue", "autocorrelation", "residuals", "self_consistency", "unexplained"]

LAGS = 4
_FLOOR = 1e-2
_SIDE = 64
"""Of a tile, in pixels."""
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
_AT_ONCE = 49
"""Tiles that are read together on a CPU: what is made of them in between stays in its cache, twice as fast."""
_DESCRIPTORS = 3 * 2 + 2 * LAGS + OCTAVES


def residuals(tiles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What :data:`KERNELS` make of ``[N, 64, 64]`` luma, each ``[N, 60, 60]``.

    Taken apart, which costs a tenth of the convolution on a CPU: with s = (-1, 2, -1), the first is s along x, the
    second s along both axes, and the third a sum of five of the second's values, at the centre (twice) and its diagonal
    neighbours. All tiles are one long row meanwhile, so that a neighbour is a fixed step away and every sum runs
    through memory once; what it makes across the tiles' edges lies outside of the 60x60 that are returned.
    """
    if is_compiling():
        gain = torch.tensor([2.0, 4.0, 12.0], device=tiles.device)  # with it all kernels are whole, and sums exact
        kernels = (KERNELS.to(tiles.device) * gain[:, None, None, None]).round()
        first, second, last = (F.conv2d(tiles[:, None], kernels) / gain[:, None, None]).unbind(1)
        return first, second, last
    row = tiles.reshape(-1)
    along = (2 * row[1:-1]).sub_(row[:-2]).sub_(row[2:])  # of the pixels from number 1 on
    both = (2 * along[_SIDE:-_SIDE]).sub_(along[: -2 * _SIDE]).sub_(along[2 * _SIDE :])  # from number 65
    beside = both[: -2 * _SIDE] + both[2 * _SIDE :]
    third = (beside[:-2] + beside[2:]).add_(both[_SIDE + 1 : -_SIDE - 1], alpha=2)  # from number 130, at (2, 2)
    shape, strides = (len(tiles), *(_SIDE - 2 * _EDGE,) * 2), (_SIDE * _SIDE, _SIDE, 1)
    found = ((along, 2 * _SIDE + 1, 2), (both, _SIDE + 1, 4), (third, 0, 12))
    first, second, last = (values.as_strided(shape, strides, skip) / gain for values, skip, gain in found)
    return first, second, last


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
        described, energy, activity = _read_tiles(tiles)
        values = described.mT  # [B, K, 49]
        left = unexplained(values, activity, 1 - face)
        alike = self_consistency(left, face)
        own = torch.stack([activity, face], 1)
        whole = torch.cat([contrast(left, face), texture(energy, tile_face)], 1)
        return torch.cat([values, left, broadcast(whole), alike, own], 1)

    @staticmethod
    def unexplained_descriptors(tiles: Tensor, tile_face: Tensor) -> Tensor:
        """What contrast does not explain of each tile's descriptors, by a fit on the surround: ``[B, K, 49]``; the
        first is the log mean size of the second differences along x.
        """
        described, _, activity = _read_tiles(tiles)
        return unexplained(described.mT, activity, 1 - tile_face.mean((-2, -1)))


def _read_tiles(tiles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`_read` of uint8 ``[B, 49, 64, 64]``, each with ``[B, 49, ...]``."""
    rows = tiles.flatten(0, 1)
    parts = rows.split(_AT_ONCE) if rows.device.type == "cpu" and not is_compiling() else (rows,)
    described, energy, activity = (
        torch.cat(found).unflatten(0, tiles.shape[:2]) for found in zip(*map(_read, parts), strict=True)
    )
    return described, energy, activity


def _read(tiles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of uint8 ``[N, 64, 64]``: descriptors ``[N, 21]``, block energies by octave ``[N, 4, 4, 4]``, and log contrast
    ``[N]``.
    """
    luma = tiles.float()
    found = residuals(luma)
    size = torch.log(torch.stack([one.abs().mean((-2, -1)) for one in found], -1) + _FLOOR)
    power = torch.stack([one.square().mean((-2, -1)) for one in found], -1)
    spread = torch.log(power + _FLOOR) - 2 * size
    energy = octaves(luma)
    bands = torch.log(energy.mean((-2, -1)) + _FLOOR)
    bands = bands - bands.mean(-1, keepdim=True)
    # Not the mean of squares minus the square of the mean: of flat, bright tiles that is a few hundredths of rounding.
    variance = (luma - luma.mean((-2, -1), keepdim=True)).square().mean((-2, -1))
    activity = torch.log(variance + 1.0)
    return torch.cat([size, spread, autocorrelation(found[1]), bands], -1), energy, activity
