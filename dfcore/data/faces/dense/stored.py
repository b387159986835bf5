"""Dense landmarks as they are stored: int16, in eighths of a pixel from a middle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_stored", "to_stored"]

STEPS = 8
"""Steps per pixel. An image of up to 8,191 pixels has all its points within int16's range."""

Floats = NDArray[np.floating[Any]]


def to_stored(points: Floats, middle: tuple[float, float]) -> NDArray[np.int16]:
    """Points ``[..., 2]`` in pixels as int16; those more than 4,095 pixels from ``middle`` are held there."""
    steps = np.rint((np.asarray(points, np.float64) - middle) * STEPS)
    return steps.clip(-32768, 32767).astype(np.int16)


def from_stored(points: NDArray[np.int16], middle: tuple[float, float]) -> NDArray[np.float32]:
    """The inverse of :func:`to_stored`, exact to a sixteenth of a pixel."""
    return (points.astype(np.float32) / STEPS + np.asarray(middle, np.float32)).astype(np.float32)
