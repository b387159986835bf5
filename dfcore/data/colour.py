"""From luma and chroma to RGB, with the matrix and range that the stream names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfcore.errors import UsageError

__all__ = ["LUMA_WEIGHTS", "default_matrix", "yuv_matrix", "yuv_to_rgb"]

LUMA_WEIGHTS = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
"""Kr and Kb of each matrix (ITU-R BT.601, BT.709, BT.2020 non-constant luminance); Kg = 1 - Kr - Kb."""

HD_HEIGHT = 720


def default_matrix(height: int) -> str:
    """The matrix that players take for a stream that names none: ``bt709`` from 720 lines on, else ``bt601``."""
    return "bt709" if height >= HD_HEIGHT else "bt601"


def yuv_matrix(matrix: str, colour_range: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``(A, o)`` such that ``rgb = A @ (yuv - o)``, all in 0..255 (ITU-R BT.709-6, sections 3.2 to 3.5).

    Args:
        matrix: ``bt601``, ``bt709`` or ``bt2020``.
        colour_range: ``tv`` (luma 16..235, chroma 16..240) or ``pc`` (0..255).

    Returns:
        A float32 ``[3, 3]`` and o float32 ``[3]``.

    Raises:
        UsageError: an unknown matrix or range.
    """
    if matrix not in LUMA_WEIGHTS:
        raise UsageError(f"unknown colour matrix {matrix!r}. Known: {', '.join(LUMA_WEIGHTS)}.")
    if colour_range not in ("tv", "pc"):
        raise UsageError(f"unknown colour range {colour_range!r}. Known: tv, pc.")
    kr, kb = LUMA_WEIGHTS[matrix]
    kg = 1.0 - kr - kb
    full = np.array(
        [
            [1.0, 0.0, 2.0 * (1.0 - kr)],
            [1.0, -2.0 * (1.0 - kb) * kb / kg, -2.0 * (1.0 - kr) * kr / kg],
            [1.0, 2.0 * (1.0 - kb), 0.0],
        ]
    )
    tv = colour_range == "tv"
    gain = np.array([255.0 / 219.0, 255.0 / 224.0, 255.0 / 224.0]) if tv else np.ones(3)
    offset = np.array([16.0 if tv else 0.0, 128.0, 128.0])
    return (full * gain).astype(np.float32), offset.astype(np.float32)


def yuv_to_rgb(
    y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8], matrix: str, colour_range: str
) -> NDArray[np.uint8]:
    """RGB uint8 ``[H, W, 3]`` of y ``[H, W]`` and u, v ``[ceil(H/2), ceil(W/2)]`` (or ``[H, W]``).

    Chroma is repeated, not interpolated; values are rounded and clipped to 0..255.
    """
    a, offset = yuv_matrix(matrix, colour_range)
    height, width = y.shape
    luma = a[0, 0] * (y.astype(np.float32) - offset[0])
    cb, cr = u.astype(np.float32) - offset[1], v.astype(np.float32) - offset[2]
    out = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        colour = a[channel, 1] * cb + a[channel, 2] * cr
        if colour.shape != y.shape:
            colour = colour.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]
        value = luma + colour
        value += 0.5
        np.clip(value, 0.0, 255.0, out=value)
        out[..., channel] = value
    return out
