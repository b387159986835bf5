"""Temporal change of native blocks, computed once when a clip is prepared: resizing would blur exact equality away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    y = clip.y.astype(np.int16)
    maps = np.zeros((frames, 3, height // BLOCK, width // BLOCK), np.float32)
    if frames > 1:
        first = np.diff(y, axis=0)
        maps[1:, 0] = _means((first == 0).astype(np.float32))
        maps[1:, 1] = np.log(EPSILON + _means(first.astype(np.float32) ** 2))
        maps[0, :2] = maps[1, :2]
    else:
        maps[:, 0], maps[:, 1] = 1, np.log(EPSILON)
    if frames > 2:
        second = np.diff(y, n=2, axis=0).astype(np.float32)
        maps[2:, 2] = np.log(EPSILON + _means(second**2))
        maps[:2, 2] = maps[2, 2]
    else:
        maps[:, 2] = maps[:, 1]
    return maps.astype(np.float16)


def _means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    frames, height, width = values.shape
    blocks = values.reshape(frames, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return blocks.mean(axis=(2, 4), dtype=np.float32)
