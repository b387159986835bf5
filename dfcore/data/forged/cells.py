"""Which cells of a 7x7 map lie on what was forged, by a fake's mask or by its difference from the original."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.forged.regions import REGION_BLOCK, RegionMap, difference_maps, mask_maps
from dfcore.data.records import VideoRecord
from dfcore.data.store.forged_faces import MASK, ORIGINAL
from dfcore.errors import MediaError

__all__ = ["cells_over", "forged_cells", "forged_maps"]

_MARKED = 0.5
"""Share of a cell that a mask marks, from which on the cell is forged."""
_HALF = 0.5
"""Share of the most altered cell's difference, from which on a cell is forged."""
_DIFFERS = 1.0
"""Luma levels: where no cell differs by so much, nothing is seen to be forged."""


def forged_maps(record: VideoRecord, wanted: Collection[int], *, threads: int = 0) -> tuple[dict[int, RegionMap], str]:
    """Where the wanted frames of a fake were forged, and by what means that is known: ``mask`` or ``original``.

    By a mask the share of each block that is marked, by the original its mean absolute luma difference (see
    :mod:`dfcore.data.forged.regions`). An empty mask says nothing: then the original is asked.

    Raises:
        MediaError: neither is there, or neither can be laid over the fake.
    """
    reasons = []
    if record.mask is not None:
        try:
            maps = mask_maps(record.path, record.mask, wanted, threads=threads)
            if any(found.any() for found in maps.values()):
                return maps, MASK
            reasons.append(f"{record.mask}: it is black in all frames looked at.")
        except MediaError as error:
            reasons.append(str(error))
    if record.original_path is not None:
        try:
            differences = difference_maps(record.path, record.original_path, wanted, threads=threads)
            return {frame: np.abs(found) for frame, found in differences.items()}, ORIGINAL
        except MediaError as error:
            reasons.append(str(error))
    raise MediaError(" ".join(reasons) or f"{record.path}: it has neither a mask nor an original.")


def cells_over(values: RegionMap, square: tuple[float, float, float, float], cells: int = 7) -> NDArray[np.float32]:
    """Means over ``cells`` x ``cells`` equal cells of a part of the frame; what lies beyond the frame counts as 0.

    Args:
        values: of the frame's blocks.
        square: ``(x, y, width, height)`` in pixels of the coded frame.
        cells: in a row and in a column.
    """
    x, y, width, height = (side / REGION_BLOCK for side in square)
    left, top = max(0, int(np.ceil(-x))), max(0, int(np.ceil(-y)))
    right = max(0, int(np.ceil(x + width - values.shape[1])))
    bottom = max(0, int(np.ceil(y + height - values.shape[0])))
    padded = np.pad(values, ((top, bottom), (left, right)))
    box = (x + left, y + top, x + left + width, y + top + height)
    image = Image.fromarray(np.ascontiguousarray(padded, np.float32))
    return np.asarray(image.resize((cells, cells), Image.Resampling.BOX, box=box), np.float32)


def forged_cells(values: NDArray[np.floating], means: str) -> NDArray[np.bool_]:
    """Which cells are forged: those that the mask marks to a half at least; or that differ from the original by half as
    much as the most altered one, if that differs by a level at all.
    """
    if means == MASK:
        found: NDArray[np.bool_] = values >= _MARKED
        return found
    most = float(values.max())
    return (values >= _HALF * most) & (most >= _DIFFERS)
