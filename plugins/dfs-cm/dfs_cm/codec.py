"""Encode and decode again, in memory: what one more generation of compression does to an image."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.clips import Planes
from dfcore.errors import MediaError

__all__ = ["jpeg_again", "x264_again"]


def x264_again(planes: Planes, crf: float, options: Mapping[str, str] | None = None, fps: int = 25) -> Planes:
    """What libx264 makes of frames: encoded at a constant rate factor, decoded, in display order.

    Nothing is written to disk. One thread and x264's processor-independent code: the same frames give the same result
    on any machine (x264's threads change its decisions, and its fast rate control reads memory that it never wrote
    where the width is no multiple of 128).

    Args:
        planes: 8-bit 4:2:0, even sizes.
        crf: libx264's rate factor; lower is finer.
        options: further libx264 options as in FFmpeg, e.g. ``{"preset": "veryfast"}``.
        fps: frames a second, which the rate control takes into account.

    Raises:
        MediaError: this PyAV has no libx264, or the encoder refuses the frames.
    """
    frames, _, _ = planes[0].shape
    try:
        packets, extradata = _encode(planes, {**(options or {}), "crf": str(crf)}, fps)
        decoder = av.CodecContext.create("h264", "r")
        decoder.extradata = extradata
        decoder.thread_count = 1
        decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(
            f"re-encoding {frames} frames of {planes[0].shape[2]}x{planes[0].shape[1]} with libx264 failed: {error}. "
            "If this PyAV was built without libx264, install the wheel: pip install --only-binary :all: av"
        ) from error
    decoded.sort(key=lambda frame: frame.pts or 0)
    if len(decoded) != frames:
        raise MediaError(f"re-encoding gave {len(decoded)} frames for {frames}.")
    y, u, v = (np.stack([_plane(frame, i) for frame in decoded]) for i in range(3))
    return y, u, v


def _encode(planes: Planes, options: dict[str, str], fps: int) -> tuple[list[av.Packet], bytes]:
    frames, height, width = planes[0].shape
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps, 1)
    encoder.thread_count = 1
    encoder.options = {"preset": "medium", "x264-params": "cpu-independent=1", **options}
    packets = []
    for t in range(frames):
        frame = av.VideoFrame(width, height, "yuv420p")
        for target, plane in zip(frame.planes, planes, strict=True):
            _fill(target, plane[t])
        frame.pts = t
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return packets, encoder.extradata or b""


def _fill(target: av.video.plane.VideoPlane, plane: NDArray[np.uint8]) -> None:
    height, width = plane.shape
    rows = np.zeros((target.height, target.line_size), np.uint8)
    rows[:height, :width] = plane
    target.update(rows.tobytes())


def _plane(frame: av.VideoFrame, number: int) -> NDArray[np.uint8]:
    plane = frame.planes[number]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def jpeg_again(luma: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What JPEG makes of a luma plane uint8 ``[H, W]`` at a quality of libjpeg's scale, 1..100."""
    buffer = io.BytesIO()
    Image.fromarray(luma).save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("L"))
