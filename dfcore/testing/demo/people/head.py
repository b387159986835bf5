"""A lit, moving head: shading over face coordinates, then projection at a pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dfcore.testing.demo.people.anatomy import Anatomy, Grid
from dfcore.testing.demo.people.eyes import make_eyes
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.people.skin import make_surface
from dfcore.testing.demo.texture import Array, blur, mix, paint, planes, sample, smoothstep

__all__ = ["Head", "HeadImage", "Light", "Pose"]

_DARK = np.asarray([0.05, 0.012, 0.012], np.float32)
_ENAMEL = np.asarray([0.50, 0.46, 0.41], np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """A key light, its colour, and the share of light that comes from all sides."""

    azimuth: float
    elevation: float
    colour: tuple[float, float, float]
    ambient: float
    ambient_colour: tuple[float, float, float]

    def direction(self, yaw: float = 0.0, pitch: float = 0.0) -> tuple[float, float, float]:
        """Unit vector to the key light as a head turned by (yaw, pitch) sees it: x right, y down, z to the camera."""
        azimuth, elevation = self.azimuth - yaw, self.elevation + pitch
        cos = np.cos(elevation)
        return float(np.sin(azimuth) * cos), float(-np.sin(elevation)), float(np.cos(azimuth) * cos)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head is and what it does in one frame.

    ``x, y``: the point between the eyes, pixels; ``scale``: pixels to a head unit; ``roll, yaw, pitch``: radians;
    ``mouth``: 0 closed .. 1 open; ``eyes``: 0 shut .. 1 open; ``gaze``: -1..1 right and down.
    """

    x: float
    y: float
    scale: float
    roll: float
    yaw: float
    pitch: float
    mouth: float
    eyes: float
    gaze: tuple[float, float]


@dataclass(frozen=True, slots=True)
class HeadImage:
    """A rendered head: the ``part`` (rows, columns) of the frame that it covers, and over that part linear ``colour``
    [3, h, w], ``alpha`` [h, w] and the face coordinates ``u``, ``v`` [h, w] of what is seen.
    """

    part: tuple[slice, slice]
    colour: Array
    alpha: Array
    u: Array
    v: Array


