"""Views of dense landmarks: where the points are in the window, which parts of the face lie in which blocks, and how
far the mouth is open in its speech.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfcore.data.clips import Speech
from dfcore.data.faces.dense import MIRRORED, OPENINGS, from_stored, mouth_openings, part_masks
from dfcore.data.faces.geometry import to_upright
from dfcore.data.views.augment import Draw
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.speech import POINTS as SPEECH_POINTS
from dfcore.data.views.speech import middle_speech
from dfcore.data.views.upright import UprightFrames
from dfcore.errors import StoreError

__all__ = ["count_parts", "landmarks", "openings_of", "speech_openings", "tile_parts"]

_STEP = 2
"""Pixels per point of the masks that parts are measured by: 8x8 points a block."""
_POINTS = 64
_ONES, _TOP = np.uint64(0x0101010101010101), np.uint64(56)


def landmarks(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """The dense landmarks of each frame: float32 ``[n, 95, 2]``, x and y in luma pixels of the upright window."""
    return torch.from_numpy(_upright_points(upright))


def _upright_points(upright: UprightFrames) -> NDArray[np.float32]:
    stored = upright.access.landmarks(upright.frames)
    if stored is None:
        raise _missing(upright)
    width, height = upright.access.header.window[2:]
    coded = from_stored(stored, (width / 2, height / 2))
    found = to_upright(coded, upright.access.source.rotation, 1.0, width, height)
    if upright.flip:
        found = found[:, list(MIRRORED)] * (-1, 1) + (upright.width, 0)
    return np.ascontiguousarray(found, np.float32)


def tile_parts(upright: UprightFrames, grid: Lattice, _: Draw, __: int) -> Tensor:
    """The inner face's share of each block, and its rim's: float32 ``[n, 49, 2, 4, 4]``."""
    kept = upright.kept("parts")
    counts = count_parts(upright) if kept is None else kept[:, int(upright.flip)]
    return torch.from_numpy(grid.blocks(counts).astype(np.float32) / _POINTS).transpose(1, 2)


def count_parts(upright: UprightFrames) -> NDArray[np.uint8]:
    """How many of each block's 64 points lie in the inner face, and in its rim: uint8 ``[n, 2, H/16, W/16]``."""
    points = _upright_points(upright) / _STEP
    height, width = upright.height // _STEP, upright.width // _STEP
    return np.array([[_counts(mask) for mask in part_masks(face, height, width)] for face in points])


def _counts(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ones in each 8x8 points of a mask ``[h, w]``: uint8 ``[h/8, w/8]``."""
    # Eight points side by side are one number whose bytes are summed, first down and then, by the product, across.
    sums = np.add.reduce(mask.view(np.uint64).reshape(-1, 8, mask.shape[1] // 8), axis=1)
    return ((sums * _ONES) >> _TOP).astype(np.uint8)


def speech_openings(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """The openings of the mouth at each point of the speech view: float32 ``[60, 4]``
    (:func:`dfcore.data.faces.dense.mouth_openings`); 0 for a clip without speech. A mirror changes nothing.
    """
    speech = middle_speech(upright)
    if speech is None:
        return torch.zeros(SPEECH_POINTS, len(OPENINGS))
    if speech.openings is not None:
        return torch.from_numpy(np.array(speech.openings))
    if speech.landmarks is None:
        raise _missing(upright)
    return torch.from_numpy(openings_of(speech))


def openings_of(speech: Speech) -> NDArray[np.float32]:
    """The openings at all points of a speech with landmarks: float32 ``[L, 4]``."""
    assert speech.landmarks is not None
    return mouth_openings(from_stored(speech.landmarks, (0.0, 0.0)))


def _missing(upright: UprightFrames) -> StoreError:
    return StoreError(
        f"{upright.access.source.video}: it was prepared without dense landmarks. Prepare it again with "
        "`dfcore prepare`, for a specialist that reads them."
    )
