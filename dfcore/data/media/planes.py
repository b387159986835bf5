"""The planes of a decoded frame as 8-bit 4:2:0: untouched where they are that already, else converted once."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.clips import Planes

__all__ = ["PLANAR_420", "halved", "luma_of", "planes_420"]

PLANAR_420 = frozenset({"yuv420p", "yuvj420p", "yuva420p"})
"""Pixel formats whose first three planes are 8-bit 4:2:0 already."""

_STRIP = 128
"""Rows that are halved at once: what is computed stays in the cache, which makes it several times as fast."""
_PLANAR = re.compile(r"(?:yuva?j?4(?:20|22|44)p|gray)(?:9|10|12|14|16)?(?:le)?")
_TO_420 = {"420": (1, 1), "422": (1, 2), "444": (2, 2)}
_SWS_MATRIX = {"bt601": "ITU601", "bt709": "ITU709", "bt2020": "BT2020"}


def planes_420(frame: Any, matrix: str) -> Planes:
    """Copies of y uint8 ``[H, W]`` and u, v uint8 ``[ceil(H/2), ceil(W/2)]``, cropped to the visible image.

    8-bit luma stays exactly as decoded, whatever the chroma. Deeper samples are rounded to 8 bits without
    dither, which would add a pattern of its own; 4:2:2 and 4:4:4 chroma becomes the rounded mean of its
    neighbours. RGB and rarer layouts go through swscale, to full range with ``matrix``.
    """
    frame, name = _as_planes(frame, matrix)
    bits = frame.format.components[0].bits
    y = _samples(frame.planes[0], bits)
    if name.startswith("gray"):
        shape = -(-y.shape[0] // 2), -(-y.shape[1] // 2)
        return y, np.full(shape, 128, np.uint8), np.full(shape, 128, np.uint8)
    factor = next(f for layout, f in _TO_420.items() if layout in name)
    u, v = (_reduced(_samples(plane, bits, copy=factor == (1, 1)), factor) for plane in frame.planes[1:3])
    return y, u, v


def luma_of(frame: Any, matrix: str) -> NDArray[np.uint8]:
    """The first of :func:`planes_420` alone, which costs nothing of the others.

    It is no copy where there is nothing to convert: as long as it is held, so is the decoder's frame.
    """
    frame, _ = _as_planes(frame, matrix)
    return _samples(frame.planes[0], frame.format.components[0].bits, copy=False)


def _as_planes(frame: Any, matrix: str) -> tuple[Any, str]:
    """A frame whose planes can be read, and the name of its format."""
    name = frame.format.name
    if name in PLANAR_420 or _PLANAR.fullmatch(name):
        return frame, name
    return _through_swscale(frame, matrix), "yuv420p"


def halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rounded means of 2x2 pixels, uint8 ``[ceil(H/2), ceil(W/2)]``; at an odd edge, of what there is."""
    if plane.shape[0] % 2 or plane.shape[1] % 2:
        return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).reduce(2)).copy()
    found = np.empty((plane.shape[0] // 2, plane.shape[1] // 2), np.uint8)
    for top in range(0, len(plane), _STRIP):
        part = np.ascontiguousarray(plane[top : top + _STRIP]).view("<u2")  # two pixels at once
        columns = part & 0xFF
        columns += part >> 8
        summed = columns[0::2] + columns[1::2]
        summed += 2
        summed >>= 2
        found[top // 2 : (top + _STRIP) // 2] = summed
    return found


def _samples(plane: Any, bits: int, *, copy: bool = True) -> NDArray[np.uint8]:
    """A plane's visible samples, rounded to 8 bits."""
    size = 1 if bits <= 8 else 2
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, abs(plane.line_size))
    if plane.line_size < 0:  # stored bottom line first
        rows = rows[::-1]
    rows = rows[:, : plane.width * size]
    if size == 1:
        if copy:
            return rows.copy()
        rows.flags.writeable = False  # other frames may be predicted from it
        return rows
    deep = np.ascontiguousarray(rows).view("<u2").astype(np.uint32)
    return np.minimum((deep + (1 << (bits - 9))) >> (bits - 8), 255).astype(np.uint8)


def _reduced(plane: NDArray[np.uint8], factor: tuple[int, int]) -> NDArray[np.uint8]:
    if factor == (1, 1):
        return plane
    return halved(plane) if factor == (2, 2) else np.asarray(Image.fromarray(plane).reduce(factor)).copy()


def _through_swscale(frame: Any, matrix: str) -> Any:
    if frame.format.is_rgb or frame.format.has_palette:
        return frame.reformat(
            format="yuv420p", dst_color_range="JPEG", dst_colorspace=_SWS_MATRIX[matrix], interpolation="AREA"
        )
    return frame.reformat(format="yuv420p", interpolation="AREA")
