"""Writing video: H.264 in MP4 through PyAV, the same bytes for the same frames on every machine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Planes
from dfcore.data.media import SAMPLE_RATE
from dfcore.errors import MediaError
from dfcore.filesystem.writing import is_full, write_error

__all__ = ["filled_frame", "write_audio", "write_h264"]


_AUDIO_BITS = 96_000
"""Bits a second of the audio track: transparent for 16 kHz mono speech."""


def write_h264(
    path: Path,
    planes: Planes,
    fps: float,
    *,
    crf: float | None,
    audio: NDArray[np.int16] | None = None,
    preset: str = "medium",
) -> None:
    """Encode frames, and their audio where there is any, as an MP4 file.

    One thread, x264's processor-independent code and a bit-exact muxer: with more, x264's decisions depend on the
    machine.

    Args:
        path: the file; what is there is replaced.
        planes: luma uint8 ``[T, H, W]`` (even sizes) and both chroma planes ``[T, H/2, W/2]``.
        fps: frames a second.
        crf: x264's constant rate factor; None is lossless.
        audio: int16 ``[n]``, 16 kHz mono, from the first frame on.
        preset: x264's.

    Raises:
        WriteError: the disk is full.
        MediaError: this PyAV has no libx264, or the file cannot be written for another reason.
    """
    quality = {"qp": "0"} if crf is None else {"crf": f"{crf:g}"}
    try:
        with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
            options = {**quality, "preset": preset, "x264-params": "cpu-independent=1"}
            rate = Fraction(fps).limit_denominator(1001)
            video = container.add_stream("libx264", rate=rate, options=options)
            video.height, video.width = planes[0].shape[1:]
            video.pix_fmt = "yuv420p"
            video.codec_context.thread_count = 1
            audio_stream = None if audio is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            for index in range(len(planes[0])):
                container.mux(video.encode(filled_frame(planes, index, rate)))
            container.mux(video.encode(None))
            if audio is not None and audio_stream is not None:
                write_audio(container, audio_stream, audio)
    except (av.FFmpegError, OSError) as error:
        if is_full(error):
            raise write_error(path, error) from error
        raise MediaError(
            f"{path}: cannot be written as H.264: {error}. If this PyAV was built without libx264, "
            "install the wheel: pip install --only-binary :all: av"
        ) from error


def filled_frame(planes: Planes, index: int, rate: Fraction, pix_fmt: str = "yuv420p") -> Any:
    """Frame ``index`` of ``planes`` as an encoder takes it, at its time; ``pix_fmt`` is an 8-bit 4:2:0 format."""
    height, width = planes[0].shape[1:]
    frame = av.VideoFrame(width, height, pix_fmt)
    for target, plane in zip(frame.planes, planes, strict=True):
        rows = np.zeros((target.height, target.line_size), np.uint8)
        rows[:, : target.width] = plane[index]
        target.update(rows.tobytes())
    frame.pts, frame.time_base = index, 1 / rate
    return frame


def write_audio(container: Any, stream: Any, audio: NDArray[np.int16]) -> None:
    """Encode audio, int16 ``[n]`` at 16 kHz, into an AAC stream of an open container."""
    stream.codec_context.bit_rate = _AUDIO_BITS
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE, frame_size=1024)
    frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    for given in (frame, None):
        for piece in resampler.resample(given):
            container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
