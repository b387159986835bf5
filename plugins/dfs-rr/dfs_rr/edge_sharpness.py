"""How wide are the sharpest edges, in the face and around it?

Three measures that do not depend on an edge's contrast, weighted so that the sharpest edges speak:

* gradient width: the step's height over its steepest gradient, along rows and columns;
* Crété-Roffet's re-blur measure (SPIE HVEI 2007, eqs. 1-6): the share of the neighbour differences that a strong
  one-dimensional blur takes away;
* the gradient's ratio before and after another blur (Zhuo and Sim, Pattern Recognition 2011, as a ratio of energies).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dfs_rr.window import PER_RATIO, TILE, BlockMean, Operator, Window

__all__ = ["REACH", "EdgeSharpness", "gradient_power", "reblur", "smoothed", "step_width"]

REACH = 9
"""Pixels over which a step is summed up, and length of Crété-Roffet's blur."""
_SIDE = REACH // 2 + 1
_RATIOS = 6


def step_width(tiles: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """``(|step| * |gradient|^3, gradient^4)`` along an axis, for its pixels 5 to 58, both 16 times.

    The gradient is the central difference, the step its sum over 9 pixels. The ratio of the sums is the width of the
    edges in pixels: 2.89 sigma for a step blurred by a Gaussian of sigma.
    """
    size, inner = tiles.shape[dim], tiles.shape[dim] - 2 * _SIDE

    def moved(by: int) -> Tensor:
        return tiles.narrow(dim, _SIDE + by, inner)

    if size <= 2 * _SIDE:
        raise ValueError(f"an axis of {size} pixels is too short; more than {2 * _SIDE} are needed.")
    gradient = moved(1) - moved(-1)
    step = (moved(_SIDE) - moved(-_SIDE)).add_(moved(_SIDE - 1)).sub_(moved(1 - _SIDE))
    step = step.mul_(gradient).abs_()
    square = gradient.square_()
    return step.mul_(square), square.square_()


def reblur(tiles: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """What a mean over 9 pixels takes of each neighbour difference along an axis, and the difference; pixels 5 to 58.

    One minus the ratio of their sums is Crété-Roffet's blur (0 sharp .. 1 blurred).
    """
    inner = tiles.shape[dim] - 2 * _SIDE
    at = [tiles.narrow(dim, _SIDE + by, inner) for by in (-_SIDE, -1, 0, _SIDE - 1)]
    before = (at[2] - at[1]).abs_()
    after = (at[3] - at[0]).abs_()  # nine times the difference of the means: all but the ends cancels
    return torch.sub(before, after, alpha=1 / REACH).clamp_(min=0), before


def smoothed(tiles: Tensor, dilation: int = 1) -> Tensor:
    """Burt and Adelson's 1-4-6-4-1 filter along both axes, taps ``dilation`` apart: ``[n, H, W]``, 4 taps less each.

    Of standard deviation ``dilation`` pixels: four sums of two neighbours make it.
    """
    for dim in (-1, -2):
        for _ in range(4):
            size = tiles.shape[dim] - dilation
            tiles = tiles.narrow(dim, 0, size) + tiles.narrow(dim, dilation, size)
    return tiles.mul_(1 / 256)


def gradient_power(tiles: Tensor) -> Tensor:
    """``|grad|^4`` by central differences: ``[n, H, W]`` to ``[n, H - 2, W - 2]``."""
    across = tiles[:, 1:-1, 2:] - tiles[:, 1:-1, :-2]
    down = tiles[:, 2:, 1:-1] - tiles[:, :-2, 1:-1]
    return (across.square_() + down.square_()).mul_(0.25).square_()


class EdgeSharpness(Operator):
    """The cue ``edge_sharpness``. Fixed; no parameters."""

    descriptors = _RATIOS * PER_RATIO

    def __init__(self) -> None:
        super().__init__()
        whole, inner = range(TILE), range(_SIDE, TILE - _SIDE)
        self.along_rows = BlockMean(whole, inner)
        self.along_columns = BlockMean(inner, whole)
        # A central difference loses a pixel at each end, the first blur two more, the second another four.
        self.levels: Sequence[BlockMean] = nn.ModuleList(  # type: ignore[assignment]
            BlockMean(range(lost, TILE - lost), range(lost, TILE - lost)) for lost in (1, 3, 7)
        )

    def forward(self, window: Window) -> Tensor:
        """Descriptors ``[B, 49, D]``."""
        x = window.pixels
        energy, against = [], []
        for measure, scale in ((step_width, 1 / 16), (reblur, 1.0)):
            for dim, mean in ((-1, self.along_rows), (-2, self.along_columns)):
                top, bottom = measure(x, dim)
                energy.append(mean(top) * scale)
                against.append(mean(bottom) * scale)
        once = smoothed(x)
        images = (x, once, smoothed(once, 2))
        powers = [mean(gradient_power(image)) for mean, image in zip(self.levels, images, strict=True)]
        return window.blocks.compare(
            torch.stack([*energy, *powers[1:]], dim=-1), torch.stack([*against, *powers[:-1]], dim=-1)
        )
