"""The fixed window of a clip: about twice the face, on the macroblock grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dfcore.data.clips import BLOCK, ClipHeader
from dfcore.data.faces.geometry import face_size
from dfcore.errors import UsageError

__all__ = ["MAX_WINDOW", "MIN_FACE", "MIN_WINDOW", "clip_window", "fills_window"]

MIN_WINDOW = 64
"""Least side of a window, in pixels: one native tile."""
MAX_WINDOW = 1536
"""Largest side of the window of a clip of several frames. Four clips of 16 frames then take 230 MB, however large the
file's frames are; the middle of a face of more than about 1,200 pixels is kept. A photo's window has no limit."""
MIN_FACE = 32
"""Least larger side of a face, in coded pixels: two macroblocks; below, no block lies wholly inside it."""


def clip_window(
    boxes: ArrayLike, width: int, height: int, scale: float = 2.0, min_face: float = MIN_FACE
) -> tuple[int, int, int, int] | None:
    """The window ``(x, y, w, h)`` of a clip whose face boxes are ``boxes [T, 4]``, in coded pixels.

    Its side is the larger side of the boxes' union plus ``scale - 1`` times that of the typical box, so that a still
    face takes ``1 / scale`` of it and a moving one keeps the same surround. It is square where the frame allows,
    centred on the union as well as grid and frame allow; origin and sizes are multiples of 16, and it lies
    inside the frame cut to multiples of 16 (what codecs pad beyond is never read). Of several frames it is no larger
    than ``MAX_WINDOW``.

    Returns:
        None when less than 64 pixels fit, or when the face's larger side (median over the clip) is under
        ``min_face``.

    Raises:
        UsageError: ``boxes`` has another shape, or holds no finite box.
    """
    found = np.asarray(boxes, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != 4 or not len(found) or not np.isfinite(found).all():
        raise UsageError(f"a clip's window needs finite boxes [T, 4] with T >= 1, not {list(found.shape)}.")
    face = face_size(found)
    if face < min_face:
        return None
    start, stop = found[:, :2].min(axis=0), found[:, 2:].max(axis=0)
    side = max(MIN_WINDOW, _snap(float((stop - start).max()) + (scale - 1) * face))
    if len(found) > 1:
        side = min(side, MAX_WINDOW)
    limits = (width // BLOCK * BLOCK, height // BLOCK * BLOCK)
    w, h = (min(side, limit) for limit in limits)
    if min(w, h) < MIN_WINDOW:
        return None
    x, y = (
        min(max(_snap(float(centre) - size / 2), 0), limit - size)
        for centre, size, limit in zip((start + stop) / 2, (w, h), limits, strict=True)
    )
    return x, y, w, h


def fills_window(header: ClipHeader, share: float) -> str:
    """Why nothing but the face is to be seen in a clip, or "".

    Args:
        header: of the clip.
        share: of the window's width and of its height, from which on the mean face box is said to fill it.
    """
    _, _, width, height = header.window
    across, down = np.mean([(x1 - x0, y1 - y0) for x0, y0, x1, y1 in header.boxes], axis=0)
    if across >= share * width and down >= share * height:
        return f"the face fills its window ({across:.0f}x{down:.0f} of {width}x{height} px)"
    return ""


def _snap(value: float) -> int:
    return int(np.floor(value / BLOCK + 0.5)) * BLOCK
