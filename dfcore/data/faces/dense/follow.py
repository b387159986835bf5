"""A face between the frames in which it was looked for, followed by its dense landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.faces.dense.shapes import face_unit, five_points

__all__ = ["followed", "moved_far"]

FAR = 0.12
"""Distance between two places of a face, in units of :func:`~dfcore.data.faces.dense.shapes.face_unit`, from which on
the network had better look at the second too."""
LOST = 0.8
"""Distance from which on it is not believed: the network answers where there is no face, too."""

Floats = NDArray[np.floating[Any]]


def followed(five: Floats, points: Floats, frames: NDArray[np.int64], looked: NDArray[np.int64]) -> Floats:
    """The five points of a face in each of n frames, corrected by how its dense ones moved.

    Between two frames that were looked at the detector's points are known by interpolation alone. What the dense ones
    do there beside a straight line is added to them; where they were looked for they stay as they are.

    Args:
        five: the detector's points, linear between the frames looked at, ``[n, 5, 2]``.
        points: the dense ones of the same frames and pixels, ``[n, 95, 2]``.
        frames: which frames these are, rising; one may come twice.
        looked: in which the face was found. Without one of them among ``frames`` nothing is changed.
    """
    known = np.isin(frames, looked)
    if not known.any():
        return five
    own = five_points(points).reshape(len(five), -1)
    line = np.stack([np.interp(frames, frames[known], column[known]) for column in own.T], axis=1)
    moved = (own - line).reshape(five.shape)
    lost = np.linalg.norm(moved, axis=-1).mean(-1) > LOST * face_unit(points)
    moved[lost] = 0
    return np.asarray(five + moved)


def moved_far(before: Floats, now: Floats, points: Floats) -> NDArray[np.bool_]:
    """Which of n faces lie elsewhere than where the network looked for them: bool ``[n]``."""
    return np.asarray(np.linalg.norm(now - before, axis=-1).mean(-1) > FAR * face_unit(points))
