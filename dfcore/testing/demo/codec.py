"""H.264 through PyAV: one way to write and one to read, for every generation of every video."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["FPS", "decode", "encode"]

FPS = 25


def encode(frames: Iterable[NDArray[np.uint8]], crf: int) -> bytes:
    """RGB frames [H, W, 3] (even sides, one at least) as an MP4 file of H.264 4:2:0 with B-frames.

    One thread, a bit-exact muxer and x264's processor-independent code (its fast rate control depends on what is left
    in memory, where the width is no multiple of 128): the same frames give the same bytes.
    """
    file = BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        options = {"crf": str(crf), "preset": "medium", "x264-params": "cpu-independent=1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index, rgb in enumerate(frames):
            if index == 0:
                stream.height, stream.width = rgb.shape[:2]
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def decode(file: bytes) -> list[NDArray[np.uint8]]:
    """All frames of an encoded video as RGB [H, W, 3]."""
    with av.open(BytesIO(file), "r") as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False) for frame in container.decode(video=0)]
