"""HEIC and AVIF photos in tiles, as phones write them: the boxes by hand, the tiles by FFmpeg's encoders."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_CODECS = {
    "hevc": ("libx265", b"hvc1", b"hvcC", b"heic", {"x265-params": "log-level=none:pools=1:bframes=0", "crf": "10"}),
    "av1": ("libsvtav1", b"av01", b"av1C", b"avif", {"crf": "10", "preset": "12"}),
}


def write_grid(
    path: Path, image: NDArray[np.uint8], rows: int, columns: int, *, turns: int = 0, codec: str = "hevc"
) -> Path:
    """Write RGB ``[H, W, 3]`` as a photo of so many tiles, to be shown turned by ``turns`` anticlockwise quarters."""
    encoder, item_type, configuration, brand, options = _CODECS[codec]
    height, width = (-(-side // parts // 64) * 64 for side, parts in zip(image.shape[:2], (rows, columns), strict=True))
    padded = np.pad(
        image, ((0, rows * height - image.shape[0]), (0, columns * width - image.shape[1]), (0, 0)), mode="edge"
    )
    tiles, extra = [], b""
    for row in range(rows):
        for column in range(columns):
            part = padded[row * height : (row + 1) * height, column * width : (column + 1) * width]
            data, extra = _encoded(path.with_suffix(".tile.mp4"), part, encoder, options)
            tiles.append(data)
    count = len(tiles)
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, image.shape[1], image.shape[0])
    infos = [_full(b"infe", 2, 0, struct.pack(">HH4sB", i + 1, 0, item_type, 0)) for i in range(count)]
    infos.append(_full(b"infe", 2, 0, struct.pack(">HH4sB", count + 1, 0, b"grid", 0)))
    references = struct.pack(f">HH{count}H", count + 1, count, *range(1, count + 1))
    properties = [
        _box(configuration, extra),
        _full(b"ispe", 0, 0, struct.pack(">II", width, height)),
        _full(b"ispe", 0, 0, struct.pack(">II", image.shape[1], image.shape[0])),
        _box(b"irot", bytes([turns])),
    ]
    uses = b"".join(struct.pack(">HBBB", i + 1, 2, 0x81, 2) for i in range(count))
    uses += struct.pack(">HBBB", count + 1, 2, 3, 0x84)
    ftyp = _box(b"ftyp", brand + b"\0\0\0\0" + b"mif1" + brand)

    def meta(offset: int) -> bytes:
        places, at = b"", offset
        for i, data in enumerate(tiles):
            places += struct.pack(">HHHHII", i + 1, 0, 0, 1, at, len(data))
            at += len(data)
        places += struct.pack(">HHHHII", count + 1, 1, 0, 1, 0, len(grid))
        content = [
            _full(b"hdlr", 0, 0, struct.pack(">I4s12sB", 0, b"pict", b"", 0)),
            _full(b"pitm", 0, 0, struct.pack(">H", count + 1)),
            _full(b"iinf", 0, 0, struct.pack(">H", len(infos)) + b"".join(infos)),
            _full(b"iref", 0, 0, _box(b"dimg", references)),
            _box(
                b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", 0, 0, struct.pack(">I", count + 1) + uses)
            ),
            _full(b"iloc", 1, 0, struct.pack(">BBH", 0x44, 0, count + 1) + places),
            _box(b"idat", grid),
        ]
        return _full(b"meta", 0, 0, b"".join(content))

    start = len(ftyp) + len(meta(0)) + 8
    path.write_bytes(ftyp + meta(start) + _box(b"mdat", b"".join(tiles)))
    return path


def _encoded(place: Path, image: NDArray[np.uint8], encoder: str, options: dict[str, str]) -> tuple[bytes, bytes]:
    """One frame's packet as MP4 holds it, and the codec's configuration record."""
    with av.open(str(place), "w") as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"  # type: ignore[union-attr]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuv420p")
        frame.pts = 0
        container.mux(stream.encode(frame))  # type: ignore[union-attr]
        container.mux(stream.encode(None))  # type: ignore[union-attr]
    with av.open(str(place)) as container:
        video = container.streams.video[0]
        data = b"".join(bytes(packet) for packet in container.demux(video) if packet.size)
        extra = bytes(video.codec_context.extradata or b"")
    place.unlink()
    return data, extra


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full(kind: bytes, version: int, flags: int, content: bytes) -> bytes:
    return _box(kind, bytes([version]) + flags.to_bytes(3, "big") + content)
