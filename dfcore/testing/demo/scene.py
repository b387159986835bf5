"""A take: one person before one camera, with everything that moves, as frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfcore.testing.demo.camera import Camera
from dfcore.testing.demo.people.head import Head, Light, Pose
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.setting import background, torso, torso_top
from dfcore.testing.demo.texture import Array, paint, shifted

__all__ = ["Take", "render_person"]

_HEAD = 0.172
"""Half a head's width as a share of the frame's side."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where head, body and camera are in one frame."""

    pose: Pose
    body: tuple[float, float]
    camera: tuple[float, float]


def _wander(rng: np.random.Generator, frames: int, period: float, rate: float = 25.0) -> Array:
    """Smooth motion about 0 with deviation near 1: three sines, the slowest of ``period`` seconds."""
    t = np.arange(frames) / rate
    phases = rng.uniform(0, 2 * np.pi, 3)
    speeds = np.asarray([1.0, 1.9, 3.7]) * rng.uniform(0.8, 1.2, 3) / period
    sizes = np.asarray([1.0, 0.55, 0.25])
    waves = np.sin(2 * np.pi * speeds[None, :] * t[:, None] + phases) * sizes
    return waves.sum(axis=1).astype(np.float32)


def _blinks(rng: np.random.Generator, frames: int) -> Array:
    """Eye opening 0..1: a blink takes about six frames and comes every two seconds or so."""
    opening = np.full(frames, rng.uniform(0.85, 1.0), np.float32)
    at = float(rng.uniform(4, 40))
    t = np.arange(frames)
    while at < frames + 6:
        opening *= 1 - 0.97 * np.exp(-0.5 * ((t - at) / 1.5) ** 2).astype(np.float32)
        at += float(rng.uniform(35, 80))
    return opening


def _speech(rng: np.random.Generator, frames: int) -> Array:
    """Mouth opening 0..1: syllables at three to five a second, with pauses."""
    t = np.arange(frames) / 25
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(3, 5) * t + rng.uniform(0, 6)), 0, 1)
    phrase = np.clip(0.5 + _wander(rng, frames, 1.5), 0, 1)
    return (rng.uniform(0.4, 1.0) * syllables * phrase).astype(np.float32)


class Take:
    """One person filmed: everything is drawn from ``seed``; the person from ``person.seed``."""

    def __init__(self, person: Person, seed: int, frames: int, size: int) -> None:
        rng = np.random.default_rng([seed, 0x7A4E])
        self.person, self.seed, self.size = person, seed, size
        self.scale = _HEAD * size * float(rng.uniform(0.92, 1.12))
        self.camera = Camera.draw(rng)
        self.light = _light(rng)
        self.moments = self._move(rng, frames)
        self.head = Head(person, self.scale)
        margin = size // 12
        self.scenery = background(rng, size + 2 * margin, size + 2 * margin)
        self.margin = margin
        self.body = torso(self.head.anatomy, self.light, self.scale, size, round(1.4 * size))
        self.falloff = self.camera.falloff(size, size)

    def _move(self, rng: np.random.Generator, frames: int) -> list[Moment]:
        size, unit = self.size, self.size / 384
        centre = (size * float(rng.uniform(0.43, 0.57)), size * float(rng.uniform(0.38, 0.46)))
        x, y = 6 * unit * _wander(rng, frames, 2.6), 3.5 * unit * _wander(rng, frames, 2.2)
        zoom = 1 + 0.012 * _wander(rng, frames, 3.0)
        roll = float(rng.uniform(-0.07, 0.07)) + 0.025 * _wander(rng, frames, 2.4)
        yaw = float(rng.uniform(-0.16, 0.16)) + 0.07 * _wander(rng, frames, 2.0)
        pitch = float(rng.uniform(-0.06, 0.06)) + 0.035 * _wander(rng, frames, 1.7)
        look_x, look_y = _wander(rng, frames, 3.0) * 0.35, _wander(rng, frames, 3.0) * 0.2
        shake = float(rng.uniform(0.1, 1.0)) * unit
        pan_x, pan_y = shake * 2.5 * _wander(rng, frames, 1.3), shake * 1.8 * _wander(rng, frames, 1.1)
        mouth, eyes = _speech(rng, frames), _blinks(rng, frames)
        return [
            Moment(
                Pose(
                    x=centre[0] + float(x[i] + pan_x[i]),
                    y=centre[1] + float(y[i] + pan_y[i]),
                    scale=self.scale * float(zoom[i]),
                    roll=float(roll[i]),
                    yaw=float(yaw[i]),
                    pitch=float(pitch[i]),
                    mouth=float(mouth[i]),
                    eyes=float(eyes[i]),
                    gaze=(float(look_x[i]), float(look_y[i])),
                ),
                (centre[0] + float(0.45 * x[i] + pan_x[i]), centre[1] + float(0.5 * y[i] + pan_y[i])),
                (float(pan_x[i]), float(pan_y[i])),
            )
            for i in range(len(x))
        ]

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame ``index`` as the camera gives it, RGB ``[size, size, 3]``."""
        moment, size = self.moments[index], self.size
        image = shifted(
            self.scenery, self.margin - 0.8 * moment.camera[0], self.margin - 0.8 * moment.camera[1], size, size
        )
        top = moment.body[1] + torso_top(self.head.anatomy) * self.scale
        first = max(0, int(np.ceil(top)))
        left = self.body.shape[2] / 2 - moment.body[0]
        body = shifted(self.body, left, first - top, size, size - first)
        paint(image[:, first:], body[:3], body[3])
        head = self.head.render(self.light, moment.pose, size, size)
        paint(image[:, head.part[0], head.part[1]], head.colour, head.alpha)
        return self.camera.expose(image, self.falloff, np.random.default_rng([self.seed, 0xF0, index]))


def _light(rng: np.random.Generator) -> Light:
    warm = float(rng.uniform(-0.1, 0.1))
    key = float(rng.uniform(0.75, 0.95))
    return Light(
        azimuth=float(rng.uniform(-0.9, 0.9)),
        elevation=float(rng.uniform(0.25, 0.8)),
        colour=(key * (1 + warm), key, key * (1 - warm)),
        ambient=float(rng.uniform(0.25, 0.42)),
        ambient_colour=(1 - warm / 2, 1.0, 1 + warm / 2),
    )


def render_person(person_seed: int, frames: int = 8, size: int = 320) -> NDArray[np.uint8]:
    """A rendered, never compressed take of one person: uint8 RGB ``[frames, size, size, 3]``, 25 frames a second."""
    take = Take(Person.draw(person_seed), person_seed, frames, size)
    return np.stack([take.frame(i) for i in range(frames)])
