"""Lossless coding of the store's arrays: what the codec ``compact`` writes in place of their bytes.

Each coded array is a run of bytes in the same safetensors file, described in its metadata (:class:`Coded`). How it is
coded follows from its type and shape:

``images``
    uint8 ``[n, h, w]`` or ``[n, c, h, w]``: each image is a packet of its own (:mod:`dfcore.data.store.images`), so
    that for one of many at most one other is decoded.
``mosaic``
    images that are always read whole (mouths): all of them side by side are one image.
``values``
    anything else, and such images that are hardly smaller as a mosaic (the frames of a sequence, which change little):
    the bytes of equal weight brought together, or those of the differences from one item to the next where these take
    less, and then Zstandard.

docs/data.md has the candidates that were measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import zstandard
from av import FFmpegError
from numpy.typing import NDArray

from dfcore.data.store.images import LONG_MATCHES, decompressed, images_of, packets_of

__all__ = ["CODECS", "COMPACT", "RAW", "Coded", "code", "taken"]

COMPACT, RAW = "compact", "raw"
CODECS = (COMPACT, RAW)
"""How a store writes its arrays. What is read back is the same."""

IMAGES, MOSAIC, VALUES = "images", "mosaic", "values"
_GROUP_LEVEL, _VALUE_LEVEL = 5, 9
"""Zstandard's levels: of images a higher one takes 1 to 5 % less, in two to five times the time."""
_TRIED = 8
"""Images of a group, at least, by which is found how it is coded."""
_WORTH = 0.8
"""A mosaic must take so much less, for it is read more slowly."""


@dataclass(frozen=True, slots=True)
class Coded:
    """How an array is coded.

    Attributes:
        kind: see the module.
        dtype, shape: of the array.
        sizes: bytes of each packet; one packet but for ``images``.
        differences: whether the differences along the first axis are coded.
        reference: the image that is decoded for each of the others, too; -1 for none.
    """

    kind: str
    dtype: str
    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    differences: bool = False
    reference: int = -1

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Coded:
        """The inverse of :meth:`to_json`; KeyError, TypeError or ValueError on anything else."""
        shape, sizes = tuple(map(int, values["shape"])), tuple(map(int, values["sizes"]))
        kind, reference = str(values["kind"]), int(values.get("reference", -1))
        if min((*shape, *sizes), default=0) < 0 or not -1 <= reference < len(sizes):
            raise ValueError(f"{kind!r} {shape} is no coded array")
        return cls(kind, str(values["dtype"]), shape, sizes, bool(values.get("differences")), reference)

    @property
    def known(self) -> bool:
        """Whether it can be decoded: earlier versions had other kinds."""
        return self.kind in (IMAGES, MOSAIC, VALUES)

    def decode(self, stored: NDArray[np.uint8], rows: Sequence[int] | None = None) -> NDArray:
        """The array, or its ``rows`` alone; nothing may be written to it.

        Raises:
            ValueError: these are not its bytes.
        """
        if not self.known:
            raise ValueError(f"{self.kind!r} is no kind of coded array")
        if len(stored) != sum(self.sizes):
            raise ValueError(f"{sum(self.sizes)} coded bytes were expected, {len(stored)} found")
        try:
            if self.kind == IMAGES:
                found = self._images(stored.data, range(self.shape[0]) if rows is None else rows)
            else:
                found = self._mosaic(stored.data) if self.kind == MOSAIC else self._whole(stored.data)
                found = found if rows is None else taken(found, rows)
        except (zstandard.ZstdError, FFmpegError) as error:
            raise ValueError(f"it cannot be decoded: {error}") from error
        found.flags.writeable = False
        return found

    def _images(self, stored: memoryview, rows: Sequence[int]) -> NDArray[np.uint8]:
        ends = list(accumulate(self.sizes))
        wanted = {row: stored[ends[row] - self.sizes[row] : ends[row]] for row in (*rows, self.reference) if row >= 0}
        *_, height, width = self.shape
        height *= math.prod(self.shape[1:-2])  # channels lie one below the other
        found = images_of([wanted[row] for row in rows], height, width, wanted.get(self.reference))
        return found.reshape(-1, *self.shape[1:])

    def _mosaic(self, stored: memoryview) -> NDArray[np.uint8]:
        *_, height, width = self.shape
        count = math.prod(self.shape[:-2])
        (found,) = images_of([stored], height, count * width)
        return found.reshape(height, count, width).swapaxes(0, 1).reshape(self.shape)

    def _whole(self, stored: memoryview) -> NDArray:
        size = np.dtype(self.dtype).itemsize
        together = np.frombuffer(_unpacked(stored, size * math.prod(self.shape)), np.uint8).reshape(size, -1)
        if size == 2:  # whole words, several times as fast as bytes at intervals
            words = together[1].astype("<u2")
            words <<= 8
            words |= together[0]
            found = words.view(self.dtype).reshape(self.shape)
        else:
            found = np.ascontiguousarray(together.T).view(self.dtype).reshape(self.shape)
        if not self.differences:
            return found
        if found.ndim == 1:
            return np.add.accumulate(found, dtype=found.dtype)
        summed = np.empty_like(found)
        summed[:1] = found[:1]
        for i in range(1, len(found)):  # several times as fast as numpy's accumulate
            np.add(summed[i - 1], found[i], out=summed[i])
        return summed


