"""Opening a media file, and what its video stream says of itself."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.stream import Disposition

from dfcore.data.colour import default_matrix
from dfcore.data.media.formats import MAX_ASPECT, MAX_PIXELS, OPEN_OPTIONS, looks_like_text, points_elsewhere
from dfcore.data.media.planes import PLANAR_420
from dfcore.data.media.reasons import is_passing
from dfcore.errors import MediaError
from dfcore.filesystem.paths import is_folder, why_unreadable

__all__ = [
    "DECODER_OPTIONS", "Look", "audio_stream", "check_file", "check_size", "codec_name", "describe", "frame_rate",
    "log", "open_media", "origin", "side_data", "video_stream",
]  # fmt: skip

log = logging.getLogger("dfcore.data.media")

# The numbers of H.273 table 4 that FFmpeg uses for AVFrame.colorspace and AVFrame.color_range.
_MATRICES = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 10: "bt2020"}
_RANGES = {1: "tv", 2: "pc"}
_FULL_RANGE = ("yuvj", "gray", "ya", "mono")  # formats whose range is full when the stream does not say
_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails
DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}
"""Options of every decoder: a stream may say in its middle that its frames are larger than the container said."""
_ADVICE = "Expected a video that FFmpeg reads, or a JPEG, PNG, WebP or BMP image. Replace the file or leave it out."


def check_file(path: Path) -> None:
    """Raise MediaError unless ``path`` is a file with something in it."""
    if is_folder(path):
        raise MediaError(f"{path}: this is a folder, not a media file. Give the files in it.")
    try:
        size = path.stat().st_size
        if not (trouble := why_unreadable(path)):
            with path.open("rb"):
                pass
    except OSError as error:
        if is_passing(path, error):
            raise
        trouble = why_unreadable(path) or f"{path}: cannot be read: {error.strerror}. Check its permissions."
        raise MediaError(trouble) from error
    if trouble:
        raise MediaError(trouble)
    if size == 0:
        raise MediaError(f"{path}: the file is empty (0 bytes). {_ADVICE}")


def open_media(path: Path) -> Any:
    """An open ``av.container.InputContainer``.

    No other file is opened than this, and no connection: see :mod:`dfcore.data.media.formats`.

    Raises:
        MediaError: missing, a folder, empty, a text file, a playlist, or in no format that is read.
    """
    check_file(path)
    try:
        return av.open(
            f"file:{path}", metadata_errors="ignore", options=DECODER_OPTIONS, container_options=OPEN_OPTIONS
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        if is_passing(path, error):
            raise
        raise MediaError(f"{path}: {_why_unreadable(path, error)}") from error


def _why_unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
    if pointer := points_elsewhere(head):
        return f"this is {pointer}: it points to other files or addresses, which are not opened. Name these themselves."
    if looks_like_text(head):
        return f"this is a text file. {_ADVICE}"
    if head[4:8] == b"ftyp":
        return f"the MP4's index (moov) is missing or broken, so the copy was probably cut short. {_ADVICE}"
    why = getattr(error, "strerror", None) or error
    return f"not a media file that can be read ({why}): it is damaged, or of a format that is not read. {_ADVICE}"


def video_stream(container: Any, path: Path) -> Any:
    """The video stream that is shown. Cover images and timed thumbnails are no video.

    Where the file calls another stream than its first the default, that one. Else of those that move (or of all) the
    largest, the first of equals: that its first stream is the default is what muxers write of themselves.

    Raises:
        MediaError: there is none, no decoder for it, or its frames are too large.
    """
    covers = [stream for stream in container.streams.video if stream.disposition & _NO_VIDEO]
    streams = [stream for stream in container.streams.video if stream not in covers]
    if not streams:
        kinds = sorted({"cover image" if s in covers else s.type for s in container.streams}) or ["nothing"]
        raise MediaError(f"{path}: no video stream (found: {', '.join(kinds)}). {_ADVICE}")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise MediaError(f"{path}: this build of FFmpeg has no decoder for the video stream. {_ADVICE}")
    default = [stream for stream in decodable if stream.disposition & Disposition.default]
    among = default if default and decodable[0] not in default else decodable
    chosen = max(among, key=lambda stream: (stream.frames != 1, stream.width * stream.height))
    check_size(path, chosen.width, chosen.height)
    return chosen


def audio_stream(container: Any) -> Any:
    """The default audio stream that can be decoded, else the first; None without."""
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default), default=None)


def check_size(path: Path, width: int, height: int) -> None:
    """Raise MediaError where frames of this size are too large to be decoded."""
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{path}: its frames have {width}x{height} pixels ({width * height / 1e6:.0f} million); up to "
            f"{MAX_PIXELS / 1e6:.0f} million are decoded. Reduce it, to half its width and height say."
        )
    if max(width, height) > MAX_ASPECT * min(width, height) > 0:
        raise MediaError(
            f"{path}: its frames have {width}x{height} pixels, a strip more than {MAX_ASPECT} times as long as it is "
            "wide. Cut out the part that shows a face."
        )


def codec_name(stream: Any) -> str:
    """FFmpeg's name of the codec, whatever the decoder (``av1``, not ``libdav1d``)."""
    return stream.codec_context.codec.canonical_name


