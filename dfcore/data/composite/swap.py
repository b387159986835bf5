"""The composite swap: a part of the face, as a generator would have made it, over itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Planes
from dfcore.data.composite.generator import Generator, draw_generator
from dfcore.data.composite.regions import PARTS, Outline, Region, face_region
from dfcore.data.media.coding.codecs import CODECS, coded_again
from dfcore.errors import MediaError, UnknownNameError

if TYPE_CHECKING:
    from dfcore.data.protocols import Footage

__all__ = ["BLENDS", "Swap", "composite_swap", "draw_swap", "swapped"]

Floats = NDArray[np.float32]

BLENDS = ("soft", "hard", "toned", "bands")
"""``soft``: through a mask with a wide edge. ``hard``: with an edge of about a pixel. ``toned``: soft, and the pasted
part's brightness is first moved to that of what it covers. ``bands``: coarse structure through a wide edge, detail
through a narrow one."""
_HISTORIES = {"h264": 0.5, "hevc": 0.1, "vp9": 0.1, "mpeg4": 0.1, "mjpeg": 0.05}
"""What whole frames went through before the swap, and how often; in the rest, nothing more than they had."""
_LEAST = 16
"""Least side of the region, in pixels; what is smaller stays as it is."""
_FIELD = 16
"""Side in pixels of the patches whose brightness a generator changes from frame to frame."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What is drawn once for a clip.

    Attributes:
        part: of the face.
        outline: of the mask.
        generator: what the pasted part went through.
        blend: one of :data:`BLENDS`.
        soft: width of the mask's edge, in its half axes.
        ratio: of the blend.
        offset: (x, y) that the pasted part lies beside its place, in half axes.
        jitter: standard deviation of its place from frame to frame, in pixels.
        light: of its brightness from frame to frame, in levels.
        patches: of the brightness of patches within it, in levels.
    """

    part: str
    outline: Outline
    generator: Generator
    blend: str
    soft: float
    ratio: float
    offset: tuple[float, float]
    jitter: float
    light: float
    patches: float


def composite_swap(
    footage: Footage, rng: np.random.Generator, *, part: str = "face", history: bool = True
) -> tuple[Footage, Footage]:
    """Control and fake: the same frames after the same codec, without and with the swap.

    Args:
        footage: real frames.
        rng: where all random numbers come from.
        part: of the face, one of :data:`~dfcore.data.composite.regions.PARTS`.
        history: give both another generation of a random codec first, in most cases.

    Raises:
        UnknownNameError: there is no such part.
        MediaError: this PyAV lacks an encoder, or the part is too small in these frames.
    """
    if part not in PARTS:
        raise UnknownNameError("part of the face", part, PARTS)
    swap = draw_swap(rng, part)
    shares = list(_HISTORIES.values())
    codec = str(rng.choice([*_HISTORIES, ""], p=[*shares, 1 - sum(shares)]))
    coarseness, seed = float(rng.uniform(0, 0.8)), int(rng.integers(2**32))
    planes: Planes = (footage.y, footage.u, footage.v)
    if history and codec in CODECS:
        planes = coded_again(planes, footage.fps, codec, coarseness)
    made = swapped(planes, footage, swap, np.random.default_rng(seed))
    if np.array_equal(made[0], planes[0]):
        raise MediaError(
            f"the {part} is too small to be swapped: its region is less than {_LEAST} pixels wide or high, or outside "
            "of the frames. Use footage with a larger face."
        )
    control, fake = (replace(footage, y=y, u=u, v=v) for y, u, v in (planes, made))
    return control, fake


def draw_swap(rng: np.random.Generator, part: str = "face") -> Swap:
    """The settings of a clip's swap; a mouth is never sharpened, for such fakes are soft."""
    waves = tuple((float(rng.uniform(0, 0.08) / n), float(rng.uniform(0, 2 * np.pi))) for n in (1, 2, 3))
    steady = rng.random() < 0.3
    return Swap(
        part=part,
        outline=Outline(float(rng.uniform(0.85, 1.12)), float(rng.uniform(0.85, 1.12)), waves),
        generator=draw_generator(rng, sharper=False if part == "mouth" else None),
        blend=BLENDS[int(rng.integers(len(BLENDS)))],
        soft=float(rng.uniform(0.1, 0.35)),
        ratio=float(rng.choice((0.7, 1.0, 1.0, 1.0))),
        offset=(float(rng.uniform(-0.02, 0.02)), float(rng.uniform(-0.02, 0.02))),
        jitter=0.0 if steady else float(rng.uniform(0.05, 0.5)),
        light=0.0 if steady else float(rng.uniform(0.0, 1.2)),
        patches=0.0 if steady else float(rng.uniform(0.0, 1.5)),
    )


