"""Photos that are stored in tiles: HEIC and AVIF as phones write them, put together whole.

FFmpeg gives each tile as a stream of its own. Which they are, in which order, and how large the whole is stands in the
file's ``meta`` box (ISO/IEC 14496-12, 8.11, and 23008-12, 6.6.2.3: derived images of type ``grid``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from dfcore.data.clips import Planes
from dfcore.data.media.container import DECODER_OPTIONS, Look, check_size, codec_name, describe, open_media
from dfcore.data.media.planes import planes_420
from dfcore.errors import MediaError

__all__ = ["Grid", "load", "look_at", "read_grid"]

_LARGEST_META = 2**24
_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif", b"miaf", b"hevc", b"msf1"})


@dataclass(frozen=True, slots=True)
class Grid:
    """An image in tiles.

    Attributes:
        rows, columns: how many tiles.
        width, height: of the whole, in pixels, before rotation.
        tiles: the items that are the tiles, by row.
        rotation: clockwise degrees that make the whole upright.
    """

    rows: int
    columns: int
    width: int
    height: int
    tiles: tuple[int, ...]
    rotation: int


def read_grid(path: Path) -> Grid | None:
    """The grid that a file's primary image is; None where it is none, or where the file does not hold together."""
    try:
        with path.open("rb") as file:
            if file.read(12)[4:8] != b"ftyp":
                return None
            file.seek(8)
            if file.read(4) not in _BRANDS:
                return None
            file.seek(0)
            meta = _meta(file)
            return None if meta is None else _grid(meta, file)
    except (struct.error, IndexError, KeyError, ValueError):
        return None


def look_at(path: Path, grid: Grid) -> tuple[Look, str]:
    """The look of the whole and the codec of its tiles; MediaError where the first tile cannot be decoded."""
    check_size(path, grid.width, grid.height)
    with open_media(path) as container:
        stream = _streams(path, container, grid)[0]
        return _whole(grid, describe(_tile(path, container, stream, 0, grid))), codec_name(stream)


