"""Images: the face and its context, and the face's mask in it; finished by :mod:`dfcore.data.views.finish`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfcore.data.colour import yuv_matrix
from dfcore.data.views.augment import Colour, Draw
from dfcore.data.views.common import Parts, Square, ellipse, even, whole_window
from dfcore.data.views.finish import AXES, DRAWN, IMAGENET_MEAN, IMAGENET_STD, PIXELS, RGB
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.upright import UprightFrames

__all__ = [
    "FACE_SCALE",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "KEPT_SIDE",
    "context",
    "ellipse_axes",
    "face",
    "face_mask",
    "face_square",
    "kept_pixels",
    "middle_frame",
    "packed",
    "resized",
    "small",
]

KEPT_SIDE = 224
"""Side of the images that a raw store keeps: the backbones' usual one."""
FACE_SCALE = 1.3
"""Side of the face view's square in units of the face box's larger side."""


def face(upright: UprightFrames, _: Lattice, draw: Draw, size: int) -> Parts:
    """The face's square surround in the middle frame."""
    middle = middle_frame(upright)
    x0, y0, x1, y1 = (0, 0, 0, 0) if draw.erase is None else (round(value * size) for value in draw.erase)
    drawn = torch.tensor([draw.blur * size, x0, y0, x1, y1])
    return {**small(middle, face_square(middle), size, draw.colour, kept="face"), DRAWN: drawn[None]}


def face_square(upright: UprightFrames) -> Square:
    """The square that the face view shows of the first frame; of a mirror image the mirrored one."""
    if upright.flip:
        x, y, side = face_square(UprightFrames(upright.access, upright.frames[:1]))
        return upright.width - x - side, y, side
    x0, y0, x1, y1 = upright.boxes[0]
    side = max(2, even(FACE_SCALE * max(x1 - x0, y1 - y0)))
    x, y = even((x0 + x1 - side) / 2), even((y0 + y1 - side) / 2)
    x, y = min(max(x, 2 - side), upright.width - 2), min(max(y, 2 - side), upright.height - 2)  # some of the window
    return x, y, side


