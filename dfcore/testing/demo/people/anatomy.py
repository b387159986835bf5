"""The head's geometry: a height field over face coordinates, and the masks of its parts.

Proportions follow the drawing canon: the eyes lie half-way down the head, the face is five eyes wide, the mouth
lies a third of the way from the nose to the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.texture import Array, blob, smoothstep

__all__ = ["Anatomy", "Grid"]


@dataclass(frozen=True, slots=True)
class Grid:
    """A raster over face coordinates: ``scale`` pixels to one head unit."""

    scale: float
    left: float = -1.6
    top: float = -1.9
    width: float = 3.2
    height: float = 3.9

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return round(self.height * self.scale), round(self.width * self.scale)

    def points(self) -> tuple[Array, Array]:
        """The planes u and v."""
        rows, cols = self.shape
        u = self.left + (np.arange(cols, dtype=np.float32) + 0.5) / np.float32(self.scale)
        v = self.top + (np.arange(rows, dtype=np.float32) + 0.5) / np.float32(self.scale)
        uu, vv = np.meshgrid(u, v)
        return uu.astype(np.float32), vv.astype(np.float32)

    def pixels(self, u: Array, v: Array) -> tuple[Array, Array]:
        """Raster coordinates (x, y) of face coordinates."""
        s = np.float32(self.scale)
        return (u - np.float32(self.left)) * s - np.float32(0.5), (v - np.float32(self.top)) * s - np.float32(0.5)


class Anatomy:
    """Where a person's features lie (head units), and planes made of them."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.eye_u = 0.42 * person.eye_distance
        self.eye_half = 0.215 * person.eye_size
        self.nose_v = 0.53 * person.nose_length
        self.mouth_v = 0.89 * person.length
        self.mouth_half = 0.37 * person.mouth_width
        self.chin_v = 1.36 * person.length
        self.upper_lip = 0.085 * person.lip_fullness
        self.lower_lip = 0.115 * person.lip_fullness

    def outline(self, u: Array, v: Array) -> Array:
        """0 at the head's centre, 1 on its outline: a superellipse, wider above than at the jaw."""
        p, n = self.person, np.float32(2.3)
        t = np.clip((v - 0.1) / np.float32(self.chin_v - 0.1), 0, 2)
        up = np.clip((0.1 - v) / np.float32(1.5), 0, 2)
        width = 1 + (p.jaw - 1.06) * smoothstep(0.0, 0.9, t) + (p.forehead - 1.04) * smoothstep(0.0, 0.7, up)
        return ((np.abs(u) / width) ** n + (t + up) ** n) ** (1 / n)

    def skull(self, u: Array, v: Array) -> Array:
        """Smooth depth of the head alone; its slope is bounded, so that it can be used to solve for parallax."""
        f = np.clip(self.outline(u, v), 0, 1.3)
        return np.float32(0.8) * (1 - f * f)

    def cranium(self, u: Array, v: Array) -> Array:
        """Rounder depth of the head alone, for shading."""
        f = np.clip(self.outline(u, v), 0, 1)
        return np.float32(0.95) * np.sqrt(np.float32(1.02) - f * f)

    def features(self, u: Array, v: Array) -> Array:
        """What brow, eyes, nose, cheeks, lips and chin add to the head's depth."""
        p, au = self.person, np.abs(u)
        z = self._nose(u, v)
        z = z + 0.07 * blob(au, v, (0.36, -0.2 * p.brow_height), (0.28, 0.09), 0.15)
        z = z - 0.13 * blob(au, v, (self.eye_u - 0.04, 0.0), (0.19, 0.13))
        z = z + 0.085 * blob(au, v, (self.eye_u, 0.01), (0.15, 0.1))
        z = z - 0.02 * blob(au, v, (self.eye_u, 0.16), (0.17, 0.035), 0.1)
        z = z + 0.075 * p.cheek * blob(au, v, (0.54, 0.42), (0.21, 0.2), 0.5)
        z = z - 0.05 * blob(au, v, (0.62, 0.86), (0.16, 0.22), -0.3)
        fold = blob(au, v, (0.36, 0.72 * p.length), (0.035, 0.2), 0.45)
        z = z - (0.015 + 0.03 * p.age) * fold
        z = z + 0.07 * blob(u, v, (0.0, self.mouth_v - 0.02), (0.33, 0.16))
        z = z + 0.035 * blob(u, v, (0.0, self.mouth_v - 0.6 * self.upper_lip), (0.2, 0.035))
        z = z + 0.045 * blob(u, v, (0.0, self.mouth_v + 0.6 * self.lower_lip), (0.19, 0.05))
        z = z - 0.05 * blob(u, v, (0.0, self.mouth_v + 0.22), (0.22, 0.05))
        z = z - 0.018 * blob(u, v, (0.0, (self.nose_v + self.mouth_v) / 2), (0.035, 0.1))
        z = z + 0.08 * blob(u, v, (0.0, self.chin_v - 0.17), (0.2, 0.12))
        return z.astype(np.float32)

    def _nose(self, u: Array, v: Array) -> Array:
        w = self.person.nose_width
        rise = smoothstep(-0.3, self.nose_v, v) * smoothstep(self.nose_v + 0.15, self.nose_v + 0.02, v)
        spread = np.float32(0.085) + np.float32(0.06) * w * smoothstep(0.0, self.nose_v, v)
        ridge = np.float32(0.30) * rise * np.exp(np.float32(-0.5) * (u / spread) ** 2)
        tip = 0.10 * blob(u, v, (0.0, self.nose_v - 0.02), (0.105 * w, 0.085))
        wings = 0.10 * blob(np.abs(u), v, (0.165 * w, self.nose_v + 0.03), (0.055, 0.065))
        return ridge + tip + wings

    def lips(self, u: Array, v: Array, edge: float) -> Array:
        """1 on the lips, with a soft edge of ``edge`` head units."""
        t = np.clip(u / np.float32(self.mouth_half), -1, 1)
        bow = 1 - 0.3 * np.exp(-((t / 0.16) ** 2))
        top = self.mouth_v - self.upper_lip * (1 - t * t) ** 0.75 * bow
        bottom = self.mouth_v + self.lower_lip * (1 - t * t) ** 0.7
        inside = np.minimum(v - top, bottom - v)
        return smoothstep(-edge, edge, inside) * (np.abs(u) < self.mouth_half)

    def inner_face(self, u: Array, v: Array, soft: float = 0.22) -> Array:
        """The region that a face swap replaces: brows to chin, between the cheekbones; 1 inside, 0 outside."""
        centre = (self.chin_v - 0.12 - 0.42) / 2
        half = (self.chin_v - 0.12 + 0.42) / 2
        r = np.sqrt((u / np.float32(0.80)) ** 2 + ((v - np.float32(centre)) / np.float32(half)) ** 2)
        return smoothstep(1.0, 1.0 - soft, r)
