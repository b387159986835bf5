"""The still colours of the head: skin, brows, lips, beard, ears, hair. Linear light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dfcore.testing.demo.people.anatomy import Anatomy, Grid
from dfcore.testing.demo.texture import (
    Array,
    blob,
    blur,
    fractal,
    mix,
    planes,
    sample,
    smoothstep,
    strands,
    to_linear,
)

__all__ = ["Surface", "make_surface"]


@dataclass(slots=True)
class Surface:
    """What light falls on, over a :class:`Grid`.

    ``albedo`` [3, H, W]; [H, W]: ``gloss``, ``bump`` (added to the height), ``alpha``, ``hair`` (its weight).
    """

    albedo: Array
    gloss: Array
    bump: Array
    alpha: Array
    hair: Array


def make_surface(anatomy: Anatomy, grid: Grid) -> Surface:
    """The person's head without eyes."""
    rng = np.random.default_rng([anatomy.person.seed, 0x5C1])
    u, v = grid.points()
    albedo, gloss, bump = _skin(rng, anatomy, u, v)
    albedo = _brows(rng, anatomy, u, v, albedo)
    albedo, gloss = _lips(rng, anatomy, u, v, albedo, gloss)
    albedo = _beard(rng, anatomy, u, v, albedo)
    edge = 1.2 / grid.scale
    head = smoothstep(1 + edge, 1 - edge, anatomy.outline(u, v))
    ears = smoothstep(1 + 4 * edge, 1 - 4 * edge, np.hypot((np.abs(u) - 0.99) / 0.13, (v - 0.24) / 0.29))
    hair, colour = _hair(rng, anatomy, grid, u, v)
    alpha = np.maximum(np.maximum(head, ears), hair)
    share = hair / np.maximum(alpha, 1e-3)  # no skin shines through the outer edge of the hair
    return Surface(mix(albedo, colour, share), gloss * (1 - share), bump, alpha, hair)


def _skin(rng: np.random.Generator, anatomy: Anatomy, u: Array, v: Array) -> tuple[Array, Array, Array]:
    p, (rows, cols) = anatomy.person, u.shape
    au = np.abs(u)
    mottle, fine = fractal(rng, rows, cols, 1.3), fractal(rng, rows, cols, 0.45)
    pores = np.minimum(fractal(rng, rows, cols, 0.25), 0.5)
    light = 1 + 0.05 * mottle + (0.035 + 0.03 * p.age) * fine
    red = 0.5 * blob(au, v, (0.52, 0.42), (0.22, 0.2)) + 0.6 * blob(u, v, (0.0, anatomy.nose_v), (0.16, 0.13))
    red = red + 0.8 * blob(au, v, (1.0, 0.24), (0.12, 0.3)) + 0.12 * fractal(rng, rows, cols, 1.1)
    shade = 0.30 * blob(au, v, (anatomy.eye_u - 0.03, 0.13), (0.17, 0.06), 0.1)
    shade = shade + 0.4 * blob(au, v, (anatomy.eye_u - 0.02, -0.09), (0.2, 0.05))
    shade = shade + 0.9 * blob(au, v, (0.085 * p.nose_width, anatomy.nose_v + 0.085), (0.032, 0.016), 0.25)
    shade = shade + 0.25 * blob(u, v, (0.0, anatomy.nose_v + 0.12), (0.17, 0.03))
    shade = shade + 0.25 * blob(u, v, (0.0, anatomy.mouth_v + anatomy.lower_lip + 0.06), (0.2, 0.035))
    shade = shade + (0.08 + 0.16 * p.age) * blob(au, v, (0.36, 0.72 * p.length), (0.025, 0.19), 0.45)
    lines = np.clip(np.sin(v * 42 + 1.2 * mottle), 0, 1) ** 3 * blob(u, v, (0.0, -0.55), (0.5, 0.15))
    shade = shade + 0.14 * p.age * lines
    tint = np.stack([1 + 0.10 * red, 1 - 0.16 * red, 1 - 0.14 * red], axis=0)
    albedo = planes(to_linear(p.skin)) * tint * (light * (1 - np.clip(shade, 0, 0.92)))
    gloss = 0.5 + 0.5 * blob(u, v, (0.0, 0.1), (0.14, 0.6)) + 0.3 * blob(u, v, (0.0, -0.6), (0.45, 0.2))
    bump = 0.001 * fine + 0.0015 * pores * blob(au, v, (0.3, 0.45), (0.35, 0.35)) + 0.0008 * pores
    return albedo.astype(np.float32), gloss.astype(np.float32), bump.astype(np.float32)


