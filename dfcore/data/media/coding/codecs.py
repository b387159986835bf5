"""A generation of a codec that footage commonly goes through, to a file or in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Planes
from dfcore.data.media.encode import filled_frame
from dfcore.errors import MediaError, UnknownNameError

__all__ = ["CODECS", "coded_again", "write_coded"]


@dataclass(frozen=True, slots=True)
class _Codec:
    """An encoder of FFmpeg's, and how it is asked for a quality.

    Attributes:
        encoder: its name.
        finest, coarsest: of its own scale of quality, between which :func:`coded_again`'s 0 to 1 lies.
        options: for one value of that scale.
    """

    encoder: str
    finest: int
    coarsest: int
    options: Callable[[int], dict[str, str]]
    pix_fmt: str = "yuv420p"


def _fixed(value: int) -> dict[str, str]:
    return {"qmin": str(value), "qmax": str(value)}


CODECS: dict[str, _Codec] = {
    "h264": _Codec(
        "libx264", 18, 40, lambda q: {"crf": str(q), "preset": "veryfast", "x264-params": "cpu-independent=1"}
    ),
    "hevc": _Codec(
        "libx265", 20, 38, lambda q: {"crf": str(q), "preset": "ultrafast", "x265-params": "log-level=none:pools=1"}
    ),
    "vp9": _Codec("libvpx-vp9", 24, 50, lambda q: {"crf": str(q), "b": "0", "deadline": "realtime", "cpu-used": "8"}),
    "av1": _Codec("libsvtav1", 28, 52, lambda q: {"crf": str(q), "preset": "12", "svtav1-params": "lp=1"}),
    "mpeg4": _Codec("mpeg4", 2, 10, _fixed),
    "mjpeg": _Codec("mjpeg", 2, 10, _fixed, "yuvj420p"),
}
"""The codecs by the names that a probed file gives them."""


def coded_again(planes: Planes, fps: float, codec: str, coarseness: float) -> Planes:
    """What a codec makes of frames: encoded, decoded, in display order. The same frames give the same result.

    Args:
        planes: 8-bit 4:2:0, even sizes.
        fps: frames a second.
        codec: one of :data:`CODECS`.
        coarseness: 0 for the finest quality that is usual with the codec, 1 for the coarsest.

    Raises:
        UnknownNameError: there is no such codec here.
        MediaError: this PyAV lacks the encoder, or it refuses the frames.
    """
    buffer = io.BytesIO()
    _write(buffer, planes, fps, codec, coarseness)
    buffer.seek(0)
    with av.open(buffer, "r") as container:
        container.streams.video[0].codec_context.thread_count = 1
        decoded = [[_plane(frame, i) for i in range(3)] for frame in container.decode(video=0)]
    if len(decoded) != len(planes[0]):
        raise MediaError(
            f"{codec} gave {len(decoded)} frames for {len(planes[0])}. Use another codec for these frames."
        )
    y, u, v = (np.stack(plane) for plane in zip(*decoded, strict=True))
    return y, u, v


def write_coded(path: Path, planes: Planes, fps: float, codec: str, coarseness: float = 0.3) -> None:
    """The same generation as a Matroska file at ``path``, replacing what is there; errors as in :func:`coded_again`."""
    with path.open("wb") as file:
        _write(file, planes, fps, codec, coarseness)


def _write(file: io.BufferedIOBase, planes: Planes, fps: float, codec: str, coarseness: float) -> None:
    if codec not in CODECS:
        raise UnknownNameError("codec", codec, CODECS)
    wanted = CODECS[codec]
    quality = round(wanted.finest + (wanted.coarsest - wanted.finest) * coarseness)
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 would write its settings to the standard error: errors alone
    rate = Fraction(fps).limit_denominator(1001)
    try:
        with av.open(file, "w", format="matroska", options={"fflags": "+bitexact"}) as container:
            stream: Any = container.add_stream(wanted.encoder, rate=rate, options=wanted.options(quality))
            stream.height, stream.width = planes[0].shape[1:]
            stream.pix_fmt = wanted.pix_fmt
            stream.codec_context.thread_count = 1
            for index in range(len(planes[0])):
                container.mux(stream.encode(filled_frame(planes, index, rate, wanted.pix_fmt)))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(
            f"encoding {len(planes[0])} frames of {planes[0].shape[2]}x{planes[0].shape[1]} with {wanted.encoder} "
            f"failed: {error}. If this PyAV was built without it, install the wheel: pip install --only-binary :all: av"
        ) from error


def _plane(frame: av.VideoFrame, number: int) -> NDArray[np.uint8]:
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width].copy()
