"""Views on the tile lattice: native luma, the face's share, quantisers, evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfcore.data.clips import BLOCK
from dfcore.data.views.augment import Draw
from dfcore.data.views.common import Builder, ellipse
from dfcore.data.views.lattice import TILE_BLOCKS, TILES, Lattice
from dfcore.data.views.upright import UprightFrames
from dfcore.errors import StoreError

__all__ = ["evidence", "qp", "tile_face", "tiles"]


def tiles(upright: UprightFrames, grid: Lattice, _: Draw, __: int) -> Tensor:
    """Native luma: uint8 ``[n, 49, 64, 64]``."""
    planes, flip = upright.luma, upright.flip
    if flip:  # columns that run backwards are read several times as slowly: tiles are cut before the mirror
        planes, grid = planes[..., ::-1], grid.mirrored()
    found = torch.from_numpy(np.stack([grid.tiles(plane) for plane in planes]))
    return found.flip(-1) if flip else found


def tile_face(upright: UprightFrames, grid: Lattice, _: Draw, __: int) -> Tensor:
    """The face's share of each block: float32 ``[n, 49, 4, 4]``."""
    shares = np.stack([_face_share(box, upright.width, upright.height) for box in upright.boxes])
    return torch.from_numpy(grid.blocks(shares))


def qp(upright: UprightFrames, grid: Lattice, _: Draw, __: int) -> Tensor:
    """Quantisers: float32 ``[n, 49, 4, 4]``, -1 where unknown."""
    found = upright.qp()
    if found is None:
        return torch.full((len(upright.frames), TILES, TILE_BLOCKS, TILE_BLOCKS), -1.0)
    return torch.from_numpy(grid.blocks(found)).float()


def evidence(name: str, views: Sequence[str]) -> Builder:
    """The builder of an evidence; ``views`` are the names that it is none of, for the message."""

    def build(upright: UprightFrames, grid: Lattice, _: Draw, __: int) -> Tensor:
        found = upright.evidence(name)
        if found is None:
            raise StoreError(
                f"{upright.access.source.video}: {name!r} is no view ({', '.join(views)}) and no evidence of "
                "this clip. If a specialist announces it, `dfcore prepare` with that specialist extracts it; it is "
                "gone, too, if another process has prepared the video anew since."
            )
        return torch.from_numpy(grid.blocks(found)).float().transpose(1, 2)

    return build


_STRIP = 2
"""Pixel rows per strip."""


def _face_share(box: tuple[float, float, float, float], width: int, height: int) -> NDArray[np.float32]:
    """Share of each 16x16 block inside the face's ellipse, float32 ``[height/16, width/16]``.

    The ellipse's chord along the middle of each strip of two pixel rows, exactly; for faces of 32 px it is 0.06 off at
    most.
    """
    cx, cy, rx, ry = ellipse(box)
    shares = np.zeros((height // BLOCK, width // BLOCK), dtype=np.float32)
    top, bottom = max(0, int(cy - ry) // BLOCK), min(height // BLOCK, int(cy + ry) // BLOCK + 1)
    left, right = max(0, int(cx - rx) // BLOCK), min(width // BLOCK, int(cx + rx) // BLOCK + 1)
    if top >= bottom or left >= right:
        return shares
    strips = np.arange(top * BLOCK // _STRIP, bottom * BLOCK // _STRIP, dtype=np.float32) * _STRIP + _STRIP / 2
    edges = np.arange(left, right + 1, dtype=np.float32) * BLOCK
    half = (strips - cy) / ry
    half = rx * np.sqrt(np.maximum(1 - half * half, 0))[:, None]
    chords = np.minimum(np.maximum(edges, cx - half), cx + half)
    covered = chords[:, 1:] - chords[:, :-1]
    shares[top:bottom, left:right] = covered.reshape(bottom - top, BLOCK // _STRIP, -1).sum(axis=1)
    shares *= _STRIP / BLOCK**2
    return shares
