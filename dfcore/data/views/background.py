"""Views for the background control: what of a window is not the face.

A detector that reads the face must lose what it knows when the face is replaced by background of the same frames;
what it still knows comes from the file (its codec, size, source), not from a forgery.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfcore.data.views.augment import Draw
from dfcore.data.views.common import Parts, even, whole_window
from dfcore.data.views.finish import PIXELS, RGB, ellipses
from dfcore.data.views.images import FACE_SCALE, ellipse_axes, middle_frame, small
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.tiles import tile_face
from dfcore.data.views.upright import UprightFrames
from dfcore.specs import MAP_SIZE

__all__ = ["background_cells", "background_face"]

MARGIN = 0.1
"""Of the box's larger side: what beside the box still counts as face (its contour, where a seam would be)."""
SHARE = 0.05
"""With at most this share of face a cell is background, where none is free of it."""
MIN_SIDE = 16
"""Least side of the background beside the face, in pixels."""
_FINE = 16 * MAP_SIZE


def background_face(upright: UprightFrames, _: Lattice, __: Draw, size: int) -> Parts:
    """Background of the middle frame in place of the face.

    The largest rectangle of the window beside the face, mirrored at its edges until it is as large as the square of
    the ``face`` view, and resized as that is: the same pixels per pixel. Zeros where there is no such rectangle.
    """
    middle = middle_frame(upright)
    place = _beside(middle)
    if place is None:
        return {PIXELS: torch.zeros(1, 3, size, size, dtype=torch.uint8), RGB: torch.zeros(1, 3, 4)}
    x0, y0, x1, y1 = place
    box = middle.boxes[0]
    half = max(1, even(FACE_SCALE * max(box[2] - box[0], box[3] - box[1])) // 2)
    columns, rows = (_mirrored(low // 2, high // 2, half) for low, high in ((x0, x1), (y0, y1)))
    fine = [np.stack([2 * index, 2 * index + 1], axis=1).ravel() for index in (rows, columns)]
    y, u, v = middle.planes
    patch = UprightFrames(middle.access, middle.frames, middle.flip)
    patch.width = patch.height = 2 * half
    patch.planes = (y[:, fine[0]][:, :, fine[1]], u[:, rows][:, :, columns], v[:, rows][:, :, columns])
    return small(patch, (0, 0, 2 * half), size, None)


def background_cells(upright: UprightFrames, grid: Lattice, draw: Draw, size: int) -> Tensor:
    """Which cells of a 7x7 map over the window are background: float32 ``[7, 7]``, 1 or 0.

    A map's cell may be a tile of the lattice or a 49th of the window's square: it is background where both have no
    face, in every frame of the sample; where there are none such, as in small windows, next to no face. All are 0
    where the window has no such cell, or nothing beside the face for :func:`background_face`.
    """
    if _beside(middle_frame(upright)) is None:
        return torch.zeros(MAP_SIZE, MAP_SIZE)
    tiles = tile_face(upright, grid, draw, size).mean(dim=(2, 3)).unflatten(1, (MAP_SIZE, MAP_SIZE))
    masks = ellipses(ellipse_axes(upright.boxes, whole_window(upright), _FINE))
    squares = F.avg_pool2d(masks, _FINE // MAP_SIZE)[:, 0]
    share = torch.maximum(tiles, squares).amax(dim=0)
    clean = share == 0
    return (clean if clean.any() else share <= SHARE).float()


def _beside(upright: UprightFrames) -> tuple[int, int, int, int] | None:
    """The largest of the four strips of the window beside the first frame's face: ``(x0, y0, x1, y1)``, all even."""
    x0, y0, x1, y1 = upright.boxes[0]
    margin = MARGIN * max(x1 - x0, y1 - y0)
    left, top = (max(0, int(low - margin)) // 2 * 2 for low in (x0, y0))
    right, bottom = (
        min(limit, int(high + margin) + 1) // 2 * 2 for high, limit in ((x1, upright.width), (y1, upright.height))
    )
    strips = [
        (0, 0, left, upright.height),
        (right, 0, upright.width, upright.height),
        (0, 0, upright.width, top),
        (0, bottom, upright.width, upright.height),
    ]
    wide = [s for s in strips if min(s[2] - s[0], s[3] - s[1]) >= MIN_SIDE]
    return max(wide, key=lambda s: (s[2] - s[0]) * (s[3] - s[1]), default=None)


def _mirrored(low: int, high: int, count: int) -> NDArray[np.intp]:
    """``count`` positions from the middle of ``low`` to ``high - 1``, turned back at either end."""
    length = high - low
    offsets = np.arange(count) - (count - length) // 2
    around = np.mod(offsets, 2 * length)
    return low + np.minimum(around, 2 * length - 1 - around)
