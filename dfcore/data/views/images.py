"""Images: the face and its context, and the face's mask in it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfcore.data.media.colour import yuv_matrix
from dfcore.data.views.augment import Colour, Draw, blur, erase
from dfcore.data.views.common import Square, ellipse, even, whole_window
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.upright import UprightFrames

__all__ = [
    "FACE_SCALE",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "context",
    "ellipse_mask",
    "face",
    "face_mask",
    "face_square",
    "middle_frame",
    "normalised",
    "packed",
]

FACE_SCALE = 1.3
"""Side of the face view's square in units of the face box's larger side."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def face(upright: UprightFrames, _: Lattice, draw: Draw, size: int) -> Tensor:
    """The face's square surround in the middle frame: float32 ``[3, S, S]``, ImageNet-normalised."""
    middle = middle_frame(upright)
    images = normalised(middle, face_square(middle), size, draw.colour)
    if draw.blur:
        images = blur(images, draw.blur * size)
    if draw.erase:
        erase(images, draw.erase)
    return images[0]


def face_square(upright: UprightFrames) -> Square:
    """The square that the face view shows of the first frame."""
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


def context(upright: UprightFrames, _: Lattice, __: Draw, size: int) -> Tensor:
    """The whole window: float32 ``[n, 3, S, S]``, ImageNet-normalised."""
    return normalised(upright, whole_window(upright), size, None)


def normalised(upright: UprightFrames, square: Square, size: int, colour: Colour | None) -> Tensor:
    """A square of the window as float32 ``[n, 3, size, size]``, ImageNet-normalised.

    The resizing is done on uint8 YUV, before one affine map makes normalised RGB of it: torch has a vectorised
    antialiased kernel for uint8 images of three interleaved channels, several times as fast as all others.
    """
    small = F.interpolate(packed(upright, square, size), size=(size, size), mode="bilinear", antialias=True)
    yuv = small.contiguous().float().flatten(2)  # [n, 3, size * size]; planes again, which the product reads faster
    matrix, offset = _normaliser(upright.access.source.colour_matrix, upright.access.source.colour_range, colour)
    rgb = torch.empty(yuv.shape)
    for image, values in zip(rgb, yuv, strict=True):
        torch.addmm(offset, matrix, values, out=image)
    for channel, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        rgb[:, channel].clamp_(-mean / std, (1 - mean) / std)  # 0 and 1 in RGB
    return rgb.view(-1, 3, size, size)


def packed(upright: UprightFrames, square: Square, size: int) -> Tensor:
    """A square's YUV pixels, uint8 ``[n, 3, side, side]`` with the channels last in memory.

    Chroma is repeated to luma's size; where the square has at least twice the target's side, luma is halved
    (means of 2x2 pixels) to chroma's size instead.
    """
    x, y, side = square
    half = (x // 2, y // 2, side // 2)
    luma, *chroma = (_crop(plane, part) for plane, part in zip(upright.planes, (square, half, half), strict=True))
    if side >= 2 * size:
        luma, side = _halved(luma), side // 2
    packed = np.empty((len(luma), side, side, 3), dtype=np.uint8)
    packed[..., 0] = luma
    step = side // half[2]
    for channel, plane in enumerate(chroma, start=1):
        for i in range(step):
            for j in range(step):
                packed[:, i::step, j::step, channel] = plane
    return torch.from_numpy(packed).permute(0, 3, 1, 2)


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


def _normaliser(matrix: str, colour_range: str, colour: Colour | None) -> tuple[Tensor, Tensor]:
    """``A [3, 3]`` and ``b [3, 1]`` such that ``A @ yuv + b`` is ImageNet-normalised RGB of YUV in 0..255."""
    gain, offset = _to_rgb(matrix, colour_range)
    if colour is not None:
        change, shift = colour
        gain = [[sum(c * gain[k][j] for k, c in enumerate(row)) for j in range(3)] for row in change]
        offset = [sum(c * offset[k] for k, c in enumerate(row)) + t for row, t in zip(change, shift, strict=True)]
    scaled = [[value / std for value in row] for row, std in zip(gain, IMAGENET_STD, strict=True)]
    moved = [[(b - mean) / std] for b, mean, std in zip(offset, IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    return torch.tensor(scaled), torch.tensor(moved)


@lru_cache(maxsize=8)
def _to_rgb(matrix: str, colour_range: str) -> tuple[list[list[float]], list[float]]:
    """``A`` and ``b`` such that ``A @ yuv + b`` is RGB in 0..1 of YUV in 0..255."""
    gain, black = yuv_matrix(matrix, colour_range)
    return (gain / 255.0).tolist(), (-(gain @ black) / 255.0).tolist()


def face_mask(upright: UprightFrames, _: Lattice, __: Draw, size: int) -> Tensor:
    """The face's ellipse in the context: float32 ``[n, 1, S, S]``."""
    return ellipse_mask(upright.boxes, whole_window(upright), size)


def ellipse_mask(boxes: list[tuple[float, float, float, float]], square: Square, size: int) -> Tensor:
    """The ellipses inscribed in n boxes, on a square's pixels at ``size``: float32 ``[n, 1, size, size]``, 0..1."""
    x0, y0, side = square
    scale = size / side
    centres = np.arange(size) + 0.5
    ellipses = (np.array([ellipse(box) for box in boxes]) - (x0, y0, 0, 0)) * scale
    cx, cy, rx, ry = ellipses.T[:, :, None]
    across, down = (((centres - c) / r).astype(np.float32) ** 2 for c, r in ((cx, rx), (cy, ry)))
    radius = torch.from_numpy(across[:, None, :] + down[:, :, None]).sqrt_()
    least = torch.from_numpy(np.minimum(rx, ry).astype(np.float32))[:, :, None]
    return radius.sub_(1).mul_(-least).add_(0.5).clamp_(0, 1)[:, None]  # a soft edge of about one pixel
