"""How often the rhythm of an earlier encoding is found in the sizes of a video's frames, and how often by mistake.

    python benchmarks/size_rhythm.py FOLDER [--count 16] [--frames 250]

Real videos are shrunk to 320x240, which takes their own coding history away, and encoded once (x264, crf 23, key frames
where it likes); or before that with a key frame every 12, every 30 frames, at crf 20 and 28. It prints for each what
:func:`dfcore.data.media.coding.history.size_rhythm` says: of those encoded once every rhythm is a mistake.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dfcore.data.media.coding.history import CodingHistory
from dfcore.text import printable

SIZE = 320, 240
FIRST = [(distance, crf) for distance in (12, 30) for crf in (20, 28)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="Videos, at any depth.")
    parser.add_argument("--count", type=int, default=16, help="Videos that are taken, at most.")
    parser.add_argument("--frames", type=int, default=250, help="Frames of each; shorter ones are left out.")
    given = parser.parse_args()
    paths = [path for path in sorted(given.folder.rglob("*")) if path.suffix in (".mp4", ".mov", ".mkv", ".webm")]
    np.random.default_rng(0).shuffle(paths)  # type: ignore[arg-type]
    found: dict[str, list[str]] = {}
    taken = 0
    for path in paths:
        frames = list(shrunk(path, given.frames))
        if len(frames) < given.frames or taken == given.count:
            continue
        taken += 1
        found.setdefault("once", []).append(rhythm(encoded(frames, 23)))
        for distance, crf in FIRST:
            first = list(decoded(encoded(frames, crf, distance)))
            found.setdefault(f"{distance} at crf {crf}", []).append(rhythm(encoded(first, 23)))
        print(f"{printable(path.name)}: {', '.join(f'{name}: {said[-1]}' for name, said in found.items())}", flush=True)
    for name, said in found.items():
        right = f"every {name.split()[0]} frames"
        some = sum(one.startswith("every") for one in said)
        print(f"{name:<14} a rhythm in {some} of {len(said)}, the right one in {said.count(right)}")


def shrunk(path: Path, count: int) -> Iterator[Any]:
    try:
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index == count:
                    return
                yield frame.reformat(*SIZE, format="yuv420p")
    except (av.FFmpegError, IndexError) as error:
        print(f"{printable(path.name)}: left out, {error}")


def encoded(frames: list[Any], crf: int, distance: int = 0) -> bytes:
    options = {"crf": str(crf), "preset": "veryfast"}
    if distance:
        options |= {"g": str(distance), "keyint_min": str(distance), "sc_threshold": "0"}
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, 25), 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return held.getvalue()


def decoded(file: bytes) -> Iterator[Any]:
    with av.open(io.BytesIO(file)) as container:
        yield from container.decode(video=0)


def rhythm(file: bytes) -> str:
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.video[0]
        history = CodingHistory(bytes(stream.codec_context.extradata or b""), h264=True)
        for packet in container.demux(stream):
            if packet.size:
                history.add(packet)
    return str(history.facts()["size_rhythm"])


if __name__ == "__main__":
    main()
