"""Temporal change of native blocks, computed once when a clip is prepared: resizing would blur exact equality away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfcore.data.blocks import block_mean
from dfcore.data.clips import BLOCK, Clip

__all__ = ["EPSILON", "extract_change"]

EPSILON = 0.05
"""Squared luma levels: about the rounding error of a decoded pixel, 1/12."""


def extract_change(clip: Clip) -> NDArray[np.float16]:
    """The evidence ``change``: float16 ``[T, 3, H/16, W/16]``.

    Channel 0: share of the block's luma pixels that are exactly those of the frame before. 1: log mean squared
    difference to the frame before. 2: log mean squared second difference ``y[t] - 2 y[t-1] + y[t-2]``. The first frame
    (first two for channel 2) repeats the next.
    """
    frames, height, width = clip.y.shape
    maps = np.zeros((frames, 3, height // BLOCK, width // BLOCK), np.float32)
    if frames == 1:
        maps[:, 0], maps[:, 1:] = 1, np.log(EPSILON)
        return maps.astype(np.float16)
    before: NDArray[np.int16] | None = None
    for t in range(1, frames):  # a frame at a time stays in the cache
        change = clip.y[t].astype(np.int16) - clip.y[t - 1]
        maps[t, 0] = block_mean((change == 0).view(np.uint8))
        maps[t, 1] = _energy(change)
        if before is not None:
            maps[t, 2] = _energy(change - before)
        before = change
    maps[0, :2] = maps[1, :2]
    maps[:2, 2] = maps[2, 2] if frames > 2 else maps[:, 1]
    return maps.astype(np.float16)


def _energy(change: NDArray[np.int16]) -> NDArray[np.float32]:
    """The log mean square of each block."""
    values = change.astype(np.float32)
    values *= values
    return np.log(EPSILON + block_mean(values))
