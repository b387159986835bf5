"""What stands around a head: a background wider than the frame, and neck, shoulders and hair at the back."""

from __future__ import annotations

import numpy as np

from dfcore.testing.demo.people.anatomy import Anatomy
from dfcore.testing.demo.people.head import Light
from dfcore.testing.demo.texture import (
    Array,
    blob,
    blur,
    fractal,
    mix,
    planes,
    smoothstep,
    strands,
    to_linear,
)

__all__ = ["background", "torso", "torso_top"]

_WALLS = ((196, 188, 172), (152, 164, 176), (120, 128, 112), (176, 150, 130), (104, 110, 124), (206, 204, 198))


def background(rng: np.random.Generator, height: int, width: int) -> Array:
    """A room, a wall or a garden, slightly out of focus; linear light ``[3, H, W]``."""
    kind = int(rng.integers(3))
    wall = planes(to_linear(_WALLS[rng.integers(len(_WALLS))]))
    grain = fractal(rng, height, width, 1.15)
    image = wall * (1 + 0.12 * grain + 0.05 * fractal(rng, height, width, 0.6))
    if kind == 0:
        image = _shelves(rng, image)
    elif kind == 1:
        image = _panels(rng, image)
    else:
        image = _leaves(rng, image)
    lamp = (float(rng.uniform(0, width)), float(rng.uniform(-0.2, 0.5) * height))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    image = image * (0.55 + 0.6 * blob(x, y, lamp, (0.6 * width, 0.7 * height)))
    focus = float(rng.uniform(0.5, 1.3)) * width / 460
    image = blur(image.astype(np.float32), focus)
    fine = 1 + 0.045 * fractal(rng, height, width, 0.55)
    return np.clip(image * fine, 0.002, 1.2).astype(np.float32)


def _rectangle(image: Array, box: tuple[float, float, float, float], colour: Array, shade: float) -> None:
    """Fill ``box`` (x0, y0, x1, y1 in shares of the image) in place, lighter above by ``shade``."""
    height, width = image.shape[1:]
    x0, x1 = (int(np.clip(x, 0, 1) * width) for x in (box[0], box[2]))
    y0, y1 = (int(np.clip(y, 0, 1) * height) for y in (box[1], box[3]))
    if x1 > x0 and y1 > y0:
        ramp = np.linspace(1 + shade, 1 - shade, y1 - y0, dtype=np.float32)[:, None]
        texture = image[:, y0:y1, x0:x1].mean(axis=0)
        image[:, y0:y1, x0:x1] = planes(colour) * ramp * (0.4 + 0.6 * texture / texture.mean())


def _muted(rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    """A colour of paint or print: any hue, little saturation."""
    grey = rng.uniform(low, high)
    r, g, b = np.clip(grey + rng.uniform(-0.3, 0.3, 3) * grey, 8, 250)
    return float(r), float(g), float(b)


def _shelves(rng: np.random.Generator, image: Array) -> Array:
    """Rows of books."""
    y = float(rng.uniform(-0.1, 0.05))
    while y < 0.95:
        tall = float(rng.uniform(0.16, 0.24))
        x = float(rng.uniform(-0.1, 0.0))
        while x < 1:
            wide = float(rng.uniform(0.012, 0.05))
            if rng.random() < 0.85:
                colour = to_linear(_muted(rng, 30, 190))
                _rectangle(image, (x, y + tall * float(rng.uniform(0.05, 0.3)), x + wide, y + tall), colour, 0.15)
            x += wide + 0.004
        _rectangle(image, (0, y + tall, 1, y + tall + 0.025), to_linear((112, 84, 60)), 0.3)
        y += tall + 0.025
    return image


def _panels(rng: np.random.Generator, image: Array) -> Array:
    """A wall with a window, a frame, a board."""
    for _ in range(int(rng.integers(3, 6))):
        x, y = float(rng.uniform(-0.05, 0.85)), float(rng.uniform(-0.1, 0.7))
        w, h = float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.12, 0.45))
        colour = to_linear(_muted(rng, 60, 215))
        _rectangle(image, (x - 0.012, y - 0.012, x + w + 0.012, y + h + 0.012), to_linear((70, 60, 52)), 0.2)
        _rectangle(image, (x, y, x + w, y + h), colour, float(rng.uniform(0.1, 0.35)))
    return image


def _leaves(rng: np.random.Generator, image: Array) -> Array:
    """Foliage: masses of light and dark green under a sky."""
    height, width = image.shape[1:]
    mass = fractal(rng, height, width, 1.4)
    detail = fractal(rng, height, width, 0.85)
    green = planes(to_linear((96, 116, 66))) * (1 + 0.55 * np.tanh(detail))
    dark = planes(to_linear((46, 58, 40))) * (1 + 0.5 * np.tanh(detail))
    sky = planes(to_linear((196, 208, 220)))
    leaves = mix(dark, green, smoothstep(-0.4, 0.6, mass))
    level = np.linspace(1.6, -2.6, height, dtype=np.float32)[:, None] + 0.7 * mass
    return mix(leaves, sky, smoothstep(0.9, 1.3, level))