def swapped(planes: Planes, footage: Footage, swap: Swap, rng: np.random.Generator) -> Planes:
    """``planes`` with the swap in every frame; ``footage`` says where the face is. Nothing is changed in place."""
    made = tuple(plane.copy() for plane in planes)
    for t in range(len(planes[0])):
        region = face_region(
            swap.part,
            np.asarray(footage.boxes[t], np.float64),
            np.asarray(footage.landmarks[t], np.float64),
            swap.outline,
        )
        _paste([plane[t] for plane in made], region, swap, rng)
    return made[0], made[1], made[2]


def _paste(frame: list[NDArray[np.uint8]], region: Region, swap: Swap, rng: np.random.Generator) -> None:
    """One frame's planes, changed in place."""
    moved = rng.normal(0, swap.jitter, 2) if swap.jitter else np.zeros(2)
    light = float(rng.normal(0, swap.light)) if swap.light else 0.0
    height, width = frame[0].shape
    x0, y0, x1, y1 = region.bounds(width, height, 1.0 + swap.soft)
    field = _field(rng, (y1 - y0, x1 - x0), swap.patches)
    if min(x1 - x0, y1 - y0) < _LEAST:
        return
    shift = (float(moved[0] + swap.offset[0] * region.half[0]), float(moved[1] + swap.offset[1] * region.half[1]))
    distance = region.distance(
        np.arange(x0, x1, dtype=np.float64) + 0.5, (np.arange(y0, y1, dtype=np.float64) + 0.5)[:, None]
    )
    for number, (plane, step) in enumerate(zip(frame, (1, 2, 2), strict=True)):
        window = plane[y0 // step : y1 // step, x0 // step : x1 // step]
        away = distance if step == 1 else distance.reshape(len(distance) // 2, 2, -1, 2).mean((1, 3))
        if number == 0:
            pasted = swap.generator.luma(window, shift, light) + field
        else:
            pasted = swap.generator.colour(window, number - 1, (shift[0] / 2, shift[1] / 2))
        mixed = _blended(window.astype(np.float32), pasted, away.astype(np.float32), swap, min(region.half) / step)
        window[:] = np.clip(np.rint(mixed), 0, 255)


def _field(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> Floats | float:
    """Brightness of patches of 16 pixels, drawn anew in each frame; 0 where ``strength`` is."""
    if not strength:
        return 0.0
    rows, columns = (-(-side // _FIELD) for side in shape)
    patches = rng.normal(0, strength, (rows, columns)).astype(np.float32)
    whole: Floats = np.kron(patches, np.ones((_FIELD, _FIELD), np.float32))[: shape[0], : shape[1]]
    return whole


def _blended(under: Floats, over: Floats, distance: Floats, swap: Swap, half: float) -> Floats:
    """``over`` on ``under`` by how far each pixel lies from the centre; ``half`` is the lesser half axis in pixels."""
    wide = _step((1 - distance) / swap.soft)
    narrow = _step((1 - distance) * half + 0.5)
    if swap.blend == "bands":
        coarse_under, coarse_over = _coarse(under), _coarse(over)
        coarse = coarse_under + swap.ratio * wide * (coarse_over - coarse_under)
        fine = (under - coarse_under) * (1 - swap.ratio * narrow) + swap.ratio * narrow * (over - coarse_over)
        return coarse + fine
    if swap.blend == "toned":
        share = wide / max(float(wide.sum()), 1e-6)
        over = over + float((share * (under - over)).sum())
    weight = swap.ratio * (narrow if swap.blend == "hard" else wide)
    mixed: Floats = under + weight * (over - under)
    return mixed


def _step(values: Floats) -> Floats:
    """0 up to 0, 1 from 1 on, smooth between."""
    t = np.clip(values, 0, 1)
    smooth: Floats = t * t * (3 - 2 * t)
    return smooth


def _coarse(plane: Floats) -> Floats:
    """Means over about 9x9 pixels, by running sums; the edge is repeated."""
    reach = min(4, (min(plane.shape) - 1) // 2)
    found = plane
    for axis in (0, 1):
        pad = [(reach + 1, reach) if a == axis else (0, 0) for a in (0, 1)]
        sums = np.cumsum(np.pad(found, pad, mode="edge"), axis=axis, dtype=np.float64)
        ends = [np.take(sums, range(first, first + plane.shape[axis]), axis) for first in (2 * reach + 1, 0)]
        found = ((ends[0] - ends[1]) / (2 * reach + 1)).astype(np.float32)
    return found
