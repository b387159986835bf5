"""A clip's window made small: what the view ``sequence`` shows, computed once from the planes and then kept.

Sixteen frames of a close-up are 13 MB as they were decoded, and 0.6 MB so. A clip in memory and one in a store give the
same bits, for both are made here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["SEQUENCE_SIDE", "reduced"]

SEQUENCE_SIDE = 112
"""Side of the frames of a sequence."""

Plane = NDArray[np.uint8]


def reduced(y: Plane, u: Plane, v: Plane, rotation: int) -> NDArray[np.uint8]:
    """Y, U and V of frames uint8 ``[n, H, W]`` and twice ``[n, H/2, W/2]`` at one size: uint8 ``[n, 3, 112, 112]``.

    The whole window, as coded (not turned upright); one that is not square is filled up at its edges. Each plane is
    resized for itself, antialiased (Pillow's bilinear filter, whose support grows with the reduction).

    Args:
        y: luma.
        u: chroma.
        v: likewise.
        rotation: the clockwise turn that makes the planes upright. The filter goes across the upright image first, so
            that a clip that lies gives the same, lying.
    """
    turns = rotation // 90
    found = np.empty((len(y), 3, SEQUENCE_SIDE, SEQUENCE_SIDE), np.uint8)
    for small, *planes in zip(found, y, u, v, strict=True):
        for channel, plane in zip(small, planes, strict=True):
            size = (SEQUENCE_SIDE, SEQUENCE_SIDE)
            upright = Image.fromarray(np.ascontiguousarray(np.rot90(_square(plane), -turns)))
            channel[:] = np.rot90(np.asarray(upright.resize(size, Image.Resampling.BILINEAR)), turns)
    return found


def _square(plane: Plane) -> Plane:
    """The least square about the plane's middle that holds all of it, its edges repeated."""
    height, width = plane.shape
    side = max(height, width)
    down, across = (side - height) // 2, (side - width) // 2
    if not down and not across:
        return plane
    return np.pad(plane, ((down, side - height - down), (across, side - width - across)), mode="edge")