def _brows(rng: np.random.Generator, anatomy: Anatomy, u: Array, v: Array, albedo: Array) -> Array:
    p, au = anatomy.person, np.abs(u)
    arch = -0.265 * p.brow_height - 0.05 * np.sin(np.clip((au - 0.14) / 0.6, 0, 1) * np.pi * 0.75)
    taper = smoothstep(0.12, 0.22, au) * smoothstep(0.76, 0.5, au)
    thick = 0.052 * p.brow_weight * (0.55 + 0.45 * smoothstep(0.75, 0.25, au))
    body = np.exp(-0.5 * ((v - arch) / thick) ** 2) * taper
    hairs = strands(rng, u.shape[1], u.shape[0], 5.0).T
    weight = np.clip(body * (0.95 + 0.22 * hairs), 0, 0.9)
    colour = np.minimum(to_linear(p.hair) * 0.8, to_linear(p.skin) * 0.42)
    return mix(albedo, planes(colour), weight)


def _lips(
    rng: np.random.Generator, anatomy: Anatomy, u: Array, v: Array, albedo: Array, gloss: Array
) -> tuple[Array, Array]:
    mask = anatomy.lips(u, v, 0.02)
    tint = np.asarray([0.95, 0.62, 0.62], np.float32)
    wrinkles = strands(rng, u.shape[0], u.shape[1], 4.0)
    below = smoothstep(anatomy.mouth_v, anatomy.mouth_v - 0.03, v)
    colour = albedo * planes(tint) * (1 + 0.06 * wrinkles - 0.18 * below)
    albedo = mix(albedo, colour, 0.9 * mask)
    line = np.exp(-0.5 * ((v - anatomy.mouth_v) / 0.014) ** 2) * smoothstep(1.0, 0.9, np.abs(u) / anatomy.mouth_half)
    corner = blob(np.abs(u), v, (anatomy.mouth_half, anatomy.mouth_v), (0.04, 0.025))
    albedo = albedo * (1 - np.clip(0.6 * line + 0.35 * corner, 0, 0.8))
    return albedo, gloss + 0.8 * mask * (v > anatomy.mouth_v)


def _beard(rng: np.random.Generator, anatomy: Anatomy, u: Array, v: Array, albedo: Array) -> Array:
    p = anatomy.person
    if p.beard <= 0:
        return albedo
    jaw = smoothstep(0.6, 1.0, anatomy.outline(u, v)) * smoothstep(0.25, 0.7, v)
    goatee = blob(u, v, (0.0, anatomy.chin_v - 0.12), (0.4, 0.22))
    lip = blob(u, v, (0.0, (anatomy.nose_v + anatomy.mouth_v) / 2 + 0.08), (0.3, 0.065))
    region = np.clip(jaw + goatee + lip, 0, 1) * (1 - anatomy.lips(u, v, 0.03))
    weight = p.beard * region * np.clip(0.7 + 0.3 * strands(rng, u.shape[0], u.shape[1], 4.0), 0, 1)
    colour = to_linear(p.hair) * 0.9
    return mix(albedo, planes(colour), np.clip(weight, 0, 0.85))


def _hair(rng: np.random.Generator, anatomy: Anatomy, grid: Grid, u: Array, v: Array) -> tuple[Array, Array]:
    """Weight [H, W] and colour [3, H, W]; strands run away from the crown."""
    p, (rows, cols) = anatomy.person, u.shape
    part = float(rng.uniform(-0.35, 0.35))
    ragged = 0.02 * fractal(rng, rows, cols, 1.1)
    line = p.hairline + 0.42 * np.abs(u) ** 3 + 0.10 * np.exp(-(((u - part) / 0.5) ** 2)) + ragged
    front = smoothstep(0.05, -0.05, v - line)
    outer = anatomy.outline(u, v + 0.04) - p.hair_volume * smoothstep(0.5, -0.6, v)
    cap = front * smoothstep(1.03, 0.99, outer + ragged)
    if p.long_hair:
        reach = 1.0 + p.hair_volume + 0.16 * smoothstep(-0.5, 0.5, v) + 0.08 * np.sin(2.2 * v + part)
        inner = 0.86 + 0.10 * smoothstep(0.2, 1.2, v) + ragged
        sides = smoothstep(inner - 0.05, inner + 0.05, np.abs(u))
        sides = sides * smoothstep(reach + 0.03, reach - 0.04, np.abs(u) + ragged)
        sides = sides * smoothstep(1.9, 1.3, v + np.abs(ragged) * 3)
        sides = sides * mix(np.ones_like(v), smoothstep(1.03, 0.99, outer + ragged), smoothstep(-0.25, -0.6, v))
    else:
        sides = smoothstep(0.80, 0.90, np.abs(u) + ragged) * smoothstep(1.05, 1.0, outer) * smoothstep(0.3, -0.1, v)
    weight = np.maximum(cap, sides)
    angle = np.arctan2(u - part, v + 1.75)
    radius = np.hypot(u - part, v + 1.75)
    lines = strands(rng, 256, 512, 60.0)
    x = (angle / np.pi + 1) * 250 + 3 * fractal(rng, rows, cols, 1.6)
    comb = sample(lines, x.astype(np.float32), (radius * 60).astype(np.float32))
    tone = (1 + 0.30 * comb) * (0.45 + 0.55 * blur(weight, 2.0))
    return weight.astype(np.float32), (planes(to_linear(p.hair)) * np.clip(tone, 0.15, 2.2)).astype(np.float32)
