"""What lossless codings of a store's frames take, and how long one frame of eight is decoded.

    python benchmarks/stores/lossless.py STORE

STORE is a clip store. Of each of its videos the middle clip's frames are coded in each way, and compared when decoded.
Processor time of one thread, medians. "Read" is what a sample of one frame waits for: with groups of eight, the frames
before it are decoded too, 4.5 on average; with a reference, one more. JPEG-LS and JPEG XL are measured where
``imagecodecs`` is installed.
"""

from __future__ import annotations

import argparse
import io
import time
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
import zstandard
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.coding import code

GROUP = 8
Frames = tuple[NDArray[np.uint8], ...]
Coder = Callable[[Frames], tuple[int, Callable[[int], Sequence[NDArray[np.uint8]]]]]
"""Codes the planes y, u, v ``[n, h, w]``: bytes of all, and what decodes frame i."""


def planewise(encode: Callable[[NDArray[np.uint8]], bytes], decode: Callable[[bytes, Any], NDArray]) -> Coder:
    def coder(planes: Frames) -> tuple[int, Callable[[int], Sequence[NDArray[np.uint8]]]]:
        done = [[encode(image) for image in plane] for plane in planes]
        shapes = [plane.shape[1:] for plane in planes]
        size = sum(len(one) for plane in done for one in plane)
        return size, lambda i: [decode(plane[i], shape) for plane, shape in zip(done, shapes, strict=True)]

    return coder


def stored(planes: Frames) -> tuple[int, Callable[[int], Sequence[NDArray[np.uint8]]]]:
    done = [code(plane) for plane in planes]
    return sum(len(data) for data, _ in done), lambda i: [how.decode(data, [i])[0] for data, how in done]


def _left_up(image: NDArray[np.uint8]) -> bytes:
    found = image.copy()
    found[1:] -= image[:-1]
    again = found.copy()
    again[:, 1:] -= found[:, :-1]
    return again.tobytes()


def _undone(data: bytes, shape: Any) -> NDArray:
    rows = np.add.accumulate(np.frombuffer(data, np.uint8).reshape(shape), axis=1, dtype=np.uint8)
    return np.add.accumulate(rows, axis=0, dtype=np.uint8)


def png(image: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(written, "PNG")
    return written.getvalue()


def alone(planes: Frames) -> tuple[int, Callable[[int], Sequence[NDArray[np.uint8]]]]:
    """The store's coding, each frame without the others."""
    done = [[code(frame[None]) for frame in plane] for plane in planes]
    size = sum(len(data) for plane in done for data, _ in plane)
    return size, lambda i: [plane[i][1].decode(plane[i][0])[0] for plane in done]


def video(encoder: str, decoder: str, group: int, zstd: int = 0, **options: str) -> Coder:
    def coder(planes: Frames) -> tuple[int, Callable[[int], Sequence[NDArray[np.uint8]]]]:
        height, width = planes[0].shape[1:]
        context: Any = av.CodecContext.create(encoder, "w")
        context.width, context.height, context.pix_fmt, context.time_base = width, height, "yuv420p", Fraction(1, 25)
        context.options, context.thread_count, context.gop_size = options, 1, group
        packets = []
        for i, (y, u, v) in enumerate(zip(*planes, strict=True)):
            joined = np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(-1, width)
            frame = av.VideoFrame.from_ndarray(joined, format="yuv420p")
            frame.pts = i
            packets += [bytes(packet) for packet in context.encode(frame)]
        packets += [bytes(packet) for packet in context.encode(None)]
        extra = context.extradata
        unpack = zstandard.ZstdDecompressor()
        if zstd:
            packets = [zstandard.ZstdCompressor(level=zstd).compress(packet) for packet in packets]

        def decode(i: int) -> Sequence[NDArray[np.uint8]]:
            reader: Any = av.CodecContext.create(decoder, "r")
            reader.width, reader.height, reader.pix_fmt, reader.thread_count = width, height, "yuv420p", 1
            if extra:
                reader.extradata = extra
            first = i // group * group
            needed = [unpack.decompress(p) if zstd else p for p in packets[first : i + 1]]
            shown = [f for packet in needed for f in reader.decode(av.Packet(packet))]
            shown += reader.decode(None)
            return [
                np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width] for p in shown[-1].planes
            ]

        return sum(map(len, packets)), decode

    return coder


def coders() -> dict[str, Coder]:
    unpack = zstandard.ZstdDecompressor()
    found: dict[str, Coder] = {
        "PNG": planewise(png, lambda data, _: np.asarray(Image.open(io.BytesIO(data)))),
        "left-up differences, zlib 6": planewise(
            lambda image: zlib.compress(_left_up(image)), lambda data, shape: _undone(zlib.decompress(data), shape)
        ),
        "left-up differences, zstd 9": planewise(
            lambda image: zstandard.ZstdCompressor(level=9).compress(_left_up(image)),
            lambda data, shape: _undone(unpack.decompress(data), shape),
        ),
        "HuffYUV (FFmpeg's, median)": video("ffvhuff", "ffvhuff", 1, pred="median"),
        "MagicYUV": video("magicyuv", "magicyuv", 1, pred="gradient"),
        "MagicYUV, zstd 3": video("magicyuv", "magicyuv", 1, zstd=3, pred="gradient"),
        "pairs of rests, zstd": alone,
        "the same, with a reference (compact)": stored,
        "FFV1": video("ffv1", "ffv1", 1, level="3", slices="4"),
        "H.264 lossless, intra": video("libx264", "h264", 1, qp="0", preset="ultrafast"),
        "H.264 lossless, groups of 8": video("libx264", "h264", GROUP, qp="0", preset="ultrafast"),
        "H.264 lossless, groups of 8, medium": video("libx264", "h264", GROUP, qp="0", preset="medium", bf="0"),
    }
    try:
        import imagecodecs as more
    except ImportError:
        return found
    found["JPEG-LS"] = planewise(
        lambda image: more.jpegls_encode(np.ascontiguousarray(image)), lambda data, _: more.jpegls_decode(data)
    )
    for effort in (1, 3):
        found[f"JPEG XL, effort {effort}"] = planewise(
            lambda image, effort=effort: more.jpegxl_encode(
                np.ascontiguousarray(image), lossless=True, effort=effort, numthreads=1
            ),
            lambda data, _: more.jpegxl_decode(data, numthreads=1),
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    args = parser.parse_args()
    store = ClipStore(args.store)
    raw, table = 0, {name: ([], [], []) for name in coders()}  # type: ignore[var-annotated]
    for name in store:
        access = store.open(name).access(len(store.open(name)) // 2)
        planes = tuple(plane[:GROUP] for plane in access.planes(access.native))
        raw += sum(plane.size for plane in planes)
        for label, coder in coders().items():
            start = time.thread_time()
            size, decode = coder(planes)
            table[label][0].append(size)
            table[label][1].append((time.thread_time() - start) / len(planes[0]))
            assert all(np.array_equal(a, b[-1]) for a, b in zip(decode(len(planes[0]) - 1), planes, strict=True))
            for i in range(len(planes[0])):
                start = time.thread_time()
                decode(i)
                table[label][2].append(time.thread_time() - start)
    for label, (sizes, coding, reading) in table.items():
        print(f"{label:<37} x {raw / sum(sizes):5.2f}   write {median(coding) * 1e3:6.1f} ms", end="")
        print(f"   read one of eight {sum(reading) / len(reading) * 1e3:6.1f} ms a frame", flush=True)


if __name__ == "__main__":
    main()
