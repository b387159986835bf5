"""Made dense landmarks: a drawn face whose mouth opens by as much as is said."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.faces.dense.points import POINTS, REGIONS

__all__ = ["made_landmarks"]


def made_landmarks(
    opening: NDArray[np.floating[Any]], centre: tuple[float, float], eyes_apart: float
) -> NDArray[np.float64]:
    """Points of an upright, symmetric face, float64 ``[n, 95, 2]``.

    Args:
        opening: float ``[n]``, the distance between the inner lips' middles, in units of ``eyes_apart``; the jaw goes
            down by the same.
        centre: the middle between the eyes, in pixels.
        eyes_apart: the distance between the eyes' centres, in pixels.
    """
    drop = np.asarray(opening, np.float64)
    found = np.zeros((len(drop), POINTS, 2))

    def put(region: str, x: Any, y: Any) -> None:
        found[:, list(REGIONS[region])] = np.stack(np.broadcast_arrays(x, y), axis=-1)

    def around(count: int, start: float) -> tuple[NDArray, NDArray]:
        angle = start + 2 * np.pi * np.arange(count) / count
        return np.cos(angle), np.sin(angle)

    across, down = around(36, -np.pi / 2)
    put("contour", 1.15 * across, 0.5 + 1.5 * down + np.where(down > 0, down, 0) * drop[:, None])
    for side, sign in (("left", -1), ("right", 1)):
        put(f"{side}_brow", sign * 0.5 + np.linspace(-0.35, 0.35, 5), np.array([-0.3, -0.38, -0.4, -0.38, -0.3]))
        across, down = around(8, np.pi)
        put(f"{side}_eye", sign * 0.5 + 0.2 * across, 0.07 * down)
    put(
        "nose",
        np.array([0, 0, 0, 0, -0.2, -0.08, 0, 0.08, 0.2]),
        np.array([0, 0.25, 0.45, 0.6, 0.65, 0.7, 0.7, 0.7, 0.65]),
    )
    across, down = around(12, np.pi)
    lower = np.where(down > 0, 1.0, 0.0) * drop[:, None]
    put("inner_lips", 0.3 * across, 1.05 + lower * np.where(np.abs(down) > 0.1, 1, 0))
    put("outer_lips", 0.38 * across, 1.05 + 0.12 * down + lower * np.where(np.abs(down) > 0.1, 1, 0))
    return found * eyes_apart + np.asarray(centre)
