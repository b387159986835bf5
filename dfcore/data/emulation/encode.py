"""Re-scaling and re-encoding a whole video as a platform does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dfcore.data.clips import ClipHeader
from dfcore.data.emulation.platforms import Platform, find_platform
from dfcore.data.media import SAMPLE_RATE
from dfcore.data.media.audio import decode_audio
from dfcore.data.media.encode import filled_frame, write_audio
from dfcore.data.media.frames import DecodedFrame, decode
from dfcore.data.media.probe import probe
from dfcore.data.records import VideoRecord
from dfcore.errors import MediaError
from dfcore.filesystem.writing import is_full, temporary_file, write_error

__all__ = ["as_from_platform", "before_emulation", "emulated_file"]

_CLOCK = Fraction(1, 90_000)
_MATRICES = {"bt709": 1, "bt601": 6, "bt2020": 9}
_RANGES = {"tv": 1, "pc": 2}


@contextmanager
def emulated_file(record: VideoRecord, *, threads: int = 0) -> Iterator[Path]:
    """A temporary file with the record's video as its platform would deliver it.

    Raises:
        MediaError: the source cannot be decoded or encoded.
        WriteError: there is no space for the temporary file.
    """
    platform = find_platform(record.emulation)
    name = f"{record.path.stem}.mp4"
    with temporary_file(name, lambda path: as_from_platform(record.path, path, platform, threads=threads)) as path:
        yield path


def as_from_platform(source: Path, target: Path, platform: Platform, *, threads: int = 0) -> None:
    """Write the video at ``source`` to ``target`` (MP4) as the platform delivers it: upright, at most of its size,
    H.264 at its bit rate, the audio as AAC. Every frame stays, at its time. The same file gives the same result.

    Args:
        source: a video, or an image, which becomes a video of one frame.
        target: what is there is replaced.
        platform: which.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: the source cannot be decoded, or this PyAV lacks libx264.
        WriteError: the disk is full.
    """
    info = probe(source)
    frames = decode(source, side_data=False, threads=threads)
    first = next(frames, None)
    if first is None:
        raise MediaError(f"{source}: not one frame could be decoded.")
    height, width = _upright(first)[0].shape
    size = platform.size(width, height)
    audio = decode_audio(source) if info.has_audio else None
    try:
        with av.open(str(target), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
            video = _stream(container, platform, size, info.fps or 25.0, first)
            audio_stream = None if audio is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            for frame in itertools.chain([first], frames):
                container.mux(video.encode(_scaled(frame, size)))
            container.mux(video.encode(None))
            if audio is not None and audio_stream is not None:
                write_audio(container, audio_stream, audio)
    except (av.FFmpegError, OSError) as error:
        if is_full(error):
            raise write_error(target, error) from error
        raise MediaError(f"{source}: cannot be encoded as {platform.name} does: {error}.") from error


def _stream(container: Any, platform: Platform, size: tuple[int, int], fps: float, first: DecodedFrame) -> Any:
    bits = platform.bits(*size)
    # The rate control of a stream that is delivered: an average, and no peaks that a player would wait for.
    rate = f"vbv-maxrate={round(1.5 * bits / 1000)}:vbv-bufsize={round(2 * bits / 1000)}"
    keys = f"keyint={max(1, round(platform.key_frames * fps))}"
    options = {
        "preset": "veryfast",
        "profile": platform.profile,
        "x264-params": f"cpu-independent=1:rc-lookahead=20:sync-lookahead=0:{rate}:{keys}",
    }
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.width, stream.height = size
    stream.pix_fmt, stream.bit_rate = "yuv420p", bits
    context = stream.codec_context
    context.time_base, context.thread_count = _CLOCK, 1
    context.color_range = _RANGES.get(first.colour_range, 1)
    context.colorspace = _MATRICES.get(first.colour_matrix, 6)
    return stream


def _upright(frame: DecodedFrame) -> list[np.ndarray]:
    """The planes turned, with even sizes."""
    height, width = (2 * (side // 2) for side in frame.y.shape)
    planes = (frame.y[:height, :width], frame.u[: height // 2, : width // 2], frame.v[: height // 2, : width // 2])
    return [np.ascontiguousarray(np.rot90(plane, -(frame.rotation // 90))) for plane in planes]


def _scaled(frame: DecodedFrame, size: tuple[int, int]) -> Any:
    y, u, v = (plane[None] for plane in _upright(frame))
    made = filled_frame((y, u, v), 0, Fraction(25))
    if (made.width, made.height) != size:
        made = made.reformat(width=size[0], height=size[1], interpolation="BICUBIC")
    made.pts, made.time_base = round(frame.time / _CLOCK), _CLOCK
    return made


def before_emulation(record: VideoRecord, headers: Sequence[ClipHeader]) -> list[ClipHeader]:
    """The headers of an emulated video's clips with the face boxes where they lie in its source, whose frames have the
    same numbers: there its mask or original tells who was forged.

    Raises:
        MediaError: the source cannot be read, or is turned, so that the places are not those of its coded frames.
    """
    info = probe(record.path)
    if info.rotation:
        raise MediaError(f"{record.path}: it is turned, and compared as a platform gives it, upright.")
    size = find_platform(record.emulation).size(2 * (info.width // 2), 2 * (info.height // 2))
    across, down = info.width / size[0], info.height / size[1]
    return [
        replace(
            header, boxes=tuple((x0 * across, y0 * down, x1 * across, y1 * down) for x0, y0, x1, y1 in header.boxes)
        )
        for header in headers
    ]
