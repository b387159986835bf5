"""Decoding: one forward pass, the planes as the decoder gave them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.clips import FrameFormat, Planes
from dfcore.data.colour import yuv_to_rgb
from dfcore.data.media.coding import side_data as side
from dfcore.data.media.coding.unread import find_unread
from dfcore.data.media.container import DECODER_OPTIONS, Look, codec_name, describe, log, open_media, video_stream
from dfcore.data.media.images import animation, grids, still
from dfcore.data.media.planes import luma_of, planes_420
from dfcore.data.media.stream import Reader, RefusedError, UnevenError, Unread
from dfcore.errors import MediaError

__all__ = ["DecodedFrame", "decode"]

_NO_CHROMA = np.zeros((0, 0), np.uint8)
_PICT_TYPES = {1: "I", 2: "P", 3: "B", 4: "P", 5: "I", 6: "P", 7: "B"}


@dataclass(slots=True)
class DecodedFrame:
    """One frame, as coded: not rotated, not scaled. Frames of one stream may differ in size.

    Attributes:
        index: its place in presentation order, from 0.
        time: seconds since the first frame (the video's clock).
        pict_type: ``I``, ``P`` or ``B``, ``?`` where the codec does not say.
        y: luma uint8 ``[H, W]``.
        u, v: chroma uint8 ``[ceil(H/2), ceil(W/2)]``; ``[0, 0]`` of a frame whose luma alone was asked for.
        qp: int8 ``[ceil(H/16), ceil(W/16)]``, or None (see :mod:`dfcore.data.media.coding.side_data`).
        motion: int16 ``[ceil(H/16), ceil(W/16), 2]``, or None (likewise).
        colour_matrix, colour_range, rotation: as in ``MediaInfo``.
    """

    index: int
    time: float
    pict_type: str
    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    qp: NDArray[np.int8] | None = None
    motion: NDArray[np.int16] | None = None
    colour_matrix: str = "bt601"
    colour_range: str = "tv"
    rotation: int = 0

    @property
    def format(self) -> FrameFormat:
        """How its planes are to be read."""
        height, width = self.y.shape
        return FrameFormat(width, height, self.colour_range, self.colour_matrix, self.rotation)

    def rgb(self, max_side: int | None = None) -> tuple[NDArray[np.uint8], float]:
        """The image upright, RGB uint8 ``[h, w, 3]``, and its scale (its pixels per coded pixel).

        Args:
            max_side: the longer side is reduced to this many pixels (antialiased), never enlarged.
        """
        height, width = self.y.shape
        scale = 1.0 if max_side is None else min(1.0, max_side / max(height, width))
        y, u, v = self.y, self.u, self.v
        if scale < 1.0:
            y, u, v = _reduced(y, scale), _reduced(u, scale, (height, width)), _reduced(v, scale, (height, width))
        image = yuv_to_rgb(y, u, v, self.colour_matrix, self.colour_range)
        return np.ascontiguousarray(np.rot90(image, -self.rotation // 90)), scale


def _reduced(plane: NDArray[np.uint8], scale: float, luma: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """``plane`` at exactly ``scale`` of the luma size; what is left of the last pixel is cut off."""
    height, width = luma or plane.shape
    size = max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6))
    share = scale * (1 if luma is None else 2)
    box = (0.0, 0.0, min(size[0] / share, plane.shape[1]), min(size[1] / share, plane.shape[0]))
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=1.0))


_ONE_THREAD = ("apng", "ffv1")
"""Codecs whose frame threads give other pixels than one thread does where a packet is damaged, without a word."""


def decode(
    path: Path,
    wanted: Collection[int] | None = None,
    *,
    side_data: bool | Collection[int] = True,
    motion: bool = True,
    luma_alone: Collection[int] = (),
    outlines: Collection[int] = (),
    pass_unread: bool = False,
    threads: int = 0,
) -> Iterator[DecodedFrame]:
    """The frames of a video, or the one of an image, in one forward pass without seeking.

    Frames are numbered in presentation order. Those not wanted are decoded but neither converted nor copied, and
    decoding stops after the last wanted one. Of a damaged file fewer may come: then a warning is logged.

    Args:
        path: the file.
        wanted: indices; None for all.
        side_data: whether to give quantisers and motion vectors, where the codec has them; or the indices of the frames
            to give them of. Then it decodes with slice threads only (``THREADS`` of ``media.coding.side_data``).
            Without, frame threads are used too, with which FFmpeg may fail to report damage in the last frame.
        motion: whether motion vectors are among the side data.
        luma_alone: indices of frames whose chroma is not read, so that it need not be converted; photos and animated
            WebP have it all the same. Their luma may be the decoder's own memory: not to be written to, or held long.
        outlines: likewise of frames of which nothing is read but time, type and format: their planes have the right
            shapes and no content (they take no memory), and there is no side data.
        pass_unread: do not even decode frames that are not wanted, where no other depends on them
            (:mod:`dfcore.data.media.coding.unread`). Damage in these goes unnoticed, and costs no frame behind it.
        threads: decoding threads; 0 leaves it to FFmpeg (one for each core).

    Raises:
        MediaError: at the first ``next``, when the file cannot be opened; later, when not one frame came.
    """
    path = Path(path)
    if wanted is not None and not wanted:
        return
    photo = _photo(path)
    if photo is not None:
        if wanted is None or 0 in wanted:
            yield _of_look(0, 0.0, *photo())
        return
    if still.is_animated_webp(path):
        yield from (_of_look(*frame) for frame in animation.frames(path, wanted))
        return
    unread = find_unread(path, wanted) if pass_unread and wanted is not None else None
    given = -1
    while True:
        try:
            for frame in _one_pass(path, wanted, side_data, motion, luma_alone, outlines, unread, threads):
                if frame.index > given:
                    given = frame.index
                    yield frame
                del frame
            return
        except RefusedError:
            threads = 1  # else what a damaged file gives would depend on the number of cores
        except UnevenError:
            unread = None


def _one_pass(
    path: Path,
    wanted: Collection[int] | None,
    side_data: bool | Collection[int],
    motion: bool,
    luma_alone: Collection[int],
    outlines: Collection[int],
    unread: Unread | None,
    threads: int,
) -> Iterator[DecodedFrame]:
    with open_media(path) as container:
        stream = video_stream(container, path)
        if codec_name(stream) in _ONE_THREAD:
            threads = 1
        exporting = bool(side_data) and codec_name(stream) in side.CODECS
        stream.thread_type = side.THREADS if exporting else "AUTO"
        stream.codec_context.thread_count = threads
        stream.codec_context.options = {**DECODER_OPTIONS, **(side.EXPORT[motion] if exporting else {})}
        reader = Reader(container, stream, path, one_thread=exporting or threads == 1, unread=unread)
        told = _Told(wanted if side_data is True else (side_data or ()), motion) if exporting else _Told(())
        yield from _wanted_frames(reader, path, wanted, told, luma_alone, outlines)


@dataclass(frozen=True, slots=True)
class _Told:
    """The frames whose side data is given (None for all), and whether their motion is too."""

    frames: Collection[int] | None
    motion: bool = False


def _photo(path: Path) -> Callable[[], tuple[Look, Planes]] | None:
    """What loads the file's only image; None where it is a video to FFmpeg."""
    if still.is_image(path):
        return partial(still.load, path)
    grid = grids.read_grid(path)
    return None if grid is None else partial(grids.load, path, grid)


def _wanted_frames(
    reader: Reader,
    path: Path,
    wanted: Collection[int] | None,
    told: _Told,
    luma_alone: Collection[int],
    outlines: Collection[int],
) -> Iterator[DecodedFrame]:
    chosen = None if wanted is None else frozenset(wanted)
    last = None if chosen is None else max(chosen)
    grey, bare = frozenset(luma_alone), frozenset(outlines)
    looks = _Looks(path)

    def made(index: int, time: float, frame: Any) -> tuple[int, DecodedFrame | None]:
        look = looks.of(index, frame)
        if chosen is not None and index not in chosen:
            return index, None
        if index in bare:
            return index, _outline(frame, index, time, look)
        return index, _materialised(frame, index, time, look, told, index in grey)

    for index, frame in reader.read(made):
        if frame is not None:
            yield frame
        del frame
        if last is not None and index >= last:
            break
    else:
        if reader.unread is not None:
            raise UnevenError  # it ends too early
        if reader.decoded == reader.spoilt:
            raise MediaError(
                f"{path}: not one intact frame can be decoded ({reader.decoded} came, all damaged; {reader.refused} "
                "packets refused). Replace the file or leave it out."
            )
        if last is not None and reader.decoded <= last:
            log.warning("%s: ended after %d frames, before the last wanted one (%d)", path, reader.decoded, last)
    reader.warn()


def _materialised(frame: Any, index: int, time: float, look: Look, told: _Told, luma_alone: bool) -> DecodedFrame:
    tell = told.frames is None or index in told.frames
    qp = side.qp_map(frame) if tell else None
    motion = side.motion_map(frame) if tell and told.motion else None
    kind = _PICT_TYPES.get(int(frame.pict_type), "?")
    if luma_alone:
        y, u, v = luma_of(frame, look.colour_matrix), _NO_CHROMA, _NO_CHROMA
    else:
        y, u, v = planes_420(frame, look.colour_matrix)
    return DecodedFrame(index, time, kind, y, u, v, qp, motion, look.colour_matrix, look.colour_range, look.rotation)


def _outline(frame: Any, index: int, time: float, look: Look) -> DecodedFrame:
    y = np.broadcast_to(np.uint8(0), (frame.height, frame.width))
    half = np.broadcast_to(np.uint8(0), (-(-frame.height // 2), -(-frame.width // 2)))
    kind = _PICT_TYPES.get(int(frame.pict_type), "?")
    matrix, colours, rotation = look.colour_matrix, look.colour_range, look.rotation
    return DecodedFrame(index, time, kind, y, half, half, None, None, matrix, colours, rotation)


class _Looks:
    """How each frame is to be read: asked anew where a stream changes in its middle, which is warned of once."""

    def __init__(self, path: Path) -> None:
        self._path, self._warned = path, False
        self._said: tuple[object, ...] = ()
        self._look: Look | None = None

    def of(self, index: int, frame: Any) -> Look:
        said = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if self._look is None or said != self._said:
            before, self._said, self._look = self._look, said, describe(frame)
            if before and (before.width, before.height) != said[:2] and not self._warned:
                self._warned = True
                log.warning(
                    "%s: the frame size changes in mid-stream (first at frame %d, from %dx%d to %dx%d); each part is "
                    "read at its own size",
                    self._path, index, before.width, before.height, frame.width, frame.height,
                )  # fmt: skip
        return self._look


def _of_look(index: int, time: float, look: Look, planes: Planes) -> DecodedFrame:
    return DecodedFrame(
        index,
        time,
        "I",
        *planes,
        colour_matrix=look.colour_matrix,
        colour_range=look.colour_range,
        rotation=look.rotation,
    )