def code(values: NDArray, *, group: bool = False) -> tuple[NDArray[np.uint8], Coded]:
    """An array's bytes as coded, and how they are.

    Args:
        values: of any type; images are uint8 with two axes or more behind the first.
        group: images that are always read whole.
    """
    images = values.dtype == np.uint8 and values.ndim >= 3 and values.size > 0
    if images and group:
        return _coded_group(values)
    if not images or values.ndim > 4:
        return _coded_values(values)
    packets, reference = packets_of(values.reshape(len(values), -1, values.shape[-1]))
    return _joined(packets), Coded(IMAGES, "uint8", values.shape, tuple(map(len, packets)), reference=reference)


def taken(values: NDArray, rows: Sequence[int]) -> NDArray:
    """Some rows of an array, at least one; a view of it where they are consecutive."""
    first, last = rows[0], rows[-1] + 1
    consecutive = last - first == len(rows) and all(a == b for a, b in zip(rows, range(first, last), strict=True))
    return values[first:last] if consecutive else values[list(rows)]


def _coded_group(values: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Coded]:
    """The way that suits images in the middle: to code all of them in every way took twice as long."""
    size = max(_TRIED, len(values) // 4)
    some = values[max(0, (len(values) - size) // 2) :][:size]
    plain, mosaic = _coded_values(some, group=True), _coded_mosaic(some)
    if len(mosaic[0]) < _WORTH * len(plain[0]):
        return mosaic if size >= len(values) else _coded_mosaic(values)
    return plain if size >= len(values) else _coded_values(values, group=True, differences=plain[1].differences)


def _coded_mosaic(values: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Coded]:
    *_, height, width = values.shape
    image = values.reshape(-1, height, width).swapaxes(0, 1).reshape(1, height, -1)
    packets, _ = packets_of(image)
    return _joined(packets), Coded(MOSAIC, "uint8", values.shape, (len(packets[0]),))


def _coded_values(
    values: NDArray, *, group: bool = False, differences: bool | None = None
) -> tuple[NDArray[np.uint8], Coded]:
    """``differences``: whether these are coded; None takes what is smaller."""
    pack = _compressor(values.nbytes) if group else zstandard.ZstdCompressor(level=_VALUE_LEVEL)
    if differences is None:
        ways = (False, True) if values.ndim and values.dtype.kind in "iu" else (False,)
    else:
        ways = (differences,)
    choices = [(_packed_values(_differences(values) if way else values, pack), way) for way in ways]
    best, way = min(choices, key=lambda choice: len(choice[0]))
    return _joined([best]), Coded(VALUES, values.dtype.name, values.shape, (len(best),), way)


def _compressor(size: int) -> zstandard.ZstdCompressor:
    settings = zstandard.ZstdCompressionParameters.from_level(
        _GROUP_LEVEL, source_size=size, min_match=LONG_MATCHES, strategy=zstandard.STRATEGY_LAZY
    )
    return zstandard.ZstdCompressor(compression_params=settings)


def _differences(values: NDArray) -> NDArray:
    """From one item of the first axis to the next, modulo the type's range; the first stays."""
    found = values.copy()
    found[1:] -= values[:-1]
    return found


def _packed_values(values: NDArray, pack: zstandard.ZstdCompressor) -> bytes:
    together = np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.dtype.itemsize).T
    return pack.compress(np.ascontiguousarray(together).tobytes())


def _joined(packets: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(packets), np.uint8)


def _unpacked(packet: memoryview, size: int) -> bytes:
    found = decompressed(packet, size)
    if len(found) != size:
        raise ValueError(f"{size} bytes were expected, {len(found)} decoded")
    return found
