"""Self-blended footage: the face pasted over itself, slightly changed, through a soft mask.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022), on native YUV planes. The
pasted face is shifted in colour and light, made softer or sharper, and moved and scaled by a few per cent. The mask
follows the face with a random outline, is blurred, and blends at a random ratio. Everything is drawn once for a clip,
so the fake is coherent in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dfcore.data.composite.kinds import COMPOSITES, chosen_kind
from dfcore.data.composite.swap import composite_swap

if TYPE_CHECKING:
    from dfcore.data.protocols import Footage

__all__ = ["KINDS", "RATIOS", "PseudoFake"]

KINDS = ("sbi", *COMPOSITES)
SHARES: Mapping[str, float] = {"swap": 0.5, "lower": 0.25, "mouth": 0.25}
"""How often the composite swaps are made, a self-blended image being 1: half of all. Learnt beside, they helped on real
fakes (docs/cue-bench.md)."""
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
"""Blend ratios, each as likely as the others."""
_SURROUND = 1.3
"""The square that is worked on, in units of the box's larger side; the mask ends inside of it."""
_LEAST = 16
_HARMONICS = 4

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What is drawn once for a clip.

    Attributes:
        ratio: of the blend.
        gain, offsets: luma becomes ``gain * (y - 128) + 128 + offsets[0]``; the chromas are shifted by the others.
        saturation: factor of both chromas.
        reduce: 1, or how much smaller the pasted image is made in between.
        sharpen: per cent of unsharp mask, 0 for none.
        shift: (x, y) in shares of the box's sides; scale: factor.
        outline: (axes (2), then amplitude and phase of each harmonic of the mask's radius).
        soft: standard deviation of the mask's blur in shares of the box's smaller side.
    """

    ratio: float
    gain: float
    offsets: tuple[float, float, float]
    saturation: float
    reduce: int
    sharpen: int
    shift: tuple[float, float]
    scale: float
    outline: tuple[float, ...]
    soft: float


class PseudoFake:
    """Blends each frame's face with a changed copy of itself; nothing outside of the mask changes. The other kinds are
    the core's composite swaps.
    """

    kinds: tuple[str, ...] = KINDS
    shares: Mapping[str, float] = SHARES

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        """The footage itself (of a composite swap, after another codec), and the blended one.

        Raises:
            UnknownNameError: there is no such kind.
        """
        kind = chosen_kind(self, kind, rng, "BG")
        if kind in COMPOSITES:
            return composite_swap(footage, rng, part=COMPOSITES[kind])
        recipe = _draw(rng)
        frames = [
            _blend(planes, np.asarray(box, np.float64), recipe)
            for *planes, box in zip(footage.y, footage.u, footage.v, footage.boxes, strict=True)
        ]
        y, u, v = (np.stack(plane) for plane in zip(*frames, strict=True))
        return footage, replace(footage, y=y, u=u, v=v)


def _draw(rng: np.random.Generator) -> _Recipe:
    softer = rng.random() < 0.5
    amplitudes = rng.uniform(0, 0.12, _HARMONICS) / np.arange(1, _HARMONICS + 1)
    phases = rng.uniform(0, 2 * np.pi, _HARMONICS)
    return _Recipe(
        ratio=float(rng.choice(RATIOS)),
        gain=float(rng.uniform(0.9, 1.1)),
        offsets=(float(rng.uniform(-12, 12)), float(rng.uniform(-10, 10)), float(rng.uniform(-10, 10))),
        saturation=float(rng.uniform(0.8, 1.2)),
        reduce=int(rng.choice((2, 4))) if softer else 1,
        sharpen=0 if softer else int(rng.integers(60, 180)),
        shift=(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.015, 0.015))),
        scale=float(rng.uniform(0.95, 1.05)),
        outline=(*rng.uniform(0.7, 1.0, 2).tolist(), *amplitudes.tolist(), *phases.tolist()),
        soft=float(rng.uniform(0.02, 0.08)),
    )


def _blend(planes: list[NDArray[np.uint8]], box: NDArray[np.float64], recipe: _Recipe) -> list[NDArray[np.uint8]]:
    """One frame's planes with the face blended; where the face lies outside of the frame, as they were."""
    height, width = planes[0].shape
    side = _SURROUND * float((box[2:] - box[:2]).max())
    x0, y0 = (max(0, 2 * int(np.floor((c - side / 2) / 2))) for c in (box[:2] + box[2:]) / 2)
    x1, y1 = (
        min(limit // 2 * 2, 2 * int(np.ceil((c + side / 2) / 2)))
        for c, limit in zip((box[:2] + box[2:]) / 2, (width, height), strict=True)
    )
    if min(x1 - x0, y1 - y0) < _LEAST:
        return [plane.copy() for plane in planes]
    weight = _mask((x0, y0, x1, y1), box, recipe)
    blended = []
    for number, (plane, step) in enumerate(zip(planes, (1, 2, 2), strict=True)):
        out = plane.copy()
        window = out[y0 // step : y1 // step, x0 // step : x1 // step]
        source = _toned(_changed(window, box, recipe, step), number, recipe)
        share = weight if step == 1 else weight.reshape(weight.shape[0] // 2, 2, -1, 2).mean((1, 3))
        window[:] = np.clip(np.rint(window + recipe.ratio * share * (source - window)), 0, 255)
        blended.append(out)
    return blended


def _changed(window: NDArray[np.uint8], box: NDArray[np.float64], recipe: _Recipe, step: int) -> Floats:
    """The window moved, scaled, and made softer or sharper."""
    image = Image.fromarray(window)
    width, height = image.size
    inverse = 1 / recipe.scale
    dx, dy = (share * side / step for share, side in zip(recipe.shift, box[2:] - box[:2], strict=True))
    matrix = (inverse, 0, width / 2 * (1 - inverse) - dx, 0, inverse, height / 2 * (1 - inverse) - dy)
    padded = image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    # Pillow leaves 0 beyond the image's edge; there the image stays as it was.
    seen = Image.new("L", image.size, 255).transform((width, height), Image.Transform.AFFINE, matrix)
    moved = Image.composite(padded, image, seen)
    if recipe.reduce > 1:
        small = (max(4, width // recipe.reduce), max(4, height // recipe.reduce))
        moved = moved.resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC)
    if recipe.sharpen and step == 1:
        moved = moved.filter(ImageFilter.UnsharpMask(radius=1.5, percent=recipe.sharpen, threshold=0))
    return np.asarray(moved, np.float32)


def _toned(plane: Floats, number: int, recipe: _Recipe) -> Floats:
    factor = recipe.gain if number == 0 else recipe.saturation
    return np.clip(factor * (plane - 128) + 128 + recipe.offsets[number], 0, 255).astype(np.float32)


def _mask(part: tuple[int, int, int, int], box: NDArray[np.float64], recipe: _Recipe) -> Floats:
    """Weight 0..1 on a part of the luma plane: a star-shaped outline about the box's middle, blurred."""
    x0, y0, x1, y1 = part
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    axes = recipe.outline[:2]
    amplitudes, phases = recipe.outline[2 : 2 + _HARMONICS], recipe.outline[2 + _HARMONICS :]
    x = (np.arange(x0, x1) + 0.5 - centre[0]) / (half[0] * axes[0])
    y = ((np.arange(y0, y1) + 0.5 - centre[1]) / (half[1] * axes[1]))[:, None]
    angle = np.arctan2(y, x)
    edge = 1 + sum(
        amplitude * np.cos(order * angle + phase)
        for order, (amplitude, phase) in enumerate(zip(amplitudes, phases, strict=True), start=1)
    )
    inside = Image.fromarray((255 * (np.hypot(x, y) < edge)).astype(np.uint8))
    blurred = inside.filter(ImageFilter.GaussianBlur(recipe.soft * 2 * float(half.min())))
    return np.asarray(blurred, np.float32) / np.float32(255)
