"""Views: the tensors that models read, made from a clip when a sample is read.

For n frames each view has a leading axis of n; for a single frame it has none.

==========  ===========================  =======================================================================
face        float32 ``[3, S, S]``        the face's square surround (1.3 times its box), antialiased,
                                         ImageNet-normalised; one square for all n frames
context     float32 ``[3, S, S]``        the whole window likewise (a window that is not square is filled up at
                                         its edges)
face_mask   float32 ``[1, S, S]``        the face's ellipse in the context, 0..1
tiles       uint8 ``[49, 64, 64]``       native luma, see :mod:`dfcore.data.lattice`
tile_face   float32 ``[49, 4, 4]``       share of each 16x16 block of the tiles that lies in the face's ellipse
qp          float32 ``[49, 4, 4]``       each block's quantiser, -1 where it is not known
*evidence*  float32 ``[49, C, 4, 4]``    by its name; for a single frame the mean over the clip's frames
==========  ===========================  =======================================================================

The face's ellipse is the one inscribed in its box. Everything is upright and mirrored together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfcore.data.access import ClipAccess
from dfcore.data.augment import Augmentation, Colour, Draw, Uniform, blur, erase
from dfcore.data.clips import BLOCK
from dfcore.data.colour import yuv_matrix
from dfcore.data.lattice import TILE_BLOCKS, TILES, Lattice, lattice
from dfcore.data.scene import Scene, upright_size
from dfcore.errors import StoreError

__all__ = ["FACE_SCALE", "IMAGENET_MEAN", "IMAGENET_STD", "VIEWS", "build_views"]

FACE_SCALE = 1.3
"""Side of the face view's square in units of the face box's larger side."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def build_views(
    access: ClipAccess,
    names: Sequence[str],
    frames: Sequence[int],
    *,
    image_size: int,
    augment: Augmentation | None = None,
    rng: Uniform | None = None,
) -> dict[str, Tensor]:
    """The views ``names`` of some frames of a clip; only what they need is read.

    Args:
        access: the clip.
        names: those of the table above; any other is the name of an evidence.
        frames: positions in the clip, 0 to T-1.
        image_size: S.
        augment: training augmentations; needs ``rng``.
        rng: where their random numbers come from.

    Raises:
        StoreError: a name that is neither a view nor an evidence extracted from this clip.
    """
    draw = Draw()
    if augment is not None and augment.names:
        if rng is None:
            raise ValueError("augmentations need a random generator")
        draw = augment.draw(rng, *upright_size(access))
    scene = Scene(access, frames, draw.flip)
    if "face" in names or "context" in names:
        scene.planes  # noqa: B018 - read luma and chroma in one go, before `luma` alone is asked for
    grid = lattice(scene.width, scene.height, draw.jitter)
    found = {name: _BUILDERS.get(name, _evidence(name))(scene, grid, draw, image_size) for name in names}
    return {name: view[0] for name, view in found.items()} if len(scene.frames) == 1 else found


# -- pictures ----------------------------------------------------------------------------------------------------------

_Square = tuple[int, int, int]  # x, y, side in luma pixels of the upright window, all even; may leave the window


def _face(scene: Scene, _: Lattice, draw: Draw, size: int) -> Tensor:
    x0, y0, x1, y1 = (sum(edge) / len(edge) for edge in zip(*scene.boxes, strict=True))
    side = max(2, _even(FACE_SCALE * max(x1 - x0, y1 - y0)))
    x, y = _even((x0 + x1 - side) / 2), _even((y0 + y1 - side) / 2)
    x, y = min(max(x, 2 - side), scene.width - 2), min(max(y, 2 - side), scene.height - 2)  # some of the window
    pictures = _pictures(scene, (x, y, side), size, draw.colour)
    if draw.blur:
        pictures = blur(pictures, draw.blur * size)
    if draw.erase:
        erase(pictures, draw.erase)
    return pictures


def _context(scene: Scene, _: Lattice, __: Draw, size: int) -> Tensor:
    return _pictures(scene, _whole(scene), size, None)


def _whole(scene: Scene) -> _Square:
    side = max(scene.width, scene.height)
    return (scene.width - side) // 2, (scene.height - side) // 2, side


def _even(value: float) -> int:
    return 2 * round(value / 2)


def _pictures(scene: Scene, square: _Square, size: int, colour: Colour | None) -> Tensor:
    """A square of the window as float32 ``[n, 3, size, size]``, ImageNet-normalised.

    The resizing is done on uint8 YUV, before one affine map makes normalised RGB of it: torch has a vectorised
    antialiased kernel for uint8 pictures of three interleaved channels, several times as fast as all others.
    """
    small = F.interpolate(_packed(scene, square, size), size=(size, size), mode="bilinear", antialias=True)
    yuv = small.permute(0, 2, 3, 1).flatten(1, 2).float().mT  # [n, 3, size * size]
    matrix, offset = _normaliser(scene.access.source.colour_matrix, scene.access.source.colour_range, colour)
    rgb = torch.empty(yuv.shape)
    for picture, values in zip(rgb, yuv, strict=True):
        torch.addmm(offset, matrix, values, out=picture)
    for channel, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        rgb[:, channel].clamp_(-mean / std, (1 - mean) / std)  # 0 and 1 in RGB
    return rgb.view(-1, 3, size, size)


