"""What dense landmarks say of a face: how far lips and jaw are open, and where the inner face and its rim lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dfcore.data.faces.dense.points import REGIONS

__all__ = [
    "OPENINGS",
    "contour_mask",
    "face_unit",
    "inner_face_mask",
    "jitter",
    "mouth_openings",
    "part_masks",
    "rim_mask",
]

Floats = NDArray[np.floating[Any]]

OPENINGS = ("lip_opening", "lip_width", "jaw_opening", "lip_height")
"""The columns of :func:`mouth_openings`."""
_INNER = [
    k for part in ("left_brow", "right_brow", "left_eye", "right_eye", "nose", "outer_lips") for k in REGIONS[part]
]

_GROW, _APART = 0.12, 0.15
"""How much larger than its hull the inner face is, and where its rim begins."""


def face_unit(points: Floats) -> Floats:
    """The size of a face ``[..., 95, 2]`` by which lengths are measured: the larger of the distances between the eyes,
    and from between them to the middle of the upper lip. A turn of the head shortens the one, a nod the other, and
    neither changes when the mouth opens.
    """
    left, right = (points[..., list(REGIONS[name]), :].mean(-2) for name in ("left_eye", "right_eye"))
    lip = points[..., REGIONS["outer_lips"][3], :]
    across = np.linalg.norm(right - left, axis=-1)
    down = np.linalg.norm(lip - (left + right) / 2, axis=-1)
    return np.asarray(np.maximum(np.maximum(across, 1.1 * down), 1e-6))


def mouth_openings(points: Floats) -> NDArray[np.float32]:
    """Openings of a mouth in units of :func:`face_unit`, float32 ``[..., 4]``, in the order of :data:`OPENINGS`.

    ``lip_opening``: between the inner lips, mean over five pairs of points. ``lip_width``: between the mouth's corners.
    ``jaw_opening``: from the nose to the chin. ``lip_height``: between the outer lips' middles. The first and the last
    carry the sign of the face's own downwards, so lips that the network crosses are not taken for open ones.
    """
    inner, outer = REGIONS["inner_lips"], REGIONS["outer_lips"]
    nose, chin = REGIONS["nose"][6], REGIONS["contour"][18]
    unit = face_unit(points)[..., None]
    down = points[..., chin, :] - points[..., nose, :]
    length = np.linalg.norm(down, axis=-1, keepdims=True)
    down = down / np.maximum(length, 1e-6)
    upper, lower = list(inner[1:6]), list(inner[11:6:-1])
    lips = ((points[..., lower, :].mean(-2) - points[..., upper, :].mean(-2)) * down).sum(-1)
    wide = np.linalg.norm(points[..., outer[6], :] - points[..., outer[0], :], axis=-1)
    tall = ((points[..., outer[9], :] - points[..., outer[3], :]) * down).sum(-1)
    return np.asarray(np.stack([lips, wide, length[..., 0], tall], axis=-1) / unit, np.float32)


def contour_mask(points: Floats, height: int, width: int, grow: float = 0.0) -> NDArray[np.uint8]:
    """The inside of a face's contour, from the hairline round the jaw, as uint8 ``[height, width]``, 0 or 1.

    Args:
        points: ``[95, 2]`` in pixels of the mask.
        height: of the mask.
        width: of the mask.
        grow: by how much of :func:`face_unit` the contour is moved outwards from its middle; negative inwards.
    """
    contour = points[list(REGIONS["contour"])]
    if not grow:
        return _filled(contour, height, width)
    middle = contour.mean(0)
    away = contour - middle
    reach = np.linalg.norm(away, axis=1, keepdims=True)
    return _filled(middle + away * np.maximum(1 + grow * face_unit(points) / np.maximum(reach, 1e-6), 0), height, width)


def inner_face_mask(points: Floats, height: int, width: int, grow: float = _GROW) -> NDArray[np.uint8]:
    """The inner face, where a forged one is pasted, as uint8 ``[height, width]``, 0 or 1: the convex hull of brows,
    eyes, nose and outer lips, made larger about its middle by the share ``grow``.
    """
    return _filled(_larger(_hull(points[_INNER]), grow), height, width)


def rim_mask(points: Floats, height: int, width: int, apart: float = _APART) -> NDArray[np.uint8]:
    """The face's own rim as uint8 ``[height, width]``, 0 or 1: what its contour holds beyond the inner face made larger
    by the share ``apart``. Skin of the same person in the same light, which what is pasted into a face seldom reaches.
    """
    return _rim(points, _hull(points[_INNER]), height, width, apart)


def part_masks(points: Floats, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """:func:`inner_face_mask` and :func:`rim_mask`, for which the hull is looked for once."""
    hull = _hull(points[_INNER])
    return _filled(_larger(hull, _GROW), height, width), _rim(points, hull, height, width, _APART)


def _rim(points: Floats, hull: Floats, height: int, width: int, apart: float) -> NDArray[np.uint8]:
    outside = contour_mask(points, height, width) > _filled(_larger(hull, apart), height, width)
    return outside.view(np.uint8)


def _larger(hull: Floats, share: float) -> Floats:
    middle = hull.mean(0)
    return np.asarray(middle + (hull - middle) * (1 + share))


def _filled(polygon: Floats, height: int, width: int) -> NDArray[np.uint8]:
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).polygon((polygon.astype(np.float64) - 0.5).ravel().tolist(), fill=1)
    return np.asarray(image)


def _hull(points: Floats) -> Floats:
    """The corners of the convex hull of ``[n, 2]``, in order; points in a line leave its ends (Andrew, 1979)."""
    order = sorted(map(tuple, points.tolist()))

    def half(way: list[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for x, y in way:
            while len(kept) > 1:
                (ax, ay), (bx, by) = kept[-2], kept[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:  # from a over b to here it turns from x towards y
                    break
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    return np.array(half(order) + half(order[::-1]) or order[:1])


def jitter(points: Floats) -> float:
    """How unsteady a series of landmarks ``[T, 95, 2]`` is: the deviation of the single points about the face's own
    motion, from frame to frame, in units of :func:`face_unit`. 0 for fewer than three frames.

    From every three consecutive frames the middle is compared with the mean of its neighbours (steady motion gives 0),
    the part that all points share is taken out, and lips and jaw are left out, for they do move.
    """
    if len(points) < 3:
        return 0.0
    still = [k for name in ("left_eye", "right_eye", "left_brow", "right_brow", "nose") for k in REGIONS[name]]
    held = np.asarray(points, np.float64)[:, still]
    second = held[1:-1] - (held[:-2] + held[2:]) / 2
    own = second - second.mean(1, keepdims=True)
    scale = np.sqrt(1.5)  # noise of deviation s in each frame gives a second difference of s times this
    return float(np.sqrt((own**2).sum(-1).mean() / 2) / scale / face_unit(points).mean())
