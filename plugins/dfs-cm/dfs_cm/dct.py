"""Block-DCT statistics on the native grid.

A quantiser works on the coefficients of aligned blocks. Coarse quantisation sets high frequencies to zero and makes
small magnitudes of the others rare. Each tile is described by three groups of features:

* log magnitudes of the first frequencies of 8x8 and 4x4 blocks;
* energies of F3-Net's three bands (Qian et al., ECCV 2020);
* histograms of the magnitudes over CAT-Net's 21 bins (Kwon et al., IJCV 2022), soft, so that rounding does not matter.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection
from dfs_cm.comparison import Comparison
from dfs_cm.surround import weighted_mean

__all__ = [
    "BINS",
    "DctCue",
    "band_energies",
    "block_dct",
    "block_logs",
    "dct_matrix",
    "soft_histogram",
    "zigzag",
]

FREQUENCIES = 20
"""AC frequencies of the 8x8 blocks, in zig-zag order: all with i + j <= 5."""
FREQUENCIES_4 = 15
"""All AC frequencies of the 4x4 blocks."""
BINS = 21
"""|c| = 0, 1, ..., 19 and 20 or more."""
DIAGONALS = ((1, 3), (3, 6), (6, 10), (10, 15), (15, 21))
"""Zig-zag positions of the diagonals i + j = 1 ... 5, whose histograms are pooled."""


def dct_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II, float32 ``[size, size]``: row k is the cosine of frequency k."""
    k, n = torch.arange(size, dtype=torch.float64)[:, None], torch.arange(size, dtype=torch.float64)[None]
    matrix = torch.cos(math.pi * (2 * n + 1) * k / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.float()


@lru_cache(maxsize=8)
def zigzag(size: int) -> tuple[tuple[int, int], ...]:
    """(row, column) of all frequencies of a block in JPEG's zig-zag order, DC first (ITU-T T.81, figure 5)."""
    cells = ((i, j) for i in range(size) for j in range(size))
    return tuple(sorted(cells, key=lambda c: (c[0] + c[1], c[0] if (c[0] + c[1]) % 2 else c[1])))


def block_dct(luma: Tensor, size: int = 8) -> Tensor:
    """DCT-II of the aligned blocks of images: C = D B Dᵀ (Parseval: the sum of squares is kept).

    Args:
        luma: ``[..., H, W]``, H and W multiples of ``size``; 128 is taken off, which changes DC only.
        size: side of a block.

    Returns:
        float32 ``[..., size, size, H/size, W/size]``: for each vertical and horizontal frequency the map of its
        coefficient over the blocks.
    """
    height, width = luma.shape[-2:]
    if height % size or width % size:
        raise ValueError(f"an image of {height}x{width} has no whole number of {size}x{size} blocks")
    down, across = height // size, width // size
    blocks = luma.unflatten(-2, (down, size)).unflatten(-1, (across, size))  # [..., down, size, across, size]
    pixels = blocks.movedim((-3, -1), (-4, -3)).flatten(-2).flatten(-3, -2).float() - 128  # [..., size², down·across]
    return (_both_ways(size, luma.device) @ pixels).unflatten(-1, (down, across)).unflatten(-3, (size, size))


def _select(maps: Tensor, first: int, stop: int) -> Tensor:
    """Zig-zag positions ``first`` to ``stop - 1`` of ``[..., s, s, N]``: ``[..., stop - first, N]``."""
    return maps.flatten(-3, -2).index_select(-2, _order(maps.shape[-2], first, stop, maps.device))


# Kept on their device: copying them there at each call would make the host wait for it.


@lru_cache(maxsize=16)
def _both_ways(size: int, device: torch.device) -> Tensor:
    """The 2-D transform of a flattened block, ``[size², size²]``."""
    with torch.inference_mode(False):
        return torch.kron(dct_matrix(size), dct_matrix(size)).to(device)


@lru_cache(maxsize=64)
def _order(size: int, first: int, stop: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor([i * size + j for i, j in zigzag(size)[first:stop]]).to(device)


def block_logs(magnitudes: Tensor, count: int) -> Tensor:
    """Mean log(1 + |C|) of the first AC frequencies in each 16x16 block.

    |C| of 64x64 tiles, ``[B, 49, s, s, h, w]``, to ``[B, count, 784]``, in zig-zag order.
    """
    side = magnitudes.shape[-1] // 4
    logs = _select(magnitudes.flatten(-2), 1, count + 1).log1p()  # [B, 49, count, h * w]
    blocks = logs.unflatten(-1, (4, side, 4, side)).mean((-3, -1))
    return blocks.flatten(-2).transpose(1, 2).flatten(2)


def block_histograms(magnitudes: Tensor) -> Tensor:
    """Histograms of |C| in each 16x16 block, five diagonals: ``[B, 49, 8, 8, 8, 8]`` to ``[B, 105, 784]``."""
    found = []
    for first, stop in DIAGONALS:
        values = _select(magnitudes.flatten(-2), first, stop)  # [B, 49, n, 64]
        blocks = values.unflatten(-1, (4, 2, 4, 2)).movedim((-4, -2), (2, 3))  # [B, 49, 4, 4, n, 2, 2]
        found.append(soft_histogram(blocks.flatten(4)).flatten(1, 3))
    return torch.cat(found, -1).mT


def band_energies(magnitudes: Tensor) -> Tensor:
    """Log mean square of F3-Net's low, mid and high band: ``[..., s, s, h, w]`` to ``[..., 3]``.

    The bands are i + j in (0, s/2.82], (s/2.82, s/2] and (s/2, 2s), DC left out.
    """
    size = magnitudes.shape[-3]
    index = torch.arange(size, device=magnitudes.device)
    total = index[:, None] + index[None]
    masks = torch.stack(
        [(total > 0) & (total <= size / 2.82), (total > size / 2.82) & (total <= size / 2), total > size / 2]
    ).float()
    energy = magnitudes.square().mean((-2, -1))
    return (torch.einsum("...ij,bij->...b", energy, masks) / masks.sum((1, 2)) + 0.05).log()


def soft_histogram(values: Tensor, bins: int = BINS) -> Tensor:
    """Histogram over the last axis with triangular bins centred on 0, 1, ..., bins - 1; the last takes all above.

    A value between two centres is shared between them in proportion, so integers fall whole into their own bin, and
    the bins sum to 1. ``values`` >= 0 ``[..., N]`` to ``[..., bins]``.
    """
    # Counted in whole parts of 1/256: sums of integers come out the same in any order, on any device.
    parts = (values.clamp(max=bins - 1) * 256).round().long()
    low, rest = parts // 256, (parts % 256).int()
    counts = torch.zeros(*values.shape[:-1], bins + 1, dtype=torch.int32, device=values.device)
    counts.scatter_add_(-1, low, 256 - rest).scatter_add_(-1, low + 1, rest)
    return counts[..., :bins].float() / (256 * values.shape[-1])


class DctCue(nn.Module):
    """Block-DCT statistics of native tiles without what the local spectrum explains, cell by cell."""

    def __init__(self, channels: int = 12) -> None:
        super().__init__()
        statistics = FREQUENCIES + FREQUENCIES_4 + BINS * len(DIAGONALS)
        self.projection = CueProjection(statistics + 3 + 1, channels)

    def forward(self, magnitudes: Tensor, magnitudes4: Tensor, blocks: Comparison, share: Tensor) -> Tensor:
        """|C| of 8x8 ``[B, 49, 8, 8, 8, 8]`` and 4x4 blocks ``[B, 49, 4, 4, 16, 16]``, face ``share`` [B, 49]."""
        with torch.no_grad():
            features = self.features(magnitudes, magnitudes4, blocks, share)
        projected: Tensor = self.projection(features)
        return projected

    @staticmethod
    def features(magnitudes: Tensor, magnitudes4: Tensor, blocks: Comparison, share: Tensor) -> Tensor:
        """The operator's output, ``[B, K, 49]``."""
        logs = torch.cat([block_logs(magnitudes, FREQUENCIES), block_logs(magnitudes4, FREQUENCIES_4)], 1)
        fine = blocks.residual(logs)
        shape = blocks.residual(block_histograms(magnitudes))
        energy = weighted_mean(band_energies(magnitudes).mT, 1 - share)
        found = torch.cat([fine, shape], 1)
        cells = found.unflatten(-1, (-1, 16)).mean(-1)
        return torch.cat([cells, energy.expand(-1, -1, cells.shape[-1]), share.unsqueeze(1)], 1)
