"""Means over blocks."""

from __future__ import annotations

import numpy as np

from dfcore.data.blocks import block_mean


def test_each_block_has_its_own_mean() -> None:
    values = np.kron(np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((16, 16), np.float32))
    assert block_mean(values).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_means_of_squares_of_luma_are_exact() -> None:
    squares = np.random.default_rng(0).integers(0, 65026, (32, 48)).astype(np.float32)
    blocks = squares.astype(np.float64).reshape(2, 16, 3, 16).mean((1, 3))
    assert np.array_equal(block_mean(squares), blocks.astype(np.float32))
