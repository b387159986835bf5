"""A clip as its views see it: upright, mirrored where that was drawn, in coordinates of its window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import ClipAccess, Planes
from dfcore.data.faces.geometry import boxes_to_upright, to_upright

__all__ = ["UprightFrames", "upright_size"]

Floats = NDArray[np.floating[Any]]

_MIRRORED = (1, 0, 2, 4, 3)
"""Landmarks of a mirrored face: left and right change places."""


def upright_size(access: ClipAccess) -> tuple[int, int]:
    """Width and height of the clip's window, turned upright."""
    _, _, width, height = access.header.window
    return (width, height) if access.source.rotation in (0, 180) else (height, width)


class UprightFrames:
    """Some frames of a clip. Pixels are read when they are first asked for; turns and mirrors move, never resample.

    Attributes:
        frames: positions in the clip, n of them.
        width, height: the upright window, in luma pixels.
        others: the same person's other clips in the same video.
    """

    def __init__(
        self, access: ClipAccess, frames: Sequence[int], flip: bool = False, others: Sequence[ClipAccess] = ()
    ) -> None:
        self.access, self.frames, self.flip, self.others = access, list(frames), flip, others
        self.width, self.height = upright_size(access)
        self._kept: dict[str, NDArray | None] = {}

    def _placed(self, maps: NDArray) -> NDArray:
        """Maps ``[..., h, w]`` of the coded window, as seen; no copy."""
        turns = self.access.source.rotation // 90
        if turns:
            maps = np.rot90(maps, -turns, axes=(-2, -1))
        return maps[..., ::-1] if self.flip else maps

    @cached_property
    def planes(self) -> Planes:
        """Luma uint8 ``[n, H, W]`` and both chroma planes ``[n, H/2, W/2]``."""
        y, u, v = self.access.planes(self.frames)
        return self._placed(y), self._placed(u), self._placed(v)

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """Luma uint8 ``[n, H, W]``; chroma is not read for it."""
        if "planes" in self.__dict__:
            return self.planes[0]
        return self._placed(self.access.luma(self.frames))

    @cached_property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """The face's box ``(x0, y0, x1, y1)`` in the upright window, for each of the n frames."""
        return [self._box(self.access.header.boxes[i]) for i in self.frames]

    def _box(self, coded: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        # Plain floats: this is read for every sample, and numpy would take longer over four numbers.
        x, y, width, height = self.access.header.window
        x0, y0, x1, y1 = coded[0] - x, coded[1] - y, coded[2] - x, coded[3] - y
        if self.access.source.rotation:
            x0, y0, x1, y1 = boxes_to_upright(
                [x0, y0, x1, y1], self.access.source.rotation, 1.0, width, height
            ).tolist()
        return (self.width - x1, y0, self.width - x0, y1) if self.flip else (x0, y0, x1, y1)

    @cached_property
    def landmarks(self) -> Floats:
        """Five points ``[n, 5, 2]`` in the upright window, ordered as seen."""
        x, y, width, height = self.access.header.window
        found: Floats = np.array([self.access.header.landmarks[i] for i in self.frames], dtype=np.float64) - (x, y)
        if self.access.source.rotation:
            found = to_upright(found, self.access.source.rotation, 1.0, width, height)
        if self.flip:
            found[..., 0] = self.width - found[..., 0]
            found = found[:, _MIRRORED]
        return found

    def sequence(self) -> NDArray[np.uint8]:
        """Y, U and V of the whole window made small, uint8 ``[n, 3, 112, 112]``."""
        return self._placed(self.access.sequence(self.frames))

    def qp(self) -> NDArray[np.int8] | None:
        """Quantisers ``[n, H/16, W/16]``, or None."""
        found = self.access.qp(self.frames)
        return None if found is None else self._placed(found)

    def motion(self) -> NDArray[np.float32] | None:
        """Motion vectors (x, y) in quarter pixels ``[n, 2, H/16, W/16]``, turned as the image is; or None."""
        found = self.access.motion(self.frames)
        if found is None:
            return None
        x, y = found[..., 0].astype(np.float32), found[..., 1].astype(np.float32)
        for _ in range(self.access.source.rotation // 90):  # a clockwise quarter turn takes right to down
            x, y = -y, x
        return self._placed(np.stack([-x if self.flip else x, y], axis=1))

    def kept(self, name: str) -> NDArray | None:
        """What the store keeps of a view of these frames (:mod:`dfcore.data.views.kept`), not mirrored; or None. It
        is read once: it may have to be decoded.
        """
        if name not in self._kept:
            self._kept[name] = self.access.kept(name, self.frames)
        return self._kept[name]

    def evidence(self, name: str) -> NDArray | None:
        """An evidence at these frames ``[n, C, H/16, W/16]``; for a single frame its mean over the clip; or None."""
        if len(self.frames) == 1:
            mean = self.access.evidence_mean(name)
            return None if mean is None else self._placed(mean[None])
        found = self.access.evidence(name)
        return None if found is None else self._placed(found[self.frames])
