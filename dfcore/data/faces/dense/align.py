"""Where the landmark network looks: a turned square about the face, laid by the detector's five points.

The square's side is a multiple of the larger of two distances: between the eyes, and from between the eyes to between
the mouth's corners. A head that turns away shortens the one, a head that nods the other; so the larger hardly changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["SIDE", "Square", "cut_square", "face_square"]

SIDE = 3.5
"""Side of the square in units of the larger distance: from above the forehead to below an open mouth's chin."""
_DOWN = 0.42
"""How far its centre lies below the middle between the eyes, in the same units."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square: its centre and side in pixels, and the direction of its upper edge ``(cos, sin)``."""

    x: float
    y: float
    side: float
    cos: float
    sin: float

    def to_image(self, points: Floats) -> Floats:
        """Points ``[..., 2]`` of the square (0..1 from its upper left corner) in the image's pixels."""
        u, v = (points[..., 0] - 0.5) * self.side, (points[..., 1] - 0.5) * self.side
        return np.stack([self.x + self.cos * u - self.sin * v, self.y + self.sin * u + self.cos * v], axis=-1)

    def from_image(self, points: Floats) -> Floats:
        """The inverse of :meth:`to_image`."""
        u, v = points[..., 0] - self.x, points[..., 1] - self.y
        turned = np.stack([self.cos * u + self.sin * v, self.cos * v - self.sin * u], axis=-1)
        return np.asarray(turned / self.side + 0.5)


def face_square(five: Floats, side: float = SIDE) -> Square:
    """The square of a face by its five points ``[5, 2]``, ordered as in :mod:`dfcore.data.clips`."""
    eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
    across, down = five[1] - five[0], mouth - eyes
    unit = max(float(np.hypot(*across)), float(np.hypot(*down)), 1e-3)
    # Both say which way is up; each counts by its length, the second turned by a quarter.
    way = across + np.array([down[1], -down[0]])
    length = float(np.hypot(*way))
    cos, sin = (1.0, 0.0) if length < 1e-6 else (float(way[0]) / length, float(way[1]) / length)
    x, y = eyes[0] - sin * _DOWN * unit, eyes[1] + cos * _DOWN * unit
    return Square(float(x), float(y), side * unit, cos, sin)


def cut_square(image: NDArray[np.uint8], square: Square, size: int) -> NDArray[np.uint8]:
    """The square of an image ``[H, W]`` or ``[H, W, 3]``, uint8 ``[size, size, ...]``: bilinear, after a reduction by a
    whole factor where it is more than twice as large; black outside of the image.
    """
    factor = max(1, int(square.side / size / 1.5))
    reach = square.side * 0.75  # half its diagonal, and a little
    x0, y0 = (max(0, int(place - reach)) // factor * factor for place in (square.x, square.y))
    x1, y1 = int(square.x + reach) + 1, int(square.y + reach) + 1
    part = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    if not part.size:
        return np.zeros((size, size, *image.shape[2:]), np.uint8)
    small = Image.fromarray(np.ascontiguousarray(part))
    if factor > 1:
        small = small.reduce(factor)
    step = square.side / size / factor
    a, b = square.cos * step, -square.sin * step
    start = -size / 2
    c = (square.x - x0) / factor + (a + b) * start
    f = (square.y - y0) / factor + (-b + a) * start
    return np.asarray(
        small.transform((size, size), Image.Transform.AFFINE, (a, b, c, -b, a, f), Image.Resampling.BILINEAR)
    )
