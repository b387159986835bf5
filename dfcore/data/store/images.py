"""Lossless coding of a series of like images: small, and one of them quickly read.

An image becomes bytes in three steps:

1. Each pixel is predicted from its left, upper and upper-left neighbours (left + upper - upper-left). What is left of
   it, its rest, is mostly -7..7.
2. Two such rests, one below the other, make a byte. Any other rest is 0 there, and is appended as a byte of its own:
   those of eight pairs together, the upper ones first.
3. Zstandard codes these bytes. Where the images are frames of a clip, one of them, the *reference*, is the dictionary
   of the others: what a video codec took over unchanged from another frame has the same rests there, and is a copy.

Reading undoes this by whole words: numpy takes the pairs apart, and the prediction is undone by FFmpeg's decoder of
MagicYUV, whose packets may hold the rests as they are.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import zstandard
from av import CodecContext, Packet, VideoCodecContext
from numpy.typing import NDArray

__all__ = ["LONG_MATCHES", "decompressed", "images_of", "packets_of"]

LONG_MATCHES = 7
"""Shortest match, in bytes. What is left is Huffman codes, which are read several times as fast as short matches."""
_LEVEL = 3
_WORTH = 0.8
"""A reference must make another image so much smaller, for it has to be read too."""
_SMALL, _WORD = 8, 8  # rest 0 is coded as 8, so that 0 is free for those that are not small; bytes of a word
_LOW = np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES, _TOPS = np.uint64(0x1111111111111111), np.uint64(0x8888888888888888)
_HALF_BYTE = np.uint64(4)

_MAGIC = "magicyuv"
_PIXELS = 64
"""Where a packet's pixels begin: whatever numpy writes there is aligned."""
_SPARE = bytes(64)
"""Decoders may read so far behind a packet's end."""


def packets_of(images: NDArray[np.uint8]) -> tuple[list[bytes], int]:
    """Images uint8 ``[n, h, w]``, each coded, and which of them is the reference of the others; -1 for none."""
    packed = [_packed(image) for image in images]
    plain = _compressor(len(packed[0]))
    middle = len(packed) // 2
    if middle:
        given = zstandard.ZstdCompressionDict(packed[middle], dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        along = _compressor(2 * max(map(len, packed)), given)
        one, alone = along.compress(packed[0]), plain.compress(packed[0])
        if len(one) < _WORTH * len(alone):
            rest = [(plain if i == middle else along).compress(packed[i]) for i in range(1, len(packed))]
            return [one, *rest], middle
        return [alone, *map(plain.compress, packed[1:])], -1
    return [plain.compress(one) for one in packed], -1


def images_of(
    packets: Sequence[memoryview], height: int, width: int, reference: memoryview | None = None
) -> NDArray[np.uint8]:
    """What :func:`packets_of` coded, uint8 ``[n, h, w]``.

    Args:
        packets: of the n images that are asked for, at least one.
        height: of each.
        width: likewise.
        reference: the packet of the others' reference; where it is one of ``packets``, the same object.

    Raises:
        ValueError, zstandard.ZstdError, av.FFmpegError: these are no such packets.
    """
    most = 2 * (height + 1) * (width + _WORD)
    unpack, base = _decoders.unpack, None
    if reference is not None:
        base = decompressed(reference, most)
        if any(packet is not reference for packet in packets):
            given = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            unpack = zstandard.ZstdDecompressor(dict_data=given)
    each = (
        base if base is not None and packet is reference else decompressed(packet, most, unpack) for packet in packets
    )
    if len(packets) == 1:  # as most samples are read: no copy
        return _image(next(each), height, width)[None]
    found = np.empty((len(packets), height, width), np.uint8)
    for image, packed in zip(found, each, strict=True):
        image[:] = _image(packed, height, width)
    return found


def decompressed(packet: memoryview, most: int, unpack: zstandard.ZstdDecompressor | None = None) -> bytes:
    """What a packet of Zstandard's holds; it is looked at how much it says that is before anything is made of it.

    Args:
        packet: its bytes.
        most: bytes that it may hold.
        unpack: what decodes it; None takes this thread's own.

    Raises:
        ValueError, zstandard.ZstdError: it is no packet, or claims to hold more.
    """
    claimed = zstandard.frame_content_size(packet)
    if not 0 <= claimed <= most:
        raise ValueError(f"at most {most} bytes were expected, the packet claims {claimed}")
    found: bytes = (unpack or _decoders.unpack).decompress(packet)
    return found


def _compressor(size: int, given: zstandard.ZstdCompressionDict | None = None) -> zstandard.ZstdCompressor:
    """Of up to ``size`` bytes, those of the dictionary included: matches may reach back over all of them."""
    settings = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=size,
        window_log=max(10, size.bit_length()),
        min_match=LONG_MATCHES,
    )
    return zstandard.ZstdCompressor(compression_params=settings, dict_data=given)


def _padded(height: int, width: int) -> tuple[int, int]:
    """The size as it is coded: whole pairs of rows, whole words."""
    return height + height % 2, width + -width % _WORD