def _packed(scene: Scene, square: _Square, size: int) -> Tensor:
    """A square's YUV pixels, uint8 ``[n, 3, side, side]`` with the channels last in memory.

    Chroma is repeated to luma's size; where the square has at least twice the target's side, luma is halved
    (means of 2x2 pixels) to chroma's size instead.
    """
    x, y, side = square
    half = (x // 2, y // 2, side // 2)
    luma, *chroma = (_crop(plane, part) for plane, part in zip(scene.planes, (square, half, half), strict=True))
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


def _crop(plane: NDArray[np.uint8], square: _Square) -> NDArray[np.uint8]:
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


def _face_mask(scene: Scene, _: Lattice, __: Draw, size: int) -> Tensor:
    x0, y0, side = _whole(scene)
    scale = size / side
    centres = np.arange(size) + 0.5
    masks = []
    for box in scene.boxes:
        cx, cy, rx, ry = _ellipse(box)
        cx, cy, rx, ry = (cx - x0) * scale, (cy - y0) * scale, rx * scale, ry * scale
        radius = np.sqrt(((centres - cx) / rx)[None, :] ** 2 + ((centres - cy) / ry)[:, None] ** 2)
        masks.append(np.clip((1 - radius) * min(rx, ry) + 0.5, 0, 1))  # a soft edge of about one pixel
    return torch.from_numpy(np.stack(masks).astype(np.float32)[:, None])


# -- on the lattice ----------------------------------------------------------------------------------------------------


def _tiles(scene: Scene, grid: Lattice, _: Draw, __: int) -> Tensor:
    return torch.from_numpy(np.stack([grid.tiles(plane) for plane in scene.luma]))


def _tile_face(scene: Scene, grid: Lattice, _: Draw, __: int) -> Tensor:
    shares = np.stack([_face_share(box, scene.width, scene.height) for box in scene.boxes])
    return torch.from_numpy(grid.blocks(shares))


def _qp(scene: Scene, grid: Lattice, _: Draw, __: int) -> Tensor:
    found = scene.qp()
    if found is None:
        return torch.full((len(scene.frames), TILES, TILE_BLOCKS, TILE_BLOCKS), -1.0)
    return torch.from_numpy(grid.blocks(found)).float()


_Builder = Callable[[Scene, Lattice, Draw, int], Tensor]


def _evidence(name: str) -> _Builder:
    def build(scene: Scene, grid: Lattice, _: Draw, __: int) -> Tensor:
        found = scene.evidence(name)
        if found is None:
            raise StoreError(
                f"{scene.access.source.video}: {name!r} is no view ({', '.join(VIEWS)}) and no evidence extracted from "
                "this clip. If a specialist announces it, `dfcore prepare` with that specialist extracts it."
            )
        return torch.from_numpy(grid.blocks(found)).float().transpose(1, 2)

    return build


def _ellipse(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Centre (x, y) and half axes (x, y) of the ellipse inscribed in a box."""
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, max((x1 - x0) / 2, 1e-6), max((y1 - y0) / 2, 1e-6)


_STRIP = 2
"""Pixel rows per strip."""
_STRIPS = np.arange(16384 // _STRIP, dtype=np.float32) * _STRIP + _STRIP / 2
_EDGES = np.arange(0, 16384, BLOCK, dtype=np.float32)


def _face_share(box: tuple[float, float, float, float], width: int, height: int) -> NDArray[np.float32]:
    """Share of each 16x16 block inside the face's ellipse, float32 ``[height/16, width/16]``.

    The ellipse's chord along the middle of each strip of two pixel rows, exactly; for faces of 32 px it is 0.06 off at
    most.
    """
    cx, cy, rx, ry = _ellipse(box)
    shares = np.zeros((height // BLOCK, width // BLOCK), dtype=np.float32)
    top, bottom = max(0, int(cy - ry) // BLOCK), min(height // BLOCK, int(cy + ry) // BLOCK + 1)
    left, right = max(0, int(cx - rx) // BLOCK), min(width // BLOCK, int(cx + rx) // BLOCK + 1)
    if top >= bottom or left >= right:
        return shares
    half = (_STRIPS[top * BLOCK // _STRIP : bottom * BLOCK // _STRIP] - cy) / ry
    half = rx * np.sqrt(np.maximum(1 - half * half, 0))[:, None]
    chords = np.minimum(np.maximum(_EDGES[left : right + 1], cx - half), cx + half)
    covered = chords[:, 1:] - chords[:, :-1]
    shares[top:bottom, left:right] = covered.reshape(bottom - top, BLOCK // _STRIP, -1).sum(axis=1)
    shares *= _STRIP / BLOCK**2
    return shares


_BUILDERS: dict[str, _Builder] = {
    "face": _face,
    "context": _context,
    "face_mask": _face_mask,
    "tiles": _tiles,
    "tile_face": _tile_face,
    "qp": _qp,
}
VIEWS = tuple(_BUILDERS)
"""Names of the views that every clip has."""
