"""Traces of enlarging by repetition, and where the spectrum ends.

Neighbouring-pixel relations (Tan et al., NPR, CVPR 2024): x - U(D(x)) with nearest-neighbour D and U keeping the
top-left pixel of each 2x2 (4x4) cell. Their energies are taken apart by position in the cell, and against the same
differences across cells: an enlarged image has a phase.

The azimuthal power spectrum of the Hann-windowed tile, in rings of equal width, and its knee: the frequency from
which on the power falls short of the line that the lower rings draw.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dfs_rr.window import CELLS, FLOOR, PER_RATIO, TILE, BlockMean, Operator, Window

__all__ = ["BANDS", "Upscaling", "across", "band_matrix", "knee", "npr", "npr_wide", "power"]

BANDS = 12
"""Rings of the spectrum between 1/64 and 1/2 cycles per pixel."""
_LOW = 4
"""Rings that the knee's line is drawn through."""
COMPARED = 7
"""The lowest rings, up to 0.3 cycles per pixel, are compared: what lies above is what the codec left of it."""
_NPR = 7
_SHAPE = 2


def npr(tiles: Tensor) -> Tensor:
    """``x - U(D(x))`` in 2x2 cells, by position: ``[n, 64, 64]`` to ``[3, n, 32, 32]``.

    The right, lower and diagonal pixel of each cell minus its top-left one (whose own residual is 0).
    """
    corner = tiles[:, ::2, ::2]
    return torch.stack([tiles[:, ::2, 1::2] - corner, tiles[:, 1::2, ::2] - corner, tiles[:, 1::2, 1::2] - corner])


def npr_wide(tiles: Tensor) -> Tensor:
    """Mean square of ``x - U(D(x))`` in each 4x4 cell: ``[n, 64, 64]`` to ``[n, 16, 16]``."""
    corner = tiles[:, ::4, ::4]
    mean = F.avg_pool2d(tiles[:, None], 4)[:, 0]
    square = F.avg_pool2d(tiles.square()[:, None], 4)[:, 0]
    return square - 2 * corner * mean + corner.square()


def across(tiles: Tensor) -> tuple[Tensor, Tensor]:
    """Differences across the borders of 2x2 cells, to the right ``[n, 32, 31]`` and down ``[n, 31, 32]``."""
    return tiles[:, ::2, 2::2] - tiles[:, ::2, 1:-1:2], tiles[:, 2::2, ::2] - tiles[:, 1:-1:2, ::2]


def power(tiles: Tensor, taper: Tensor) -> Tensor:
    """Power spectrum ``[n, 64, 33]`` of tapered tiles, per pixel of the taper's energy (white noise: its variance)."""
    return torch.fft.rfft2(tiles * taper).abs().square() / taper.square().sum()


def band_matrix() -> Tensor:
    """``[64 * 33, 12]``: sums a half spectrum into rings, both halves counted; white noise fills them by their area."""
    fy = torch.fft.fftfreq(TILE)[:, None]
    fx = torch.fft.rfftfreq(TILE)[None, :]
    radius = torch.hypot(fy, fx).flatten()
    twice = torch.where((fx == 0) | (fx == 0.5), 1.0, 2.0).expand(TILE, -1).flatten()
    edges = torch.linspace(1 / TILE, 0.5, BANDS + 1)
    inside = (radius[:, None] > edges[:-1] - 1e-6) & (radius[:, None] <= edges[1:] + 1e-6)
    return inside * twice[:, None] / TILE**2


def knee(bands: Tensor, density: Tensor) -> Tensor:
    """How the spectrum ends: energies of the lowest n rings ``[..., n]`` and their ``density`` [n] to ``[..., 2]``.

    The line is that of log density over log frequency through the four lowest rings. First the knee in cycles per
    pixel: the bandwidth that is filled as the line foretells (half filled counts half). Then the log of how far the
    rings above fall short of the line, on average.
    """
    edges = torch.linspace(1 / TILE, 0.5, BANDS + 1, device=bands.device)[: bands.shape[-1] + 1]
    x = torch.log((edges[1:] + edges[:-1]) / 2)
    y = torch.log(bands / density + FLOOR)
    lx = x[:_LOW] - x[:_LOW].mean()
    slope = (y[..., :_LOW] * lx).sum(-1, keepdim=True) / lx.square().sum()
    line = y[..., :_LOW].mean(-1, keepdim=True) + slope * (x - x[:_LOW].mean())
    below = (line - y)[..., _LOW:]
    filled = torch.exp(-below.clamp(min=0))
    at = edges[_LOW] + (filled * torch.diff(edges)[_LOW:]).sum(-1)
    return torch.stack([at, below.mean(-1)], dim=-1)


class Upscaling(Operator):
    """The cue ``upscaling``. Fixed; no parameters."""

    descriptors = (_NPR + COMPARED) * PER_RATIO + 2 * _SHAPE
    rings: Tensor
    taper: Tensor

    def __init__(self) -> None:
        super().__init__()
        hann = torch.hann_window(TILE, periodic=True)
        self.register_buffer("rings", band_matrix(), persistent=False)
        self.register_buffer("taper", hann * hann[:, None], persistent=False)
        cells, borders = range(0, TILE, 2), range(2, TILE, 2)
        self.pairs, self.fours = BlockMean(cells, cells), BlockMean(range(0, TILE, 4), range(0, TILE, 4))
        self.right, self.down = BlockMean(cells, borders), BlockMean(borders, cells)

    def forward(self, window: Window) -> Tensor:
        """Descriptors ``[B, 49, D]``."""
        relations = window.blocks.compare(*self._relations(window))
        spectrum = power(window.pixels, self.taper).flatten(1) @ self.rings
        bands = spectrum.unflatten(0, (-1, CELLS))
        ends = window.cells.compare(bands[..., :COMPARED], bands.sum(-1, keepdim=True))
        level = window.cells.unexplained(knee(bands[..., :COMPARED], self.rings.sum(0)[:COMPARED]))
        weight = window.cells.face[..., None] * window.cells.contrast
        face = (level * weight).sum(1, keepdim=True) / (weight.sum(1, keepdim=True) + 1e-3)
        return torch.cat([relations, ends, level, face.expand_as(level)], dim=-1)

    def _relations(self, window: Window) -> tuple[Tensor, Tensor]:
        """Energies ``[B, 784, 7]`` of the neighbouring-pixel relations, and what each is compared with."""
        x, variance = window.pixels, window.variance[..., 0]
        right, down, diagonal = (self.pairs(part.square()) for part in npr(x))
        wide = self.fours(npr_wide(x))
        over_right, over_down = (
            mean(part.square_()) for mean, part in zip((self.right, self.down), across(x), strict=True)
        )
        energy = [right, down, diagonal, wide, right + down, right, down]
        against = [variance, variance, variance, variance, wide, over_right, over_down]
        return torch.stack(energy, dim=-1), torch.stack(against, dim=-1)