def load(path: Path, grid: Grid) -> tuple[Look, Planes]:
    """The look, and the planes of the whole as :func:`dfcore.data.media.decode` gives a frame's.

    Raises:
        MediaError: a tile is missing or damaged.
    """
    check_size(path, grid.width, grid.height)
    look: Look | None = None
    planes: list[Any] = []
    with open_media(path) as container:
        for number, stream in enumerate(_streams(path, container, grid)):
            frame = _tile(path, container, stream, number, grid)
            look = look or describe(frame)
            parts = planes_420(frame, look.colour_matrix)
            if not planes:
                shapes = [(grid.rows * part.shape[0], grid.columns * part.shape[1]) for part in parts]
                check_size(path, shapes[0][1], shapes[0][0])
                planes = [np.zeros(shape, np.uint8) for shape in shapes]
                sizes = [part.shape for part in parts]
            row, column = divmod(number, grid.columns)
            for plane, part, (height, width) in zip(planes, parts, sizes, strict=True):
                place = np.s_[row * height : (row + 1) * height, column * width : (column + 1) * width]
                plane[place] = part[:height, :width]
    assert look is not None
    y, u, v = planes
    half = -(-grid.height // 2), -(-grid.width // 2)
    if y.shape[0] < grid.height or y.shape[1] < grid.width:
        raise MediaError(f"{path}: its tiles do not cover its {grid.width}x{grid.height} pixels. The file is damaged.")
    whole = y[: grid.height, : grid.width], u[: half[0], : half[1]], v[: half[0], : half[1]]
    return _whole(grid, look), whole


def _whole(grid: Grid, look: Look) -> Look:
    return replace(look, width=grid.width, height=grid.height, rotation=grid.rotation)


def _streams(path: Path, container: Any, grid: Grid) -> list[Any]:
    by_item = {stream.id: stream for stream in container.streams.video}
    missing = [number for number, item in enumerate(grid.tiles) if item not in by_item]
    if missing or len(grid.tiles) != grid.rows * grid.columns:
        raise MediaError(
            f"{path}: {len(grid.tiles) - len(missing)} of the {grid.rows * grid.columns} tiles of this photo are "
            "there. The file is damaged: replace it or leave it out."
        )
    return [by_item[item] for item in grid.tiles]


def _tile(path: Path, container: Any, stream: Any, number: int, grid: Grid) -> Any:
    """A tile's frame; its decoder is let go with it."""
    context = stream.codec_context
    context.options, context.thread_count = dict(DECODER_OPTIONS), 1
    try:
        container.seek(0, stream=stream)
        for packet in container.demux(stream):
            for frame in stream.decode(packet):
                if not frame.is_corrupt:
                    return frame
    except av.FFmpegError:
        pass  # said below
    raise MediaError(
        f"{path}: tile {number + 1} of the {len(grid.tiles)} of this photo cannot be decoded. The file is damaged: "
        "replace it or leave it out."
    )


# -- the meta box ------------------------------------------------------------------------------------------------------


def _meta(file: Any) -> bytes | None:
    """The content of the file's ``meta`` box."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if size == 1:
            size = struct.unpack(">Q", file.read(8))[0] - 8
        if kind == b"meta":
            return file.read(size - 8) if 12 <= size <= _LARGEST_META else None
        if size < 8:
            return None
        file.seek(size - 8, 1)
    return None


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", content, start)[0], start + 8
        end = at + size if size else len(content)
        if end < start or end > len(content):
            return
        yield kind, content[start:end]
        at = end


def _grid(meta: bytes, file: Any) -> Grid | None:
    boxes = dict(_boxes(meta[4:]))
    version, primary = boxes[b"pitm"][0], boxes[b"pitm"][4:]
    item = struct.unpack_from(">H" if version == 0 else ">I", primary)[0]
    if _item_types(boxes[b"iinf"]).get(item) != b"grid":
        return None
    payload = _payload(item, boxes, file)
    wide = payload[1] & 1
    width, height = struct.unpack_from(">II" if wide else ">HH", payload, 4)
    tiles = _references(boxes[b"iref"], item)
    return Grid(payload[2] + 1, payload[3] + 1, width, height, tiles, _rotation(boxes[b"iprp"], item))


def _item_types(iinf: bytes) -> dict[int, bytes]:
    start = 6 if iinf[0] == 0 else 8
    found = {}
    for kind, content in _boxes(iinf[start:]):
        if kind == b"infe" and content[0] in (2, 3):
            number = ">H" if content[0] == 2 else ">I"
            item = struct.unpack_from(number, content, 4)[0]
            at = 4 + struct.calcsize(number) + 2
            found[item] = content[at : at + 4]
    return found


def _references(iref: bytes, item: int) -> tuple[int, ...]:
    """The items that ``item`` is derived from, in order."""
    number = "H" if iref[0] == 0 else "I"
    for kind, content in _boxes(iref[4:]):
        source, count = struct.unpack_from(f">{number}H", content)
        if kind == b"dimg" and source == item:
            return struct.unpack_from(f">{count}{number}", content, struct.calcsize(f">{number}H"))
    return ()


def _payload(item: int, boxes: dict[bytes, bytes], file: Any) -> bytes:
    """The first bytes of an item's own data, by ``iloc``."""
    iloc = boxes[b"iloc"]
    version = iloc[0]
    offset_size, length_size, base_size, index_size = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4, iloc[5] & 15
    at = 6

    def number(size: int) -> int:
        nonlocal at
        value = int.from_bytes(iloc[at : at + size], "big")
        at += size
        return value

    wide = 2 if version < 2 else 4
    for _ in range(number(wide)):
        found, method = number(wide), number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size if version else 0)
            extents.append((number(offset_size), number(length_size)))
        if found == item:
            offset, _ = extents[0]
            if method == 1:
                return boxes[b"idat"][base + offset : base + offset + 12]
            file.seek(base + offset)
            content: bytes = file.read(12)
            return content
    raise KeyError(item)


def _rotation(iprp: bytes, item: int) -> int:
    """Clockwise degrees, from the item's ``irot``; a mirror (``imir``) is left alone."""
    parts = dict(_boxes(iprp))
    properties = list(_boxes(parts[b"ipco"]))
    ipma = parts[b"ipma"]
    version, wide = ipma[0], ipma[3] & 1
    count, at = struct.unpack_from(">I", ipma, 4)[0], 8
    for _ in range(count):
        found = struct.unpack_from(">H" if version == 0 else ">I", ipma, at)[0]
        at += 2 if version == 0 else 4
        entries, at = ipma[at], at + 1
        for _ in range(entries):
            index = struct.unpack_from(">H", ipma, at)[0] & 0x7FFF if wide else ipma[at] & 0x7F
            at += 2 if wide else 1
            if found == item and index and properties[index - 1][0] == b"irot":
                return -90 * (properties[index - 1][1][0] & 3) % 360
    return 0