def middle_frame(upright: UprightFrames) -> UprightFrames:
    """The middle one of the frames; the same object where there is one only."""
    if len(upright.frames) == 1:
        return upright
    return UprightFrames(upright.access, [upright.frames[len(upright.frames) // 2]], upright.flip)


def context(upright: UprightFrames, _: Lattice, __: Draw, size: int) -> Parts:
    """The whole window."""
    return small(upright, whole_window(upright), size, None, kept="context")


def small(upright: UprightFrames, square: Square, size: int, colour: Colour | None, kept: str = "") -> Parts:
    """A square of the window, resized, and what makes RGB of it (:mod:`dfcore.data.views.finish`).

    Args:
        upright: the frames.
        square: of the window.
        size: S.
        colour: to change colours by.
        kept: the name under which a store may have it (:mod:`dfcore.data.views.kept`).
    """
    found = kept_pixels(upright, kept, size) if kept else None
    pixels = resized(upright, square, size) if found is None else torch.from_numpy(np.array(found))
    if upright.flip:
        pixels = pixels.flip(-1)
    source = upright.access.source
    rgb = _normaliser(source.colour_matrix, source.colour_range, colour)
    return {PIXELS: pixels, RGB: rgb.expand(len(pixels), 3, 4)}


def kept_pixels(upright: UprightFrames, name: str, size: int) -> NDArray[np.uint8] | None:
    """What a store keeps of an image view, as :func:`resized` gives it; None where it has none of that size."""
    found = upright.kept(name) if size == KEPT_SIDE else None
    return None if found is None or found.shape[1:] != (3, size, size) else found


def resized(upright: UprightFrames, square: Square, size: int) -> Tensor:
    """Y, U and V of a square, uint8 ``[n, 3, size, size]``, as it lies before the mirror.

    torch has a vectorised antialiased kernel for uint8 images of interleaved channels, several times as fast as all
    others. It gives a mirrored image mirrored, to the last bit, so that it is the small one that is mirrored.
    """
    pixels = packed(upright, square, size)
    return F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)[:, :3].contiguous()


def packed(upright: UprightFrames, square: Square, size: int) -> Tensor:
    """A square's YUV pixels as they lie before the mirror: uint8 ``[n, 4, side, side]`` (Y, U, V, 0) with the channels
    last in memory.

    Chroma is repeated to luma's size; where the square has at least twice the target's side, luma is halved
    (means of 2x2 pixels) to chroma's size instead.
    """
    x, y, side = square
    planes = upright.planes
    if upright.flip:  # columns that run backwards are read several times as slowly
        x, planes = upright.width - x - side, tuple(plane[..., ::-1] for plane in planes)  # type: ignore[assignment]
    half = (x // 2, y // 2, side // 2)
    luma, u, v = (_crop(plane, part) for plane, part in zip(planes, ((x, y, side), half, half), strict=True))
    # A pixel is one number, so that each step writes whole words: 2 to 4 times as fast as bytes at intervals.
    pixels = v.astype("<u4", order="C")
    pixels <<= 16
    upper = u.astype("<u2", order="C")
    upper <<= 8
    pixels |= upper
    if side >= 2 * size:
        pixels |= _halved(luma)
        side //= 2
    else:
        pairs = pixels.astype("<u8")
        pairs |= pairs << 32
        pixels = luma.astype("<u4", order="C").reshape(-1, side // 2, 2, side)
        pixels |= pairs.view("<u4")[:, :, None]
    return torch.from_numpy(pixels.view(np.uint8).reshape(-1, side, side, 4)).permute(0, 3, 1, 2)


def _crop(plane: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """A square of ``[n, H, W]``, its edge repeated where it leaves the plane."""
    x, y, side = square
    height, width = plane.shape[-2:]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    inside = plane[:, y0:y1, x0:x1]
    if inside.shape[-2:] == (side, side):
        return inside
    return np.pad(inside, ((0, 0), (y0 - y, y + side - y1), (x0 - x, x + side - x1)), mode="edge")


def _halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rounded means of 2x2 pixels of ``[n, h, w]``, both even."""
    pairs = np.ascontiguousarray(plane).view(np.uint16)
    columns = (pairs & 0xFF) + (pairs >> 8)
    return ((columns[:, 0::2] + columns[:, 1::2] + 2) >> 2).astype(np.uint8)


def _normaliser(matrix: str, colour_range: str, colour: Colour | None) -> Tensor:
    """``(A | b) [3, 4]`` such that ``A @ yuv + b`` is ImageNet-normalised RGB of YUV in 0..255."""
    gain, offset = _to_rgb(matrix, colour_range)
    if colour is not None:
        change, shift = colour
        gain = [[sum(c * gain[k][j] for k, c in enumerate(row)) for j in range(3)] for row in change]
        offset = [sum(c * offset[k] for k, c in enumerate(row)) + t for row, t in zip(change, shift, strict=True)]
    channels = zip(gain, offset, IMAGENET_MEAN, IMAGENET_STD, strict=True)
    return torch.tensor([[*(value / std for value in row), (b - mean) / std] for row, b, mean, std in channels])


@lru_cache(maxsize=8)
def _to_rgb(matrix: str, colour_range: str) -> tuple[list[list[float]], list[float]]:
    """``A`` and ``b`` such that ``A @ yuv + b`` is RGB in 0..1 of YUV in 0..255."""
    gain, black = yuv_matrix(matrix, colour_range)
    return (gain / 255.0).tolist(), (-(gain @ black) / 255.0).tolist()


def face_mask(upright: UprightFrames, _: Lattice, __: Draw, size: int) -> Parts:
    """The face's ellipse in the context."""
    return {AXES: ellipse_axes(upright.boxes, whole_window(upright), size)}


def ellipse_axes(boxes: list[tuple[float, float, float, float]], square: Square, size: int) -> Tensor:
    """The ellipses inscribed in n boxes, on a square's pixels at ``size``: float32 ``[n, 2 size + 1]``.

    For each column, then each row, the square of its distance from the centre in half axes; last the shorter half axis
    in pixels. :func:`dfcore.data.views.finish.ellipses` makes masks of them.
    """
    x0, y0, side = square
    scale = size / side
    centres = np.arange(size) + 0.5
    cx, cy, rx, ry = ((np.array([ellipse(box) for box in boxes]) - (x0, y0, 0, 0)) * scale).T[:, :, None]
    across, down = (((centres - c) / r).astype(np.float32) ** 2 for c, r in ((cx, rx), (cy, ry)))
    return torch.from_numpy(np.concatenate([across, down, np.minimum(rx, ry).astype(np.float32)], axis=1))
