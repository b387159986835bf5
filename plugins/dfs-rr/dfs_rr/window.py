"""A clip's window as all four cues see it: native tiles, what is face and what is surround, and the confounders.

B is the batch, N the number of places compared within a window: its 784 blocks of 16x16 pixels (49 tiles of 16), or
its 49 tiles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "CELLS",
    "CONFOUNDERS",
    "FLOOR",
    "MARGIN",
    "PER_RATIO",
    "TILE",
    "VIEWS",
    "BlockMean",
    "Operator",
    "Places",
    "Window",
    "WindowReader",
    "ranks",
    "to_cells",
    "without_quantiser",
]

CELLS = 49
TILE = 64
BLOCK = 16
MARGIN = 4
"""Pixels at a tile's edge that no energy is taken from: there the operators see beyond the tile."""
FLOOR = 1 / 12
"""Variance of rounding to whole grey levels: energies below it say nothing."""
CONFOUNDERS = 6
"""The surround's log activity, mean luma, quantiser and whether it is known (the same in all cells: how the clip was
coded, not whether its face is sharper); per cell the share of face and of saturated pixels."""
_QUANTISER = slice(2, 4)
"""Where among them the quantiser and its flag are."""
PER_RATIO = 6
"""Descriptors that :meth:`Places.compare` makes of each ratio."""
_RIDGE = 0.05
_BLACK, _WHITE = 17, 234
"""Luma at or beyond which a pixel is clipped, in either range's headroom."""
VIEWS = ("tiles", "tile_face", "qp")


@dataclass(frozen=True, slots=True)
class Places:
    """Places of a window that are compared with one another.

    Attributes:
        face: float ``[B, N]``, weight as part of the face, 0..1.
        surround: float ``[B, N]``, weight as part of the surround.
        contrast: float ``[B, N, 1]``, variance over the window's mean variance.
        regressors: float ``[B, N, P]``, what a value may depend on without any forgery.
    """

    face: Tensor
    surround: Tensor
    contrast: Tensor
    regressors: Tensor

    def compare(self, energy: Tensor, against: Tensor) -> Tensor:
        """Descriptors of energy ratios, per cell: ``[B, N, K]`` twice (or ``[B, N, 1]``) to ``[B, 49, 6K]``.

        Energies are weighted by squared contrast: a codec wipes out what is faint and leaves strong edges as they
        are, an enlarged image is soft at the strongest of them too. So a face that went through the codec once more
        or less hardly shows here.

        In groups of K: each cell's log ratio without what activity, brightness and quantiser
        explain in the surround; its rank within the window (-1/2..1/2); the log ratio over the face, and the same minus
        that of the surround; both again, weighted by its cube.
        """
        square = self.contrast.square()
        strong, base = energy * square, against * square
        floor = to_cells(square) * FLOOR + 1e-3
        cell = self.unexplained(torch.log((to_cells(strong) + floor) / (to_cells(base) + floor)))
        broad = []
        for power in (square, square * self.contrast):
            face = _pooled(energy, self.face[..., None] * power, against)
            broad += [face, face - _pooled(energy, self.surround[..., None] * power, against)]
        return torch.cat([cell, ranks(cell), torch.cat(broad, dim=-1)[:, None].expand(-1, CELLS, -1)], dim=-1)

    def unexplained(self, cell: Tensor) -> Tensor:
        """``[B, 49, K]`` minus its ridge regression on the regressors, fitted in the surround alone."""
        weight = to_cells(self.surround[..., None]) + 1e-3  # a window full of face is fitted on itself
        weight = weight / weight.sum(1, keepdim=True)
        x = F.pad(to_cells(self.regressors), (1, 0), value=1.0)
        gram = (x * weight).mT @ x
        ridge = torch.full((gram.shape[-1],), _RIDGE, device=x.device)
        ridge[0] = 1e-6
        slopes = torch.linalg.solve_ex(gram + torch.diag(ridge), (x * weight).mT @ cell).result
        return cell - x @ slopes


@dataclass(frozen=True, slots=True)
class Window:
    """What the cues read.

    Attributes:
        pixels: float32 ``[B * 49, 64, 64]``, luma 0..255, each tile's mean removed.
        variance: float ``[B, 784, 1]``, of each block, in squared grey levels.
        blocks, cells: the places of the window, as blocks and as tiles.
        confounders: float ``[B, 49, 6]``.
    """

    pixels: Tensor
    variance: Tensor
    blocks: Places
    cells: Places
    confounders: Tensor


