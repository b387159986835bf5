"""Forgeries made of real footage: the face made small and enlarged again, the way generated faces are pasted back; or
sharper than its surround, as rendered faces are.
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

__all__ = ["FACTORS", "PseudoFake"]

FACTORS = {"x1.3": 1.3, "x1.5": 1.5, "x2": 2.0, "x3": 3.0}
"""By how much the face is enlarged, by kind."""
SHARPER = "sharper"
SHARES: Mapping[str, float] = {SHARPER: 0.0, "swap": 2.0, "lower": 1.0, "mouth": 1.0}
"""How often these are made, each of the others being 1. Composite swaps helped on real fakes (docs/cue-bench.md);
sharper faces, learnt beside, cost what the head knew of enlarged ones, and are made only where they are asked for."""
_ENLARGE = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
_SHRINK = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_SURROUND = 1.3
"""The square that is resampled, in units of the box's larger side: the mask's soft edge lies inside."""
_LEAST = 8
"""Least side of the small image, in pixels."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What is drawn once for a clip.

    Attributes:
        factor: how much the small image is enlarged; 1 for a face that is sharpened instead.
        sharpen: per cent of unsharp mask on its luma then.
        shrink, enlarge: Pillow's kernels; when shrinking they are widened, so nothing aliases.
        axes: half axes of the mask's ellipse in units of half the box's sides.
        soft: width of its soft edge as a share of the lesser half axis.
        shift: offset of the small image's grid, in pixels.
    """

    factor: float
    shrink: Image.Resampling
    enlarge: Image.Resampling
    axes: tuple[float, float]
    soft: float
    shift: tuple[float, float]
    sharpen: int = 0


class PseudoFake:
    """Shrinks the face region of every frame by 1/xi, enlarges it by xi and pastes it back through a soft ellipse; of
    the kind ``sharper`` sharpens it instead. The others are the core's composite swaps.

    The small image holds luma and both chroma planes at one size, as a generator's RGB image does. Factor,
    kernels and the mask's shape stay the same throughout a clip; the grid moves with the face, by fractions of a pixel.
    Nothing outside the mask changes.
    """

    kinds: tuple[str, ...] = (*FACTORS, SHARPER, *COMPOSITES)
    shares: Mapping[str, float] = SHARES

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        """The footage itself, and a copy with the face enlarged as ``kind`` says; None draws one.

        Raises:
            UnknownNameError: there is no such kind.
        """
        kind = chosen_kind(self, kind, rng, "RR")
        if kind in COMPOSITES:
            return composite_swap(footage, rng, part=COMPOSITES[kind])
        recipe = _draw(FACTORS.get(kind, 1.0), rng)
        frames = [
            _paste(planes, np.asarray(box, np.float64), np.asarray(points, np.float64), recipe)
            for *planes, box, points in zip(
                footage.y, footage.u, footage.v, footage.boxes, footage.landmarks, strict=True
            )
        ]
        y, u, v = (np.stack(plane) for plane in zip(*frames, strict=True))
        return footage, replace(footage, y=y, u=u, v=v)


def _draw(factor: float, rng: np.random.Generator) -> _Recipe:
    return _Recipe(
        factor=factor,
        shrink=_SHRINK[int(rng.integers(len(_SHRINK)))],
        enlarge=_ENLARGE[int(rng.integers(len(_ENLARGE)))],
        axes=(float(rng.uniform(0.85, 1.05)), float(rng.uniform(0.85, 1.05))),
        soft=float(rng.uniform(0.08, 0.25)),
        shift=(float(rng.uniform(0, 1)), float(rng.uniform(0, 1))),
        sharpen=int(rng.integers(60, 180)) if factor == 1 else 0,
    )


def _paste(
    planes: list[NDArray[np.uint8]], box: NDArray[np.float64], points: NDArray[np.float64], recipe: _Recipe
) -> list[NDArray[np.uint8]]:
    """One frame's planes with the face resampled; where the face lies outside of the frame, as they were."""
    height, width = planes[0].shape
    side = _SURROUND * float((box[2:] - box[:2]).max())
    corner = (box[:2] + box[2:] - side) / 2 + recipe.shift
    square = (corner[0], corner[1], corner[0] + side, corner[1] + side)
    x0, y0 = (max(0, 2 * int(np.ceil(c / 2))) for c in square[:2])
    x1, y1 = (min(limit // 2 * 2, 2 * int(c / 2)) for c, limit in zip(square[2:], (width, height), strict=True))
    if min(x1 - x0, y1 - y0) < _LEAST:
        return [plane.copy() for plane in planes]
    small = max(_LEAST, round(side / recipe.factor))
    pasted = []
    for plane, step in zip(planes, (1, 2, 2), strict=True):
        part = (x0 // step, y0 // step, x1 // step, y1 // step)
        source: Box = (square[0] / step, square[1] / step, square[2] / step, square[3] / step)
        if recipe.factor > 1:
            again = _resampled(plane, source, part, small, recipe)
        else:
            again = _sharpened(plane, part, recipe.sharpen if step == 1 else 0)
        weight = _ellipse(part, step, box, points, recipe)
        out = plane.copy()
        window = out[part[1] : part[3], part[0] : part[2]]
        window[:] = np.clip(np.rint(window + weight * (again - window)), 0, 255)
        pasted.append(out)
    return pasted


def _resampled(
    plane: NDArray[np.uint8], square: Box, part: tuple[int, int, int, int], small: int, recipe: _Recipe
) -> NDArray[np.float32]:
    """What ``square`` of a plane looks like after an image of ``small`` pixels' side, on the pixels of ``part``."""
    pad = int(np.ceil(max(0.0, -square[0], -square[1], square[2] - plane.shape[1], square[3] - plane.shape[0])))
    image = Image.fromarray(np.pad(plane, pad, mode="edge").astype(np.float32))
    moved: Box = (square[0] + pad, square[1] + pad, square[2] + pad, square[3] + pad)
    reduced = image.resize((small, small), recipe.shrink, box=moved)
    scale = small / (square[2] - square[0])
    x0, y0, x1, y1 = part
    inside: Box = (
        max(0.0, (x0 - square[0]) * scale),
        max(0.0, (y0 - square[1]) * scale),
        min(float(small), (x1 - square[0]) * scale),
        min(float(small), (y1 - square[1]) * scale),
    )
    return np.asarray(reduced.resize((x1 - x0, y1 - y0), recipe.enlarge, box=inside), dtype=np.float32)


def _sharpened(plane: NDArray[np.uint8], part: tuple[int, int, int, int], percent: int) -> NDArray[np.float32]:
    """The pixels of ``part`` with an unsharp mask of 1.5 pixels; the plane beyond is seen too."""
    image = Image.fromarray(plane).filter(ImageFilter.UnsharpMask(radius=1.5, percent=percent, threshold=0))
    return np.asarray(image, np.float32)[part[1] : part[3], part[0] : part[2]]


def _ellipse(
    part: tuple[int, int, int, int],
    step: int,
    box: NDArray[np.float64],
    points: NDArray[np.float64],
    recipe: _Recipe,
) -> NDArray[np.float32]:
    """Weight 0..1 on the pixels of ``part`` of a plane that is ``step`` times coarser than luma.

    An ellipse about the box's centre, turned with the line of the eyes; its edge is a smooth step.
    """
    centre = (box[:2] + box[2:]) / 2
    half = (box[2:] - box[:2]) / 2 * np.asarray(recipe.axes)
    eyes = points[1] - points[0]
    turn = np.arctan2(eyes[1], eyes[0]) if eyes[0] > 0 else 0.0
    x = (np.arange(part[0], part[2]) + 0.5) * step - centre[0]
    y = (np.arange(part[1], part[3]) + 0.5)[:, None] * step - centre[1]
    along, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    radius = np.hypot(along / half[0], down / half[1])
    t = np.clip((1 - radius) / recipe.soft, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
