"""Which packets of a video need not be decoded: their frames are not read, and no other frame is predicted from them.

Encoders of H.264 code about half of the frames so (B frames that are no references: ``nal_ref_idc`` 0, ITU-T H.264,
7.4.1). A decoder that never sees them gives the others to the last bit. They are counted by their time stamps, so that
the others keep their number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dfcore.data.media.container import codec_name, open_media, video_stream
from dfcore.data.media.stream import Unread, packets

__all__ = ["find_unread"]

_SLICES = (1, 2, 5)
"""Types of the units that carry an image (7.4.1, table 7-1); a packet's first says what all of them do."""
_MOST = 250_000
"""Packets of a file up to which this is done, two to three hours: what is noted of each would grow with the file."""
_LEAST = 8
"""One in so many packets has to be spared: else it is not worth reading the file's packets once more."""


def find_unread(path: Path, wanted: Collection[int]) -> Unread | None:
    """What need not be decoded when only the frames ``wanted`` are read. None where that is little, or cannot be told:
    another codec than H.264, packets without a time stamp of their own, or marked as damaged or not to be shown; or a
    very long file.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        if codec_name(stream) != "h264" or container.format.name == "avi":
            return None
        size = _length_size(stream.codec_context.extradata or b"")
        alone: dict[int, bool] = {}
        for packet in packets(container, stream, path):
            strange = packet.pts is None or packet.pts in alone or packet.is_corrupt or packet.is_discard
            if strange or len(alone) == _MOST:
                return None
            alone[packet.pts] = _is_alone(packet, size)
    place = {stamp: number for number, stamp in enumerate(sorted(alone))}
    last = max(wanted)
    spared = frozenset(stamp for stamp, free in alone.items() if free and place[stamp] not in wanted)
    worth = sum(place[stamp] <= last for stamp in spared) * _LEAST >= min(last + 1, len(place))
    return Unread(place, spared) if worth else None


def _length_size(extradata: bytes) -> int:
    """Bytes of the length before each unit (ISO/IEC 14496-15, 5.2.4.1); 0 where start codes are in its place."""
    return (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0


def _is_alone(packet: Any, length_size: int) -> bool:
    """Whether no other frame is predicted from this one."""
    for header in _headers(memoryview(packet), length_size):
        if header & 31 in _SLICES:
            return not header & 0x60
    return False


def _headers(data: memoryview, length_size: int) -> Iterator[int]:
    """The first byte of each unit."""
    at = 0
    if length_size:
        while at + length_size < len(data):
            yield data[at + length_size]
            at += length_size + int.from_bytes(data[at : at + length_size], "big")
        return
    raw = bytes(data)
    while (at := raw.find(b"\0\0\1", at) + 3) > 2 and at < len(raw):
        yield raw[at]