class Head:
    """One person's head. ``scale`` is the pixels to a head unit at which it will mostly be seen."""

    def __init__(self, person: Person, scale: float) -> None:
        self.anatomy = Anatomy(person)
        self.grid = Grid(scale * 1.15)
        self.surface = make_surface(self.anatomy, self.grid)
        self.eyes = make_eyes(self.anatomy, self.grid)
        u, v = self.grid.points()
        features = self.anatomy.features(u, v)
        dv, du = np.gradient(self.anatomy.cranium(u, v) + features + self.surface.bump, 1 / self.grid.scale)
        normal = np.stack([-du, -dv, np.ones_like(du)])
        self.normal = (normal / np.sqrt((normal * normal).sum(axis=0))).astype(np.float32)
        hollow = features - blur(features, 0.11 * self.grid.scale)
        occlusion = 1 + np.clip(5.0 * hollow, -0.45, 0.12)
        self.occlusion = mix(occlusion, np.ones_like(occlusion), blur(self.surface.hair, 2.0))
        self.depth = self.anatomy.skull(u, v) + 0.9 * features
        seen = self.surface.alpha > 0
        self.reach = (float(np.abs(u[seen]).max()), float(v[seen].min()), float(v[seen].max()))

    def shade(self, light: Light, pose: Pose) -> Array:
        """Linear colour and alpha [4, H, W] over face coordinates, for this frame's light, eyes and turn."""
        albedo, gloss = self.surface.albedo.copy(), self.surface.gloss.copy()
        for eye in self.eyes:
            eye.draw(albedo, gloss, pose.eyes, pose.gaze)
        key = light.direction(pose.yaw, pose.pitch)
        facing = self._towards(key)
        length = float(np.sqrt(2 + 2 * key[2]))
        shine = np.clip(self._towards((key[0] / length, key[1] / length, (key[2] + 1) / length)), 0, 1)
        for _ in range(3):
            shine *= shine
        shine *= (0.25 + 0.75 * shine) * gloss
        sky = light.ambient * (0.75 - 0.25 * self.normal[1])
        out = np.empty((4, *facing.shape), np.float32)
        # Light that enters skin leaves it a little further on, red most of all: a softer terminator in red.
        for channel, wrap in enumerate((0.36, 0.24, 0.18)):
            lit = np.clip((facing + wrap) * (light.colour[channel] / (1 + wrap)), 0, None)
            lit += sky * light.ambient_colour[channel]
            lit *= self.occlusion
            lit *= albedo[channel]
            lit += shine * (0.05 * light.colour[channel])
            out[channel] = lit
        out[3] = self.surface.alpha
        return out

    def _towards(self, direction: tuple[float, float, float]) -> Array:
        x, y, z = direction
        return self.normal[0] * x + self.normal[1] * y + self.normal[2] * z

    def render(self, light: Light, pose: Pose, width: int, height: int) -> HeadImage:
        """The head as a frame of ``width`` × ``height`` sees it, cut to the part that the head can reach."""
        rows, columns = self._part(pose, width, height)
        dx = (np.arange(columns.start, columns.stop, dtype=np.float32) - pose.x)[None, :] / pose.scale
        dy = (np.arange(rows.start, rows.stop, dtype=np.float32) - pose.y)[:, None] / pose.scale
        cos, sin = float(np.cos(pose.roll)), float(np.sin(pose.roll))
        u, v = self._turned(dx * cos + dy * sin, dy * cos - dx * sin, pose)
        skin_v = self._jaw(u, v, pose.mouth)
        colour = sample(self.shade(light, pose), *self.grid.pixels(u, skin_v))
        on_raster = (np.abs(u) < 1.58) & (v > -1.88) & (v < 1.98)
        self._open_mouth(colour, u, v, pose.mouth, light)
        alpha = colour[3] * on_raster
        return HeadImage((rows, columns), colour[:3], alpha, u, skin_v)

    def inner_face(self, image: HeadImage) -> Array:
        """Weight [h, w] of the region of this head's ``image`` that a face swap replaces."""
        return self.anatomy.inner_face(image.u, image.v) * image.alpha

    def _part(self, pose: Pose, width: int, height: int) -> tuple[slice, slice]:
        side, top, bottom = self.reach
        lean, turn = abs(pose.roll) * 1.6 + 0.05, (abs(pose.yaw) + abs(pose.pitch)) * 0.8
        x = (side + lean + turn) * pose.scale
        y0, y1 = (top - lean - turn) * pose.scale, (bottom + lean + turn + 0.2) * pose.scale
        columns = slice(max(0, int(pose.x - x)), min(width, int(pose.x + x) + 1))
        return slice(max(0, int(pose.y + y0)), min(height, int(pose.y + y1) + 1)), columns

    def _turned(self, x: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
        """Face coordinates seen at (x, y): solves x = u cos(yaw) + z(u, v) sin(yaw) by fixed point, y likewise."""
        cy, sy, cp, sp = (float(f(a)) for a in (pose.yaw, pose.pitch) for f in (np.cos, np.sin))
        u, v = x - sy * 0.6, y + sp * 0.6
        for _ in range(2):
            z = sample(self.depth, *self.grid.pixels(u, v))
            u, v = (x - z * sy) / cy, (y + z * sp) / cp
        return u, v

    def _jaw(self, u: Array, v: Array, mouth: float) -> Array:
        """The v at which the skin seen at (u, v) lies when the mouth is closed."""
        gap = self._gap(u, mouth)
        below = v - self.anatomy.mouth_v
        # The chin follows the jaw; beside the mouth the skin stretches over the way down.
        chin = 0.15 * mouth * np.exp(-0.5 * (u / 0.95) ** 2)
        under = np.maximum(below - gap, 0)
        moved = self.anatomy.mouth_v + under - np.maximum(chin - gap, 0) * smoothstep(0.0, 0.5, under)
        return np.where(below > 0, moved, v)

    def _gap(self, u: Array, mouth: float) -> Array:
        """How far the lips stand apart."""
        return 0.20 * mouth * np.sqrt(np.clip(1 - (u / (self.anatomy.mouth_half * 0.9)) ** 2, 0, 1))

    def _open_mouth(self, colour: Array, u: Array, v: Array, mouth: float, light: Light) -> None:
        """Paint teeth, and darkness behind them, between the lips."""
        width = self.anatomy.mouth_half
        near = (np.abs(v - self.anatomy.mouth_v - 0.1) < 0.16) & (np.abs(u) < width)
        if mouth <= 0 or not near.any():
            return
        rows, columns = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        u, below = u[part], v[part] - self.anatomy.mouth_v
        gap, edge = self._gap(u, mouth), 1.0 / self.grid.scale
        cavity = smoothstep(-edge, edge, np.minimum(below, gap - below)) * (gap > 0.5 * edge)
        teeth = smoothstep(0.075, 0.055, below + 0.04 * (u / width) ** 2) * smoothstep(0.8, 0.55, np.abs(u) / width)
        teeth *= 0.85 + 0.15 * np.abs(np.cos(u * 26))
        inside = mix(planes(_DARK), planes(_ENAMEL * np.float32(light.ambient + 0.25)), teeth)
        paint(colour[:3, part[0], part[1]], inside, cavity)