def _packed(image: NDArray[np.uint8]) -> bytes:
    """The first two steps of an image uint8 ``[h, w]``."""
    height, width = image.shape
    tall, wide = _padded(height, width)
    if (tall, wide) != (height, width):
        image = np.pad(image, ((0, tall - height), (0, wide - width)), mode="edge")
    down, rests = np.empty((tall, wide), np.uint8), np.empty((tall, wide), np.uint8)
    down[0], rests[:, 0] = image[0], image[:, 0]
    np.subtract(image[1:], image[:-1], out=down[1:])
    rests[1:, 0] = down[1:, 0]
    np.subtract(down[:, 1:], down[:, :-1], out=rests[:, 1:])
    rests += np.uint8(_SMALL)
    small = rests - np.uint8(1) < np.uint8(2 * _SMALL - 1)  # 0 goes round to 255
    others = _in_order(rests, ~small)
    rests *= small
    pairs = rests[1::2] << 4
    pairs |= rests[0::2]
    return pairs.tobytes() + others.tobytes()


def _in_order(rests: NDArray[np.uint8], large: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Those that are large, by pairs of words: they are few, so that sorting them takes less than turning the image."""
    wide = rests.shape[1]
    flat = np.flatnonzero(large.ravel())
    row, column = np.divmod(flat, wide)
    word = (row >> 1) * (wide // _WORD) + column // _WORD
    order = np.argsort((word * 2 + (row & 1)) * _WORD + column % _WORD)
    found: NDArray[np.uint8] = rests.ravel()[flat[order]] - np.uint8(_SMALL)
    return found


class _Decoders(threading.local):
    """A thread's own decoders, and the packet that its images go through one after the other."""

    def __init__(self) -> None:
        self.unpack = zstandard.ZstdDecompressor()
        self.image = cast(VideoCodecContext, CodecContext.create(_MAGIC, "r"))
        self.image.width, self.image.height, self.image.pix_fmt, self.image.thread_count = 16, 16, "gray", 1
        self.packet = np.zeros(0, np.uint8)
        self.size = (0, 0)

    def pixels(self, height: int, width: int) -> NDArray[np.uint8]:
        """The place for the rests ``[h, w]`` in the packet, whose beginning says how large it is."""
        end = _PIXELS + height * width
        if len(self.packet) < end + len(_SPARE):
            self.packet = np.zeros(end + len(_SPARE), np.uint8)
            self.size = (0, 0)
        if self.size != (height, width):
            self.packet[:_PIXELS] = np.frombuffer(_beginning(height, width), np.uint8)
            self.size = (height, width)
        return self.packet[_PIXELS:end].reshape(height, width)


_decoders = _Decoders()


def _beginning(height: int, width: int) -> bytes:
    """What stands before the pixels in a packet of MagicYUV: grey, one slice, its rests as they are."""
    said = 32
    sizes = struct.pack("<4sI8B4I4xI", b"MAGY", said, 7, 0x6B, 12, 0, 0, 0, 0, 0, width, height, width, height,
                        _PIXELS - 2 - said)  # fmt: skip
    codes = bytes([1, 0, 0x88, 255])  # of one plane in one slice; codes of 8 bits for each of 256 values: never used
    raw, left_upper = 1, 2
    return (sizes + codes).ljust(_PIXELS - 2, b"\0") + bytes([raw, left_upper])


def _image(packed: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The image uint8 ``[h, w]``, in memory that the decoder lent."""
    tall, wide = _padded(height, width)
    rests = _decoders.pixels(tall, wide)
    half = tall * wide // 2
    if len(packed) < half:
        raise ValueError(f"a coded image of {width}x{height} px is cut short")
    pairs = np.frombuffer(packed, np.uint64, half // _WORD).reshape(tall // 2, -1)
    words = rests.view(np.uint64).reshape(tall // 2, 2, -1)
    np.bitwise_and(pairs, _LOW, out=words[:, 0])
    np.right_shift(pairs, _HALF_BYTE, out=words[:, 1])
    np.bitwise_and(words[:, 1], _LOW, out=words[:, 1])
    places, others = _places_of_others(pairs), np.frombuffer(packed, np.uint8, offset=half)
    if len(places) != len(others):
        raise ValueError(f"a coded image of {width}x{height} px does not fit together")
    flat = rests.ravel()
    flat -= np.uint8(_SMALL)
    flat[places] = others
    packet = Packet(cast(bytes, _decoders.packet[: _PIXELS + tall * wide].data))  # any buffer will do
    frames = _decoders.image.decode(packet)
    if len(frames) != 1 or (frames[0].height, frames[0].width, frames[0].format.name) != (tall, wide, "gray"):
        raise ValueError(f"a coded image is not of {width}x{height} px")
    plane: Any = frames[0].planes[0]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]


def _places_of_others(pairs: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Where the appended rests belong in the flattened image; ``pairs`` are those of ``[h/2, w/8]`` words."""
    across = pairs.shape[1]
    flat = pairs.ravel()
    found = flat - _ONES  # the top bit of a half byte is set in this, and not in itself, if it is 0: or one below it is
    found &= ~flat
    found &= _TOPS
    words = np.flatnonzero(found != 0)
    both = np.empty((len(words), 2), np.uint64)
    both[:, 0] = flat[words]
    np.right_shift(both[:, 0], _HALF_BYTE, out=both[:, 1])
    both &= _LOW
    inside = np.flatnonzero(both.view(np.uint8).ravel() == 0)
    upper = (words + words // across * across) * _WORD  # where the word of its upper rests begins
    return upper[inside >> 4] + (inside >> 3 & 1) * (across * _WORD) + (inside & 7)
