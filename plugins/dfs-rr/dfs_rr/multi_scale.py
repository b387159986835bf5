"""The scale ladder and a Laplacian pyramid: at what scale does the image stop holding anything?

The scale ladder reduces a tile by s and enlarges it again. What is lost, as a share of what was there,

    R(s) = |up(down(x)) - x|^2 / |x - mean(x)|^2,   s in .9, .8, .7, .6, .5, .4,

is small down to s = 1/xi for an image that was once enlarged by xi: its finer scales are empty. The pyramid
(Burt and Adelson, IEEE Trans. Comm. 1983, eq. 4) measures the energy of four octaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dfs_rr.resample import down_up, pyramid_step
from dfs_rr.window import MARGIN, PER_RATIO, TILE, BlockMean, Operator, Window

__all__ = ["OCTAVES", "SCALES", "MultiScale", "Pyramid", "ladder"]

SCALES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
OCTAVES = 4


def ladder(rows: Tensor, operators: Tensor, margin: int = 0) -> list[Tensor]:
    """What each of S operators changes in tiles: ``[64, n, 64]`` and ``[S, 64, 64]`` to S times ``[64, n, 64]``.

    With a ``margin`` the tiles' outermost pixels are left out: S times ``[64 - 2 margin, n, 64 - 2 margin]``.
    """
    inner = slice(margin, rows.shape[0] - margin)
    operators = operators[:, inner]
    down = (operators.flatten(0, 1) @ rows.flatten(1)).unflatten(0, operators.shape[:2])
    kept = rows[inner, :, inner].contiguous()
    return [_minus(kept, part, m) for part, m in zip(down, operators, strict=True)]


def _minus(rows: Tensor, down: Tensor, matrix: Tensor) -> Tensor:
    """``down @ matrix.T - rows`` in one pass; ``down`` may be ``[64, n * k]``."""
    flat = torch.addmm(rows.flatten(0, 1), down.reshape(-1, matrix.shape[1]), matrix.mT, beta=-1)
    return flat.view(rows.shape)


class Pyramid(nn.Module):
    """Band-pass images, each half the size of the last."""

    def __init__(self) -> None:
        super().__init__()
        for level in range(OCTAVES):
            reduce, expand = pyramid_step(TILE >> level)
            self.register_buffer(f"reduce{level}", reduce, persistent=False)
            self.register_buffer(f"expand{level}", expand, persistent=False)

    def forward(self, rows: Tensor) -> list[Tensor]:
        """``[64, n, 64]`` to four images, finest first: ``[64, n, 64]``, ``[32, n, 32]``, ..."""
        bands = []
        for level in range(OCTAVES):
            reduce, expand = self.get_buffer(f"reduce{level}"), self.get_buffer(f"expand{level}")
            smaller = (reduce @ rows.flatten(1)).unflatten(1, rows.shape[1:]) @ reduce.mT
            bands.append(_minus(rows, expand @ smaller.flatten(1), expand))
            rows = smaller
        return bands


class MultiScale(Operator):
    """The cue ``multi_scale``. Fixed; no parameters.

    Tiles are laid out with their rows first, ``[64, n, 64]``: then a matrix acts on either axis of all of them in one
    large product.
    """

    descriptors = (len(SCALES) + OCTAVES) * PER_RATIO
    operators: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("operators", torch.stack([down_up(TILE, s) for s in SCALES]), persistent=False)
        self.pyramid = Pyramid()
        inner = range(MARGIN, TILE - MARGIN)
        self.inner = BlockMean(inner, inner)
        pixels = [range(0, TILE, 1 << level) for level in range(OCTAVES)]
        self.block_means: Sequence[BlockMean] = nn.ModuleList(BlockMean(at, at) for at in pixels)  # type: ignore[assignment]

    def forward(self, window: Window) -> Tensor:
        """Descriptors ``[B, 49, D]``."""
        rows = window.pixels.movedim(0, 1).contiguous()
        lost = [self.inner.of_rows(part.square_()) for part in ladder(rows, self.operators, MARGIN)]
        bands = self.pyramid(rows)
        octaves = [mean.of_rows(band.square_()) for mean, band in zip(self.block_means, bands, strict=True)]
        return window.blocks.compare(torch.stack([*lost, *octaves], dim=-1), window.variance)
