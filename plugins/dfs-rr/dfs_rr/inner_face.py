"""The inner face against its own rim: does the detail end at another scale where a face would be pasted?

A face's rim (cheeks, forehead, jaw) is skin of the same person in the same light and focus, coded alike; a swapped
face seldom reaches it. Compared are ratios of the energies of neighbouring octaves (Burt and Adelson, IEEE Trans. Comm.
1983, eq. 4), so that neither brightness nor contrast counts: what an image that was enlarged lacks is detail *given*
the coarser structure.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dfs_rr.multi_scale import OCTAVES, Pyramid
from dfs_rr.window import CELLS, FLOOR, TILE, BlockMean, Operator, Window

__all__ = ["RATIOS", "InnerFace"]

RATIOS = ((0, 1), (1, 2), (2, 3), (0, 2))
"""Octaves that are compared, finest first."""
_GROUPS = 4
_LEAST = 1e-2
"""Blocks that a part must fill to be told of."""


class InnerFace(Operator):
    """The cue ``inner_face``. Fixed; no parameters."""

    descriptors = 2 * _GROUPS * len(RATIOS) + 2

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = Pyramid()
        pixels = [range(0, TILE, 1 << level) for level in range(OCTAVES)]
        self.block_means: Sequence[BlockMean] = nn.ModuleList(BlockMean(at, at) for at in pixels)  # type: ignore[assignment]

    def forward(self, window: Window) -> Tensor:
        """Descriptors ``[B, 49, 34]``, the same in all cells: once of all blocks alike, once of those with contrast.

        Each time four groups of :data:`RATIOS`' logarithms: of the inner face, of it minus its rim, of it minus the
        surround, of the rim minus the surround. Then 1 or 0 for whether there are an inner face and a rim; without one,
        what it is part of is 0.
        """
        bands = self.pyramid(window.pixels.movedim(0, 1).contiguous())
        energy = torch.stack(
            [mean.of_rows(band.square_()) for mean, band in zip(self.block_means, bands, strict=True)], dim=-1
        )
        inner, rim = (part[..., None] for part in (window.inner, window.rim))
        there = [(part.sum(1) > _LEAST).float() for part in (inner, rim)]
        surround = window.blocks.surround[..., None]
        found = []
        for power in (torch.ones_like(surround), window.blocks.contrast.square()):
            parts = [_ratios(energy, weight * power) for weight in (inner, rim, surround)]
            found += [
                parts[0] * there[0],
                (parts[0] - parts[1]) * there[0] * there[1],
                (parts[0] - parts[2]) * there[0],
                (parts[1] - parts[2]) * there[1],
            ]
        return torch.cat([*found, *there], dim=-1)[:, None].expand(-1, CELLS, -1)


def _ratios(energy: Tensor, weight: Tensor) -> Tensor:
    """Log ratios of octaves over the blocks under ``weight`` ``[B, 784, 1]``: ``[B, 4]``."""
    total = torch.log((energy * weight).sum(1) / (weight.sum(1) + 1e-6) + FLOOR)
    return torch.stack([total[:, fine] - total[:, coarse] for fine, coarse in RATIOS], dim=-1)
