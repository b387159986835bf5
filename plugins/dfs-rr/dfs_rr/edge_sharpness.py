"""How wide are the sharpest edges, in the face and around it?

Three measures that do not depend on an edge's contrast, weighted so that the sharpest edges speak:

* gradient width: the step's height over its steepest gradient, along rows and columns;
* Crété-Roffet's re-blur measure (SPIE HVEI 2007, eqs. 1-6): the share of the neighbour differences that a strong
  one-dimensional blur takes away;
* the gradient's ratio before and after another blur (Zhuo and Sim, Pattern Recognition 2011, as a ratio of energies).
"""

from __future__ import annotations

import torch
from torch import Tensor

from dfs_rr.resample import binomial
from dfs_rr.window import PER_RATIO, TILE, BlockMean, Operator, Window

__all__ = ["REACH", "EdgeSharpness", "gradient_power", "reblur", "step_width"]

REACH = 9
"""Pixels over which a step is summed up, and length of Crété-Roffet's blur."""
_SIDE = REACH // 2 + 1
_RATIOS = 6


def step_width(tiles: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """``(|step| * |gradient|^3, gradient^4)`` along an axis, for its pixels 5 to 58.

    The gradient is the central difference, the step its sum over 9 pixels. The ratio of the sums is the width of the
    edges in pixels: 2.89 sigma for a step blurred by a Gaussian of sigma.
    """
    size, inner = tiles.shape[dim], tiles.shape[dim] - 2 * _SIDE

    def moved(by: int) -> Tensor:
        return tiles.narrow(dim, _SIDE + by, inner)

    if size <= 2 * _SIDE:
        raise ValueError(f"an axis of {size} pixels is too short; more than {2 * _SIDE} are needed.")
    gradient = (moved(1) - moved(-1)) / 2
    step = (moved(_SIDE) + moved(_SIDE - 1) - moved(1 - _SIDE) - moved(-_SIDE)) / 2
    square = gradient.square()
    return (step * gradient).abs_() * square, square.square()


def reblur(tiles: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """What a mean over 9 pixels takes of each neighbour difference along an axis, and the difference; pixels 5 to 58.

    One minus the ratio of their sums is Crété-Roffet's blur (0 sharp .. 1 blurred).
    """
    inner = tiles.shape[dim] - 2 * _SIDE
    at = [tiles.narrow(dim, _SIDE + by, inner) for by in (-_SIDE, -1, 0, _SIDE - 1)]
    before = (at[2] - at[1]).abs_()
    after = (at[3] - at[0]).abs_()  # nine times the difference of the means: all but the ends cancels
    return torch.sub(before, after, alpha=1 / REACH).clamp_(min=0), before


def gradient_power(tiles: Tensor) -> Tensor:
    """``|grad|^4`` by central differences: ``[n, H, W]`` to ``[n, H - 2, W - 2]``."""
    across = tiles[:, 1:-1, 2:] - tiles[:, 1:-1, :-2]
    down = tiles[:, 2:, 1:-1] - tiles[:, :-2, 1:-1]
    return (across.square_() + down.square_()).mul_(0.25).square_()


class EdgeSharpness(Operator):
    """The cue ``edge_sharpness``. Fixed; no parameters."""

    descriptors = _RATIOS * PER_RATIO
    once: Tensor
    twice: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("once", binomial(TILE), persistent=False)
        self.register_buffer("twice", binomial(TILE, 2), persistent=False)
        whole, inner = range(TILE), range(_SIDE, TILE - _SIDE)
        self.along_rows = BlockMean(whole, inner)
        self.along_columns = BlockMean(inner, whole)
        self.both = BlockMean(range(1, TILE - 1), range(1, TILE - 1))

    def forward(self, window: Window) -> Tensor:
        """Descriptors ``[B, 49, D]``."""
        x = window.pixels
        energy, against = [], []
        for measure in (step_width, reblur):
            for dim, mean in ((-1, self.along_rows), (-2, self.along_columns)):
                top, bottom = measure(x, dim)
                energy.append(mean(top))
                against.append(mean(bottom))
        smooth = self.once @ (x @ self.once.mT)
        levels = (x, smooth, self.twice @ (smooth @ self.twice.mT))
        powers = [self.both(gradient_power(level)) for level in levels]
        return window.blocks.compare(
            torch.stack([*energy, *powers[1:]], dim=-1), torch.stack([*against, *powers[:-1]], dim=-1)
        )
