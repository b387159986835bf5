"""What a media file holds: exact, and without decoding more than the first frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from dfcore.data.media.container import (
    DECODER_OPTIONS,
    Look,
    codec_name,
    describe,
    frame_rate,
    open_media,
    video_stream,
)
from dfcore.data.media.images import animation, grids, still
from dfcore.data.media.stream import packets
from dfcore.errors import MediaError

__all__ = ["MediaInfo", "probe"]


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is known of a media file.

    Attributes:
        path: the file.
        kind: ``video`` or ``image``.
        width, height: of the first coded frame, in luma pixels, before rotation.
        fps: average frames a second; 0 for an image.
        frame_count: packets that carry a frame to show, counted by reading all of them. Decoding gives as many,
            except where the file is damaged (fewer) or the codec stores fields or empty repeats as packets
            (also fewer): neither is an error.
        duration: seconds from the first frame's start to the last frame's end; 0 for an image.
        codec: FFmpeg's name of the codec (``h264``).
        pix_fmt: as the decoder gives it.
        converted: "" for 8-bit 4:2:0 sources, else what :func:`dfcore.data.media.decode` does once
            (``"yuv420p10le -> yuv420p"``).
        colour_range: ``tv`` or ``pc``, of the planes that ``decode`` gives.
        colour_matrix: ``bt601``, ``bt709`` or ``bt2020``, likewise.
        rotation: clockwise degrees that make the coded frame upright: 0, 90, 180 or 270.
        has_audio: whether there is an audio track with a known codec.
    """

    path: Path
    kind: str
    width: int
    height: int
    fps: float
    frame_count: int
    duration: float
    codec: str
    pix_fmt: str
    converted: str
    colour_range: str
    colour_matrix: str
    rotation: int
    has_audio: bool


def probe(path: Path) -> MediaInfo:
    """What ``path`` holds. Reads every packet of a video, decodes only its first frame.

    Raises:
        MediaError: with the reason, when there is no frame to be had: no such file, a folder, empty, a text
            file, no video stream, nothing that can be decoded.
    """
    path = Path(path)
    if still.is_image(path):
        return _info(path, "image", still.look_at(path), 0.0, 1, 0.0, still.codec_of(path), has_audio=False)
    grid = grids.read_grid(path)
    if grid is not None:
        whole, codec = grids.look_at(path, grid)
        return _info(path, "image", whole, 0.0, 1, 0.0, codec, has_audio=False)
    if still.is_animated_webp(path):
        starts, end = animation.frame_starts(path)
        count, codec = max(1, len(starts)), still.codec_of(path)
        return _info(
            path, "video", still.look_at(path), count / end if end else 25.0, count, end, codec, has_audio=False
        )
    with open_media(path) as container:
        stream = video_stream(container, path)
        look, count, span = _read_through(container, stream, path)
        if look is None:
            why = "is damaged" if count else "holds none, or its data lies in another file, which is not opened"
            raise MediaError(
                f"{path}: not one frame can be decoded ({count} packets of {codec_name(stream)} video found). "
                f"The file {why}: replace it or leave it out."
            )
        fps = frame_rate(stream)
        has_audio = any(audio.codec_context is not None for audio in container.streams.audio)
        return _info(path, "video", look, fps, count, span or count / fps, codec_name(stream), has_audio=has_audio)


def _info(
    path: Path, kind: str, look: Look, fps: float, count: int, duration: float, codec: str, *, has_audio: bool
) -> MediaInfo:
    return MediaInfo(
        path=path,
        kind=kind,
        width=look.width,
        height=look.height,
        fps=fps,
        frame_count=count,
        duration=duration,
        codec=codec,
        pix_fmt=look.pix_fmt,
        converted=look.converted,
        colour_range=look.colour_range,
        colour_matrix=look.colour_matrix,
        rotation=look.rotation,
        has_audio=has_audio,
    )


def _read_through(container: Any, stream: Any, path: Path) -> tuple[Look | None, int, float]:
    """The first frame's look, the number of packets with a frame to show, and the seconds that they span."""
    stream.codec_context.options = dict(DECODER_OPTIONS)
    stream.thread_type = "SLICE"  # with frame threads the first frame would come late
    vp8 = codec_name(stream) == "vp8"
    look: Look | None = None
    count, begin, end = 0, None, None
    for packet in packets(container, stream, path):
        look = look or _first_look(stream, packet)
        if packet.is_discard or (vp8 and _is_hidden(packet)):
            continue
        count += 1
        if packet.pts is not None:
            begin = packet.pts if begin is None else min(begin, packet.pts)
            end = max(end or packet.pts, packet.pts + (packet.duration or 0))
    look = look or _first_look(stream, None)
    return look, count, 0.0 if begin is None or end is None else float((end - begin) * stream.time_base)


def _first_look(stream: Any, packet: Any) -> Look | None:
    try:
        frames = stream.decode(packet)
    except av.FFmpegError:  # a later packet may do; none at all is the caller's error
        return None
    return describe(frames[0]) if frames else None


def _is_hidden(packet: Any) -> bool:
    """Whether a VP8 packet only updates a reference (RFC 6386, section 9.1: the show_frame bit)."""
    return not memoryview(packet)[0] & 0x10
