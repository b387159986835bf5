"""Between the coded frame and the upright image: quarter turns and a scale.

Coordinates are continuous: a frame of width W spans 0..W, the middle of its first pixel is 0.5. ``rotation`` is
the clockwise turn in degrees that makes the coded frame upright; ``width`` and ``height`` are the coded frame's
(or the window's, for coordinates in a window); ``scale`` is upright pixels per coded pixel. Landmarks keep their
order, which is that of the upright image, through every turn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.protocols import Face
from dfcore.errors import UsageError

__all__ = [
    "boxes_to_coded",
    "boxes_to_upright",
    "face_size",
    "points_to_coded",
    "scaled_face",
    "to_coded",
    "to_upright",
]

Points = NDArray[np.floating[Any]]


def to_coded(face: Face, rotation: int, scale: float, width: int, height: int) -> Face:
    """A face found in the upright, reduced image, in pixels of the coded frame.

    Raises:
        UsageError: ``rotation`` is no quarter turn, or ``scale`` is not positive.
    """
    box = boxes_to_coded(face.box, rotation, scale, width, height).tolist()
    points = points_to_coded(face.landmarks, rotation, scale, width, height).tolist()
    return Face((box[0], box[1], box[2], box[3]), face.score, tuple((x, y) for x, y in points))


def scaled_face(face: Face, across: float, down: float) -> Face:
    """The same face in an image of another size: x and y times these factors."""
    x0, y0, x1, y1 = face.box
    points = tuple((x * across, y * down) for x, y in face.landmarks)
    return Face((x0 * across, y0 * down, x1 * across, y1 * down), face.score, points)


def points_to_coded(points: ArrayLike, rotation: int, scale: float, width: int, height: int) -> Points:
    """Points ``[..., 2]`` of the upright image in the coded frame."""
    _check(rotation, scale)
    upright = np.asarray(points, dtype=np.float64) / scale
    x, y = upright[..., 0], upright[..., 1]
    turned = {0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[rotation]
    return np.stack(turned, axis=-1)


def to_upright(points: ArrayLike, rotation: int, scale: float, width: int, height: int) -> Points:
    """Points ``[..., 2]`` of the coded frame in the upright image: the inverse of :func:`points_to_coded`."""
    _check(rotation, scale)
    coded = np.asarray(points, dtype=np.float64)
    x, y = coded[..., 0], coded[..., 1]
    turned = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}[rotation]
    return np.stack(turned, axis=-1) * scale


def boxes_to_coded(boxes: ArrayLike, rotation: int, scale: float, width: int, height: int) -> Points:
    """Boxes ``[..., 4]`` of the upright image in the coded frame, as ``(x0, y0, x1, y1)`` with x0 <= x1 again."""
    corners = np.asarray(boxes, dtype=np.float64)
    return _ordered(points_to_coded(corners.reshape(*corners.shape[:-1], 2, 2), rotation, scale, width, height))


def boxes_to_upright(boxes: ArrayLike, rotation: int, scale: float, width: int, height: int) -> Points:
    """Boxes ``[..., 4]`` of the coded frame in the upright image: the inverse of :func:`boxes_to_coded`."""
    corners = np.asarray(boxes, dtype=np.float64)
    return _ordered(to_upright(corners.reshape(*corners.shape[:-1], 2, 2), rotation, scale, width, height))


def face_size(boxes: ArrayLike) -> float:
    """The size of a face through a clip, in the pixels of its ``boxes [T, 4]``: the larger side, median over time."""
    found = np.asarray(boxes, dtype=np.float64)
    return float(np.median((found[:, 2:] - found[:, :2]).max(axis=1)))


def _ordered(corners: Points) -> Points:
    return np.concatenate([corners.min(axis=-2), corners.max(axis=-2)], axis=-1)


def _check(rotation: int, scale: float) -> None:
    if rotation not in (0, 90, 180, 270):
        raise UsageError(f"a rotation is 0, 90, 180 or 270 degrees clockwise, not {rotation}.")
    if not scale > 0:
        raise UsageError(f"a scale must be positive, not {scale}.")