def frame_rate(stream: Any) -> float:
    """Average frames a second; 25 where the file does not say."""
    return float(stream.average_rate or stream.guessed_rate or 25)


def origin(stream: Any) -> float:
    """Container time in seconds that is 0 on the video's clock: the start of the video stream."""
    return 0.0 if stream.start_time is None else float(stream.start_time * stream.time_base)


@dataclass(frozen=True, slots=True)
class Look:
    """How a stream's planes are to be read; names as in ``MediaInfo``."""

    width: int
    height: int
    pix_fmt: str
    converted: str
    colour_range: str
    colour_matrix: str
    rotation: int


def describe(frame: Any) -> Look:
    """What a decoded frame says of colour, size and rotation, with the usual defaults for what it leaves out."""
    name = frame.format.name
    default = default_matrix(frame.height)
    return Look(
        width=frame.width,
        height=frame.height,
        pix_fmt=name,
        converted="" if name in PLANAR_420 else f"{name} -> yuv420p",
        colour_range=_range(frame),
        colour_matrix=default if _is_rgb(frame) else _MATRICES.get(int(frame.colorspace), default),
        rotation=_rotation(frame),
    )


def side_data(frame: Any, kind: Type) -> Any:
    """One kind of a frame's side data, or None; kinds that PyAV does not know lie beside it and do not matter.

    ``frame.side_data`` is not asked: the frame would keep the answer, which keeps the frame, and such a circle holds
    the planes until the garbage collector happens to look (8 GB, after some hundred files in one process).
    """
    container: Any = SideDataContainer
    return container(frame).get(kind)


def _unknown_type(cls: type[Type], value: object) -> Type | None:
    """FFmpeg knows more types of side data than PyAV's table (EXIF is 31), which raises on each that it does not have,
    and gives none of the others either. With this it calls them ``UNKNOWN_31``.
    """
    if not isinstance(value, int):
        return None
    member: Any = object.__new__(cls)
    member._value_, member._name_ = value, f"UNKNOWN_{value}"
    found: Type = member
    return found


Type._missing_ = classmethod(_unknown_type)  # type: ignore[method-assign, assignment]


def _is_rgb(frame: Any) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _range(frame: Any) -> str:
    """The stream's own range, else that of the format; full for RGB, which is converted to it."""
    name = frame.format.name
    if _is_rgb(frame):
        return "pc"
    return _RANGES.get(int(frame.color_range), "pc" if name.startswith(_FULL_RANGE) else "tv")


def _rotation(frame: Any) -> int:
    """Clockwise degrees that make the frame upright, from its display matrix, to the nearest quarter turn.

    The matrix (a b u, c d v, x y w; ISO/IEC 14496-12, 8.2.2.3) sends a coded point (p, q), q downwards, to
    (ap + cq, bp + dq), so the image's x axis turns clockwise by atan2(b, a). A mirrored matrix is taken
    as a turn followed by a left-right mirror, and the mirror is left alone.
    """
    matrix = side_data(frame, Type.DISPLAYMATRIX)
    if matrix is None:
        return 0
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32)[:9].astype(np.float64)
    if a * d - b * c < 0:
        a = -a
    return round(math.degrees(math.atan2(b, a)) / 90.0) % 4 * 90
