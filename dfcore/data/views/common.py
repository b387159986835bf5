"""What the views' builders share."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from dfcore.data.views.augment import Draw
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.upright import UprightFrames

__all__ = ["Builder", "Parts", "PartsBuilder", "Square", "ellipse", "even", "whole_window"]

Builder = Callable[[UprightFrames, Lattice, Draw, int], Tensor]
"""Makes a view of a upright: its tile lattice, what was drawn for the sample, the images' side S."""

Parts = dict[str, Tensor]
"""What a view is finished from (:mod:`dfcore.data.views.finish`), each with a leading axis of n frames."""

PartsBuilder = Callable[[UprightFrames, Lattice, Draw, int], Parts]
"""The same of a view that is finished later."""

Square = tuple[int, int, int]
"""x, y, side in luma pixels of the upright window, all even; it may leave the window."""


def even(value: float) -> int:
    """The nearest even number."""
    return 2 * round(value / 2)


def whole_window(upright: UprightFrames) -> Square:
    """The least square about the window's middle that holds all of it."""
    side = max(upright.width, upright.height)
    return (upright.width - side) // 2, (upright.height - side) // 2, side


def ellipse(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Centre (x, y) and half axes (x, y) of the ellipse inscribed in a box."""
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, max((x1 - x0) / 2, 1e-6), max((y1 - y0) / 2, 1e-6)
