"""Parts of the face as masks. The one place that says where they are: now of five landmarks and the box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTS", "Outline", "Region", "face_region"]

Floats = NDArray[np.float64]

PARTS: dict[str, tuple[float, float, float]] = {
    "face": (0.55, 1.1, 0.95),
    "lower": (0.95, 0.75, 0.8),
    "mouth": (1.0, 0.42, 0.5),
}
"""Of each part its centre and half its height, from the line of the eyes down in units of the distance from there to
the mouth, and half its width in units of the distance of the eyes. ``face`` reaches from above the brows to the chin
and lies within the cheeks' outline; ``lower`` begins at the nose; ``mouth`` is the lips and what moves with them."""
_LEAST_ACROSS = 0.3
"""Least distance of the eyes, in the width of the box: in a profile they lie nearly in line."""
_POWER = 2.5
"""Of the superellipse: 2 is an ellipse, more is fuller at the corners."""


@dataclass(frozen=True, slots=True)
class Outline:
    """How a region's outline departs from its own.

    Attributes:
        wide, high: factors of its half axes.
        waves: amplitude and phase of the 2nd, 3rd, ... harmonic of its radius.
    """

    wide: float = 1.0
    high: float = 1.0
    waves: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A part of one frame's face, in luma pixels.

    Attributes:
        centre: (x, y).
        across: unit vector along the eyes; the other axis is perpendicular, downwards.
        half: half axes, along ``across`` and down.
        outline: of its edge.
    """

    centre: tuple[float, float]
    across: tuple[float, float]
    half: tuple[float, float]
    outline: Outline

    def distance(self, x: Floats, y: Floats) -> Floats:
        """How far points lie from the centre, 1 on the outline; ``x`` and ``y`` broadcast."""
        dx, dy = x - self.centre[0], y - self.centre[1]
        u = (dx * self.across[0] + dy * self.across[1]) / self.half[0]
        v = (dy * self.across[0] - dx * self.across[1]) / self.half[1]
        radius: Floats = (np.abs(u) ** _POWER + np.abs(v) ** _POWER) ** (1 / _POWER)
        if not self.outline.waves:
            return radius
        angle = np.arctan2(v, u)
        edge = 1 + sum(a * np.cos(n * angle + phase) for n, (a, phase) in enumerate(self.outline.waves, start=2))
        found: Floats = radius / edge
        return found

    def bounds(self, width: int, height: int, margin: float) -> tuple[int, int, int, int]:
        """``(x0, y0, x1, y1)`` that holds all up to ``margin`` times the outline, within the frame; even numbers."""
        reach = margin * (1 + sum(abs(a) for a, _ in self.outline.waves)) * np.array(self.half)
        cos, sin = np.abs(self.across)
        along = reach[0] * cos + reach[1] * sin, reach[0] * sin + reach[1] * cos
        low = [max(0, 2 * int(np.floor((c - r) / 2))) for c, r in zip(self.centre, along, strict=True)]
        high = [
            min(limit // 2 * 2, 2 * int(np.ceil((c + r) / 2)))
            for c, r, limit in zip(self.centre, along, (width, height), strict=True)
        ]
        return low[0], low[1], high[0], high[1]


def face_region(part: str, box: Floats, landmarks: Floats, outline: Outline | None = None) -> Region:
    """Where a part of the face is.

    Args:
        part: one of :data:`PARTS`.
        box: ``(x0, y0, x1, y1)``.
        landmarks: ``[5, 2]``, in the order of :mod:`dfcore.data.clips`.
        outline: departs from the part's own.
    """
    outline = outline or Outline()
    down, high, wide = PARTS[part]
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:5].mean(0)
    turn = landmarks[1] - landmarks[0]
    across = turn / np.hypot(*turn) if turn[0] > 0 and np.hypot(*turn) > 1e-6 else np.array([1.0, 0.0])
    apart = max(float(np.hypot(*turn)), _LEAST_ACROSS * float(box[2] - box[0]))
    length = max(float(np.hypot(*(mouth - eyes))), 0.25 * float(box[3] - box[1]))
    below = np.array([-across[1], across[0]])
    toward = mouth - eyes
    # Down the face as it is turned; where the landmarks are no face, straight down.
    axis = toward / np.hypot(*toward) if float(toward @ below) > 0.3 * length else below
    centre = eyes + down * length * axis
    half = (max(2.0, wide * apart * outline.wide), max(2.0, high * length * outline.high))
    return Region((float(centre[0]), float(centre[1])), (float(across[0]), float(across[1])), half, outline)
