"""The tile lattice: 7x7 tiles of 64x64 luma pixels, spread over a clip's window, never resampled.

Every origin lies on the 16-pixel macroblock grid, so each tile holds whole blocks: 4x4 of the block maps (quantiser,
evidence, share of face) belong to it. Each tile feeds one cell of the 7x7 cue map. In a window smaller than 448 pixels
tiles overlap; in one of 64 all coincide; a larger one is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from dfcore.data.clips import BLOCK
from dfcore.specs import MAP_SIZE

__all__ = ["TILE", "TILES", "TILE_BLOCKS", "Lattice", "jitter_range", "lattice"]

TILE = 64
"""Side of a tile in luma pixels."""
TILE_BLOCKS = TILE // BLOCK
"""Side of a tile in 16x16 blocks."""
TILES = MAP_SIZE * MAP_SIZE


def _offsets(size: int, jitter: int) -> list[int]:
    """Seven tile origins along an axis of ``size`` pixels, in blocks: evenly spread from edge to edge.

    The second half mirrors the first, so that a mirrored window has the mirrored lattice (but for the middle tile of
    an axis with an odd number of free blocks).
    """
    free = size // BLOCK - TILE_BLOCKS
    last = MAP_SIZE - 1
    half = [(2 * i * free + last) // (2 * last) for i in range(MAP_SIZE // 2)]
    spread = [*half, free // 2, *(free - offset for offset in reversed(half))]
    return [min(max(offset + jitter, 0), free) for offset in spread]


def jitter_range(size: int) -> int:
    """How many blocks a lattice may be moved along an axis of ``size`` pixels: half the distance of two tiles."""
    free = size // BLOCK - TILE_BLOCKS
    return min(free, max(1, free // (2 * (MAP_SIZE - 1))))


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where the 49 tiles of one window lie, row by row.

    Attributes:
        width, height: the window, in luma pixels.
        columns, rows: x and y of the seven columns' and rows' first pixels, multiples of 16.
    """

    width: int
    height: int
    columns: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def origins(self) -> NDArray[np.intp]:
        """(x, y) of each tile's first pixel, int ``[49, 2]``."""
        return np.array([(x, y) for y in self.rows for x in self.columns], dtype=np.intp)

    def mirrored(self) -> Lattice:
        """The lattice of the mirrored window whose tiles, each mirrored, are these tiles in the same order."""
        return replace(self, columns=tuple(self.width - TILE - x for x in self.columns))

    def tiles(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The tiles of a luma plane uint8 ``[H, W]``: uint8 ``[49, 64, 64]``, a copy."""
        if plane.shape != (self.height, self.width):
            raise ValueError(f"a plane of {list(plane.shape)} is not of the window {self.height}x{self.width}")
        down, across = plane.strides
        every = as_strided(  # all tiles on the grid, [H/16 - 3, W/16 - 3, 64, 64], without a copy
            plane,
            (self.height // BLOCK - TILE_BLOCKS + 1, self.width // BLOCK - TILE_BLOCKS + 1, TILE, TILE),
            (BLOCK * down, BLOCK * across, down, across),
            writeable=False,
        )
        rows = np.array(self.rows)[:, None] // BLOCK
        return every[rows, np.array(self.columns) // BLOCK].reshape(TILES, TILE, TILE)

    def blocks(self, maps: NDArray) -> NDArray:
        """The tiles of block maps ``[..., H/16, W/16]``: ``[..., 49, 4, 4]``, a copy."""
        if maps.shape[-2:] != (self.height // BLOCK, self.width // BLOCK):
            raise ValueError(f"block maps of {list(maps.shape)} are not of the window {self.height}x{self.width}")
        index = _block_index(self.width // BLOCK, self.columns, self.rows)
        return maps.reshape(*maps.shape[:-2], -1).take(index, axis=-1)


@lru_cache(maxsize=1024)
def _block_index(across: int, columns: tuple[int, ...], rows: tuple[int, ...]) -> NDArray[np.intp]:
    """Places ``[49, 4, 4]`` of each tile's blocks in a flattened block map that is ``across`` blocks wide."""
    inside = np.arange(TILE_BLOCKS)
    y = (np.array(rows)[:, None] // BLOCK + inside)[:, None, :, None]  # [7, 1, 4, 1]
    x = (np.array(columns)[:, None] // BLOCK + inside)[None, :, None, :]  # [1, 7, 1, 4]
    index = (y * across + x).reshape(TILES, TILE_BLOCKS, TILE_BLOCKS)
    index.setflags(write=False)
    return index


def lattice(width: int, height: int, jitter: tuple[int, int] = (0, 0)) -> Lattice:
    """The lattice of a window of ``width`` x ``height`` luma pixels, both multiples of 16 and at least 64.

    Args:
        width: the upright window's width.
        height: its height.
        jitter: (x, y) by which all tiles are moved, in blocks; origins stay inside the window.

    Raises:
        ValueError: the window is smaller than a tile, or off the 16-pixel grid.
    """
    if min(width, height) < TILE or width % BLOCK or height % BLOCK:
        raise ValueError(
            f"a window of {width}x{height} px holds no tile lattice: multiples of {BLOCK}, at least {TILE}, are needed."
        )
    columns, rows = (
        tuple(BLOCK * offset for offset in _offsets(size, move))
        for size, move in zip((width, height), jitter, strict=True)
    )
    return Lattice(width, height, columns, rows)