def torso_top(anatomy: Anatomy) -> float:
    """Where :func:`torso` begins, in head units below the eyes."""
    return -0.7 if anatomy.person.long_hair else 0.55


def torso(anatomy: Anatomy, light: Light, scale: float, height: int, width: int) -> Array:
    """What hangs below a head: linear colour and alpha ``[4, H, W]``, centred under the eyes, from
    :func:`torso_top` down.
    """
    rng = np.random.default_rng([anatomy.person.seed, 0x7D0])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (x - width / 2) / scale, y / scale + torso_top(anatomy)
    skin, neck = _neck(rng, anatomy, light, u, v)
    shoulder = 1.66 + 0.62 * np.clip((np.abs(u) - 0.45) / 1.6, 0, 1) ** 1.3
    shoulder = shoulder + 3.0 * np.clip(np.abs(u) - 2.15, 0, None) ** 2
    edge = 1.5 / scale
    alpha = np.maximum(neck, smoothstep(-edge, edge, v - shoulder))
    cloth, worn = _cloth(rng, anatomy, light, u, v, edge)
    colour = mix(skin, cloth, worn)
    if anatomy.person.long_hair:
        locks, behind = _locks(rng, anatomy, light, u, v)
        colour = mix(colour, locks, smoothstep(0.0, 0.5, behind * (1 - alpha)))
        alpha = np.maximum(alpha, behind)
    return np.concatenate([colour, alpha[None]]).astype(np.float32)


def _neck(rng: np.random.Generator, anatomy: Anatomy, light: Light, u: Array, v: Array) -> tuple[Array, Array]:
    """Skin of neck and chest, with the chin's shadow on it, and the neck's alpha."""
    p, key = anatomy.person, light.direction()
    half = 0.60 + 0.05 * (p.jaw - 1) + 0.12 * smoothstep(1.45, 1.75, v)
    alpha = smoothstep(half + 0.02, half - 0.02, np.abs(u)) * smoothstep(0.6, 0.8, v)
    across = np.clip(u / 0.66, -1, 1)
    lit = np.clip(across * key[0] + np.sqrt(1 - 0.9 * across**2) * key[2], 0, None) * light.colour[1] + light.ambient
    shadow = 1 - 0.55 * blob(u, v, (-0.25 * key[0], anatomy.chin_v + 0.02), (0.75, 0.24))
    grain = 1 + 0.05 * fractal(rng, u.shape[0], u.shape[1], 0.8)
    return planes(to_linear(p.skin)) * 0.92 * (lit * shadow * grain), alpha


def _cloth(
    rng: np.random.Generator, anatomy: Anatomy, light: Light, u: Array, v: Array, edge: float
) -> tuple[Array, Array]:
    """Folded, woven cloth, and where it covers the skin."""
    p, au, (rows, cols) = anatomy.person, np.abs(u), u.shape
    neckline = 1.78 + (0.35 if p.long_hair else 0.12) * np.clip(1 - (au / 0.72) ** 2, 0, 1)
    worn = smoothstep(-edge, edge, v - neckline + 4 * smoothstep(0.7, 0.75, au))
    weave = 1 + 0.10 * strands(rng, rows, cols, 2.5) + 0.08 * fractal(rng, rows, cols, 0.4)
    form = 0.75 + 0.35 * light.direction()[0] * np.clip(u / 2, -1, 1) - 0.2 * np.clip(au / 2.2, 0, 1) ** 3
    form = np.clip(form + 0.16 * fractal(rng, rows, cols, 1.7), 0.1, 2)
    hem = 1 - 0.5 * np.exp(-0.5 * ((v - neckline) / 0.03) ** 2)
    return planes(to_linear(p.clothes)) * (form * weave * hem * (light.ambient + 0.6 * light.colour[1])), worn


def _locks(rng: np.random.Generator, anatomy: Anatomy, light: Light, u: Array, v: Array) -> tuple[Array, Array]:
    """Long hair behind the neck, in its own shade."""
    ragged = 0.03 * fractal(rng, u.shape[0], u.shape[1], 1.4)
    alpha = smoothstep(1.12, 1.02, np.abs(u) + ragged) * smoothstep(2.0, 1.6, v + 3 * ragged)
    tone = np.clip(0.35 + 0.12 * strands(rng, u.shape[0], u.shape[1], 30.0), 0.05, 1)
    return planes(to_linear(anatomy.person.hair)) * (tone * (light.ambient + 0.4)), alpha * smoothstep(-0.6, -0.3, v)
