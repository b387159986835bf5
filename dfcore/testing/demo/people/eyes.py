"""The eyes, drawn afresh for each frame because they blink and look about."""

from __future__ import annotations

import numpy as np

from dfcore.testing.demo.people.anatomy import Anatomy, Grid
from dfcore.testing.demo.texture import Array, mix, planes, smoothstep, to_linear

__all__ = ["Eye", "make_eyes"]


class Eye:
    """One eye over a small patch of the head's raster."""

    def __init__(self, anatomy: Anatomy, grid: Grid, side: int) -> None:
        p = anatomy.person
        u, v = grid.points()
        centre = side * anatomy.eye_u
        near = (np.abs(u[0] - centre) < 0.34, np.abs(v[:, 0]) < 0.24)
        rows, cols = np.flatnonzero(near[1]), np.flatnonzero(near[0])
        self.patch = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
        # Local coordinates: x from the nose's side (-1) to the temple's (1), y down, in half eye widths.
        self.x = (u[self.patch] - np.float32(centre)) * np.float32(side / anatomy.eye_half)
        self.y = v[self.patch] / np.float32(anatomy.eye_half) + np.float32(p.eye_tilt) * 1.4 * self.x
        self.edge = 0.9 / (grid.scale * anatomy.eye_half)
        self.side = side
        self.iris = planes(to_linear(p.iris))
        self.lash = 0.55 if p.long_hair else 0.35
        angle = np.arctan2(self.y, self.x)
        self.fibres = (0.25 * np.sin(angle * 23 + p.seed % 7) + 0.15 * np.sin(angle * 41)).astype(np.float32)

    def draw(self, albedo: Array, gloss: Array, opening: float, gaze: tuple[float, float]) -> None:
        """Paint the eye into the frame's ``albedo`` and ``gloss``; ``opening`` 0 shut .. 1 open, ``gaze`` in -1..1."""
        x, y, e = self.x, self.y, self.edge
        arch = np.clip(1 - np.abs(x + 0.12) ** 2.2 / 1.12**2.2, 0, 1)
        bottom = 0.26 * np.clip(1 - x * x, 0, 1) ** 0.8 - 0.06 * x + 0.04
        top = bottom + (0.30 - 0.76 * arch**0.8 - 0.18 * (1 - arch) - bottom) * opening
        open_ = smoothstep(-e, e, np.minimum(y - top, bottom - y)) * (np.abs(x) < 1.05)
        ball, shine = self._ball(gaze, top)
        skin = albedo[:, self.patch[0], self.patch[1]]
        lid = np.exp(-0.5 * ((y - top + 0.26) / 0.06) ** 2) * smoothstep(1.1, 0.7, np.abs(x)) * opening
        skin = skin * (1 - 0.35 * lid)
        lash = np.exp(-0.5 * ((y - top + 0.02) / (0.075 + 0.03 * self.lash)) ** 2) * smoothstep(
            1.2, 0.9, np.abs(x + 0.05)
        )
        low_lash = np.exp(-0.5 * ((y - bottom) / 0.05) ** 2) * smoothstep(1.05, 0.6, np.abs(x))
        painted = mix(skin, ball, open_)
        dark = 1 - np.clip((0.55 + 0.5 * self.lash) * lash + 0.35 * low_lash, 0, 0.92)
        albedo[:, self.patch[0], self.patch[1]] = painted * dark + shine * open_
        gloss[self.patch] = gloss[self.patch] * (1 - open_)

    def _ball(self, gaze: tuple[float, float], top: Array) -> tuple[Array, Array]:
        x = self.x - np.float32(self.side * 0.22 * gaze[0])
        y = self.y - np.float32(0.12 * gaze[1]) + np.float32(0.10)
        r = np.hypot(x, y) / 0.47
        white = planes(np.asarray([0.62, 0.56, 0.53], np.float32)) * (1 - 0.35 * np.clip(np.abs(self.x), 0, 1) ** 3)
        shade = 1 - 0.5 * smoothstep(0.35, 0.0, self.y - top)
        ring = self.iris * ((0.9 + self.fibres) * (1.25 - 0.75 * smoothstep(0.6, 1.0, r)))
        ball = mix(white, ring, smoothstep(1 + 2 * self.edge, 1 - 2 * self.edge, r))
        ball = ball * (1 - 0.97 * smoothstep(0.46, 0.36, r))
        glint = np.exp(-0.5 * (np.hypot(x * self.side + 0.14, y + 0.16) / 0.09) ** 2)
        return (ball * shade).astype(np.float32), (0.9 * glint).astype(np.float32)


def make_eyes(anatomy: Anatomy, grid: Grid) -> tuple[Eye, Eye]:
    """The eye on the image's left and the one on its right."""
    return Eye(anatomy, grid, -1), Eye(anatomy, grid, 1)
