from __future__ import annotations

import numpy as np
import pytest

from dfcore.data.views.lattice import jitter_range, lattice


def test_known_origins() -> None:
    # 448 px: no overlap, every 64; 160 px: six free blocks, one more for each tile; 64 px: all coincide.
    assert lattice(448, 448).columns == (0, 64, 128, 192, 256, 320, 384)
    assert lattice(160, 64).columns == (0, 16, 32, 48, 64, 80, 96)
    assert lattice(160, 64).rows == (0,) * 7
    assert lattice(160, 64).origins[:8].tolist() == [
        [0, 0],
        [16, 0],
        [32, 0],
        [48, 0],
        [64, 0],
        [80, 0],
        [96, 0],
        [0, 0],
    ]


@pytest.mark.parametrize("size", range(64, 1100, 16))
def test_origins_are_on_the_grid_inside_and_spread(size: int) -> None:
    columns = lattice(size, 64).columns
    assert columns[0] == 0
    assert columns[-1] == size - 64
    assert all(x % 16 == 0 for x in columns)
    steps = np.diff(columns)
    assert steps.max() - steps.min() <= 16
    mirrored = [size - 64 - x for x in reversed(columns)]
    assert [a for i, a in enumerate(columns) if i != 3] == [b for i, b in enumerate(mirrored) if i != 3]


def test_tiles_are_the_plane_at_their_origins_whatever_its_memory_layout() -> None:
    plane = np.random.default_rng(0).integers(0, 256, (208, 336), dtype=np.uint8)
    for seen in (plane, plane[:, ::-1], np.rot90(plane), plane[::-1, ::-1]):
        grid = lattice(seen.shape[1], seen.shape[0], (1, -1))
        tiles = grid.tiles(seen)
        assert tiles.shape == (49, 64, 64)
        for (x, y), tile in zip(grid.origins, tiles, strict=True):
            assert (tile == seen[y : y + 64, x : x + 64]).all()


def test_blocks_are_those_under_the_tiles() -> None:
    maps = np.arange(3 * 13 * 21).reshape(3, 13, 21)
    grid = lattice(336, 208)
    blocks = grid.blocks(maps)
    assert blocks.shape == (3, 49, 4, 4)
    for tile, (x, y) in enumerate(grid.origins // 16):
        assert (blocks[:, tile] == maps[:, y : y + 4, x : x + 4]).all()


def test_jitter_moves_by_blocks_and_stays_inside() -> None:
    still, moved = lattice(800, 800), lattice(800, 800, (2, -2))
    assert moved.columns[:-1] == tuple(x + 32 for x in still.columns[:-1])
    assert moved.columns[-1] == still.columns[-1]
    assert moved.rows == (0, *(y - 32 for y in still.rows[1:]))
    assert lattice(64, 64, (1, 1)).columns == (0,) * 7


def test_jitter_range_is_half_a_step() -> None:
    assert [jitter_range(size) for size in (64, 80, 160, 448, 832)] == [0, 1, 1, 2, 4]


@pytest.mark.parametrize("size", [(48, 64), (64, 72), (100, 100)])
def test_impossible_windows_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="holds no tile lattice"):
        lattice(*size)


def test_planes_of_other_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the window"):
        lattice(128, 64).tiles(np.zeros((128, 64), np.uint8))
    with pytest.raises(ValueError, match="not of the window"):
        lattice(128, 64).blocks(np.zeros((8, 4), np.uint8))
