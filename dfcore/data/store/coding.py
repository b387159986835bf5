"""Lossless coding of the store's arrays: what the codec ``compact`` writes in place of their bytes.

Each coded array is a run of bytes in the same safetensors file, described in its metadata (:class:`Coded`). How it is
coded follows from its type and shape:

``planes``
    uint8 ``[n, h, w]``: each image is a packet of its own, so that one of many is decoded without the others. The image
    is coded by MagicYUV (FFmpeg's: each pixel predicted from its neighbours, the rest in Huffman codes) and then by
    Zstandard, which takes out what Huffman codes cannot say in less than a bit a pixel.
``values``
    anything else, and images that are always read whole (mouths, the frames of a sequence): the bytes of equal weight
    brought together, or those of the differences from one item to the next where these take less, and then Zstandard.

docs/data.md has the candidates that were measured.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal, cast

import numpy as np
import zstandard
from av import CodecContext, FFmpegError, Packet, VideoCodecContext, VideoFrame
from numpy.typing import NDArray

__all__ = ["CODECS", "COMPACT", "RAW", "Coded", "code"]

COMPACT, RAW = "compact", "raw"
CODECS = (COMPACT, RAW)
"""How a store writes its arrays. What is read back is the same."""

PLANES, VALUES = "planes", "values"
_IMAGE_LEVEL, _VALUE_LEVEL = 3, 9
"""Zstandard's levels: of images a higher one takes 1 to 5 % less, in five to ten times the time."""
_MAGIC = "magicyuv"
_SPARE = 2**16
"""Bytes of a coded image beside its pixels: headers and tables."""


@dataclass(frozen=True, slots=True)
class Coded:
    """How an array is coded.

    Attributes:
        kind: see the module.
        dtype, shape: of the array.
        sizes: bytes of each packet; one packet but for ``planes``.
        differences: whether the differences along the first axis are coded.
    """

    kind: str
    dtype: str
    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    differences: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Coded:
        """The inverse of :meth:`to_json`; KeyError, TypeError or ValueError on anything else."""
        shape, sizes = tuple(map(int, values["shape"])), tuple(map(int, values["sizes"]))
        if values["kind"] not in (PLANES, VALUES) or min((*shape, *sizes), default=0) < 0:
            raise ValueError(f"{values['kind']!r} {shape} is no coded array")
        return cls(values["kind"], str(values["dtype"]), shape, sizes, bool(values.get("differences")))

    def decode(self, stored: NDArray[np.uint8], rows: Sequence[int] | None = None) -> NDArray:
        """The array, or its ``rows`` alone; nothing may be written to it.

        Raises:
            ValueError: these are not its bytes.
        """
        if len(stored) != sum(self.sizes):
            raise ValueError(f"{sum(self.sizes)} coded bytes were expected, {len(stored)} found")
        try:
            if self.kind == PLANES:
                found = self._planes(stored.data, range(self.shape[0]) if rows is None else rows)
            else:
                found = self._whole(stored.data)
                found = found if rows is None else found[list(rows)]
        except (zstandard.ZstdError, FFmpegError) as error:
            raise ValueError(f"it cannot be decoded: {error}") from error
        found.flags.writeable = False
        return found

    def _planes(self, stored: memoryview, rows: Sequence[int]) -> NDArray[np.uint8]:
        height, width = self.shape[1:]
        starts = [0, *np.cumsum(self.sizes).tolist()]
        packets = [stored[starts[row] : starts[row] + self.sizes[row]] for row in rows]
        if len(packets) == 1:  # as most samples are read: no copy
            return _image(packets[0], height, width)[None]
        found = np.empty((len(packets), height, width), np.uint8)
        for image, packet in zip(found, packets, strict=True):
            image[:] = _image(packet, height, width)
        return found

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
    images = values.dtype == np.uint8 and values.ndim >= 3
    if not images or group or values.ndim > 3 or not values.size:
        return _coded_values(values, _IMAGE_LEVEL if images else _VALUE_LEVEL)
    packets = [_packet(image) for image in values]
    return _joined(packets), Coded(PLANES, "uint8", values.shape, tuple(map(len, packets)))


def _coded_values(values: NDArray, level: int) -> tuple[NDArray[np.uint8], Coded]:
    choices = [_packed_values(values, level)]
    if values.ndim and values.dtype.kind in "iu":
        choices.append(_packed_values(_differences(values), level))
    best = min(choices, key=len)
    return _joined([best]), Coded(VALUES, values.dtype.name, values.shape, (len(best),), best is not choices[0])


def _differences(values: NDArray) -> NDArray:
    """From one item of the first axis to the next, modulo the type's range; the first stays."""
    found = values.copy()
    found[1:] -= values[:-1]
    return found


def _packed_values(values: NDArray, level: int) -> bytes:
    together = np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.dtype.itemsize).T
    return zstandard.ZstdCompressor(level=level).compress(np.ascontiguousarray(together).tobytes())


def _joined(packets: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(packets), np.uint8)


def _packet(image: NDArray[np.uint8]) -> bytes:
    """An image uint8 ``[h, w]``, coded."""
    height, width = image.shape
    encoder = _context("w", height, width)
    encoder.time_base, encoder.options = Fraction(1, 25), {"pred": "gradient"}
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
    packets = [bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None))]
    return zstandard.ZstdCompressor(level=_IMAGE_LEVEL).compress(b"".join(packets))


def _context(mode: Literal["r", "w"], height: int = 16, width: int = 16) -> VideoCodecContext:
    found = cast(VideoCodecContext, CodecContext.create(_MAGIC, mode))
    found.width, found.height, found.pix_fmt, found.thread_count = width, height, "gray", 1
    return found


class _Decoders(threading.local):
    """A thread's own decoders. Images of any size go through one: each packet says its size."""

    def __init__(self) -> None:
        self.unpack = zstandard.ZstdDecompressor()
        self.image = _context("r")


_decoders = _Decoders()


def _image(packet: memoryview, height: int, width: int) -> NDArray[np.uint8]:
    """The image uint8 ``[h, w]``, in memory that the decoder lent."""
    frames = _decoders.image.decode(Packet(_decompressed(packet, _SPARE + 2 * height * width)))
    if len(frames) != 1 or (frames[0].height, frames[0].width, frames[0].format.name) != (height, width, "gray"):
        raise ValueError(f"a coded image is not of {width}x{height} px")
    plane: Any = frames[0].planes[0]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]


def _unpacked(packet: memoryview, size: int) -> bytes:
    found = _decompressed(packet, size)
    if len(found) != size:
        raise ValueError(f"{size} bytes were expected, {len(found)} decoded")
    return found


def _decompressed(packet: memoryview, most: int) -> bytes:
    """What a packet holds; it is looked at how much it says that is before anything is made of it."""
    claimed = zstandard.frame_content_size(packet)
    if not 0 <= claimed <= most:
        raise ValueError(f"at most {most} bytes were expected, the packet claims {claimed}")
    found: bytes = _decoders.unpack.decompress(packet)
    return found