class BlockMean(nn.Module):
    """Means over a tile's sixteen 16x16 blocks, the tile's margin left out, as two small products.

    Args:
        rows: pixel row of each row of the maps to come.
        columns: pixel column of each of their columns.
    """

    down: Tensor
    across: Tensor

    def __init__(self, rows: range = range(TILE), columns: range = range(TILE)) -> None:
        super().__init__()
        self.register_buffer("down", _shares(rows).mT.contiguous(), persistent=False)
        self.register_buffer("across", _shares(columns), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B * 49, len(rows), len(columns)]`` to ``[B, 784]``, block by block, tile by tile."""
        return (self.down @ (maps @ self.across)).reshape(-1, CELLS * (TILE // BLOCK) ** 2)

    def of_rows(self, maps: Tensor) -> Tensor:
        """The same of ``[len(rows), B * 49, len(columns)]``."""
        found = self.down @ (maps @ self.across).flatten(1)  # [4, B * 49 * 4]
        return found.unflatten(1, (-1, TILE // BLOCK)).movedim(0, 1).reshape(-1, CELLS * (TILE // BLOCK) ** 2)


def _shares(pixels: range) -> Tensor:
    at = torch.tensor(list(pixels))
    kept = (at >= MARGIN) & (at < TILE - MARGIN)
    inside = (at[:, None] // BLOCK == torch.arange(TILE // BLOCK)) & kept[:, None]
    return inside / inside.sum(0).float()


class Operator(nn.Module, ABC):
    """A fixed operator: a window to ``descriptors`` numbers for each cell."""

    descriptors: int

    @abstractmethod
    def forward(self, window: Window) -> Tensor:
        """Float32 ``[B, 49, descriptors]``."""


class WindowReader(nn.Module):
    """Makes a :class:`Window` of views."""

    def __init__(self) -> None:
        super().__init__()
        self.block_mean = BlockMean()

    def forward(self, views: Mapping[str, Tensor]) -> Window:
        """Read ``tiles`` uint8 ``[B, 49, 64, 64]``, ``tile_face`` and ``qp`` float32 ``[B, 49, 4, 4]``.

        Raises:
            KeyError: a view is missing; the message names it.
        """
        for name in VIEWS:
            if name not in views:
                raise KeyError(f"the cue module of 'rr' reads the view {name!r}; given: {', '.join(views) or 'none'}.")
        raw = views["tiles"].flatten(0, 1).float()
        pixels = raw - raw.mean(dim=(1, 2), keepdim=True)
        share = views["tile_face"].float().flatten(1)
        mean, offset = self.block_mean(raw), self.block_mean(pixels)
        variance = (self.block_mean(pixels.square()) - offset.square()).clamp(min=0)[..., None]
        saturated = self.block_mean(((raw < _BLACK) | (raw > _WHITE)).float())
        columns = _confounders(variance[..., 0], mean, views["qp"].float().flatten(1), share, saturated)
        regressors = torch.cat([columns[..., :3], columns[..., :1] ** 2], dim=-1)
        cell_share = to_cells(share[..., None])[..., 0]
        contrast = variance / (variance.mean(1, keepdim=True) + FLOOR)
        weight = (1 - cell_share[..., None]) ** 2 + 1e-3
        confounders = to_cells(columns)
        seen = (confounders * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
        return Window(
            pixels=pixels,
            variance=variance,
            blocks=Places(share**2, (1 - share) ** 2, contrast, regressors),
            cells=Places(cell_share**2, (1 - cell_share) ** 2, to_cells(contrast), to_cells(regressors)),
            confounders=torch.cat([seen[..., :4].expand(-1, CELLS, -1), confounders[..., 4:]], dim=-1),
        )


def _confounders(variance: Tensor, mean: Tensor, quantiser: Tensor, share: Tensor, saturated: Tensor) -> Tensor:
    """``[B, 784]`` each to ``[B, 784, 6]``, about centred and of unit spread on ordinary footage."""
    known = (quantiser >= 0).float()
    return torch.stack(
        [
            (torch.log(variance + FLOOR) - 3.0) / 2.0,
            (mean - 110.0) / 50.0,
            known * (quantiser - 26.0) / 8.0,
            known,
            share * 2 - 1,
            saturated,
        ],
        dim=-1,
    )


def without_quantiser(described: Tensor, hidden: Tensor) -> Tensor:
    """Descriptors with the confounders at their end, ``[B, 49, D]``, without the quantiser where ``hidden`` ``[B]``."""
    column = torch.arange(described.shape[-1], device=described.device) - (described.shape[-1] - CONFOUNDERS)
    quantiser = (column >= _QUANTISER.start) & (column < _QUANTISER.stop)
    return described.masked_fill(hidden[:, None, None] & quantiser, 0.0)


def to_cells(values: Tensor) -> Tensor:
    """Means over each tile's blocks: ``[B, 784, K]`` to ``[B, 49, K]``; what is per cell already stays."""
    return values if values.shape[1] == CELLS else values.unflatten(1, (CELLS, -1)).mean(2)


def ranks(cell: Tensor) -> Tensor:
    """Rank of each of 49 cells ``[B, 49, K]`` within its window, from -1/2 (least) to 1/2; ties share theirs.

    Values less than 0.01 apart count as tied in part: tiles that coincide must not be told apart by rounding.
    """
    order = ((cell[:, :, None] - cell[:, None]) * 100).clamp_(-1, 1)
    return order.mean(2) * (CELLS / (CELLS - 1) / 2)


def _pooled(energy: Tensor, weight: Tensor, against: Tensor) -> Tensor:
    """Log ratio of sums over the places under ``weight`` ``[B, N, 1]``: ``[B, K]``."""
    floor = weight.sum(1) * FLOOR + 1e-3
    return torch.log(((energy * weight).sum(1) + floor) / ((against * weight).sum(1) + floor))
