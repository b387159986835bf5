"""Views of consecutive frames in one fixed square: what moves, and how."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfcore.data.clips import BLOCK
from dfcore.data.clips.reduced import SEQUENCE_SIDE
from dfcore.data.views.augment import Draw
from dfcore.data.views.common import Parts, whole_window
from dfcore.data.views.finish import AXES
from dfcore.data.views.images import ellipse_axes
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.upright import UprightFrames

__all__ = ["MOTION_SIDE", "SEQUENCE_SIDE", "motion", "sequence", "sequence_mask"]

MOTION_SIDE = 28
QUARTER = 4
"""Motion vectors are in quarter pixels."""


def sequence(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """Y, U, V of the whole window: uint8 ``[n, 3, 112, 112]``. No colour is changed: what flickers must stay so."""
    found = upright.sequence()
    if upright.flip:  # mirrored by torch, which is several times as fast as numpy
        return torch.from_numpy(np.array(found[..., ::-1], order="C")).flip(-1)
    return torch.from_numpy(np.array(found, order="C"))


def sequence_mask(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Parts:
    """The face's ellipse in the sequence."""
    return {AXES: ellipse_axes(upright.boxes, whole_window(upright), SEQUENCE_SIDE)}


def motion(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """The codec's vectors on the sequence's square: float32 ``[n, 3, 28, 28]``, see the package's table.

    Frames that the codec predicts from nothing (I) tell none; nor does a codec without vectors, nor what lies outside
    of the window.
    """
    view = np.zeros((len(upright.frames), 3, MOTION_SIDE, MOTION_SIDE), np.float32)
    vectors = upright.motion()
    if vectors is None:
        return torch.from_numpy(view)
    x0, y0, side = whole_window(upright)
    down, across = _shares(y0, side, vectors.shape[2]), _shares(x0, side, vectors.shape[3])
    told = np.array([upright.access.header.pict_types[i : i + 1] in ("P", "B") for i in upright.frames], np.float32)
    told = told[:, None, None, None]
    scale = np.float32(SEQUENCE_SIDE / side / QUARTER)
    rows = np.ascontiguousarray(vectors).reshape(-1, vectors.shape[3]) @ across.T  # one product, not one for each frame
    view[:, :2] = (down @ rows.reshape(*vectors.shape[:3], MOTION_SIDE)) * scale * told
    view[:, 2:] = np.minimum(down.sum(1)[:, None] * across.sum(1), 1).round() * told
    return torch.from_numpy(view)


def _shares(origin: int, side: int, blocks: int) -> NDArray[np.float32]:
    """How much of each cell of the grid is covered by each block, as shares of what any covers: ``[28, blocks]``."""
    edges = np.arange(MOTION_SIDE + 1) * side / MOTION_SIDE + origin
    starts = np.arange(blocks) * float(BLOCK)
    low = np.maximum(edges[:-1, None], starts)
    covered = np.maximum(np.minimum(edges[1:, None], starts + BLOCK) - low, 0)
    return (covered / np.maximum(covered.sum(1, keepdims=True), 1e-6)).astype(np.float32)
