"""Means over the blocks of a frame, as evidence extractors take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import BLOCK

__all__ = ["block_mean"]


def block_mean(values: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean of each 16x16 block: ``[H, W]`` to float32 ``[H/16, W/16]``.

    Sums of integers below 2**24 are exact in float32, in whatever order. A frame at a time stays in the cache.
    """
    height, width = values.shape
    rows = values.reshape(height // BLOCK, BLOCK, width).sum(axis=1, dtype=np.float32)  # whole rows: vectorised
    return rows.reshape(height // BLOCK, width // BLOCK, BLOCK).sum(axis=2) / np.float32(BLOCK * BLOCK)
