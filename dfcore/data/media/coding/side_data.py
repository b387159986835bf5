"""The quantiser and the motion vectors of each 16x16 block, where the codec gives them.

Conventions:

* **Quantiser**: H.264's QP (0..51) of each macroblock, at 10 bits too. MPEG-1, -2 and -4 have a linear scale,
  not comparable, and are left out; HEVC, VP8 and others give nothing.
* **Motion**: quarter pixels from the block to where it came from in a past reference: content that moves
  3 pixels to the right from one frame to the next has (-12, 0). A macroblock cut into smaller parts has their
  area-weighted mean. Vectors towards past references (H.264's list 0) count; a block that has only one towards
  a future reference gets its negative, which is the past one at constant velocity. The distance of
  the reference is not known: a vector may span several frames. Blocks without a vector have (0, 0), and so
  has every block of an I-frame, and of the last frame of MPEG-1 and -2, whose vectors FFmpeg keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from dfcore.data.clips import BLOCK
from dfcore.data.media.container import side_data

__all__ = ["CODECS", "EXPORT", "THREADS", "block_motion", "motion_map", "qp_map"]

EXPORT = {True: {"export_side_data": "venc_params+mvs"}, False: {"export_side_data": "venc_params"}}
"""Codec options that make FFmpeg hand the side data over, with motion vectors and without. These are gathered of every
frame, read or not: up to a fifth of the decoding. Quantisers cost nothing."""

THREADS = "SLICE"
"""The threads that may be used with it. With frame threads FFmpeg writes the side data of a frame that is put out by
the thread of a later one while its own thread may still be filling it: up to 5 % of the frames of
real files had wrong values, others each time."""

CODECS = frozenset(
    {"h264", "mpeg1video", "mpeg2video", "mpeg4", "h263", "flv1", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"}
)
"""Codecs whose motion vectors FFmpeg exports, by canonical name."""

_H264 = 1  # AV_VIDEO_ENC_PARAMS_H264


def blocks(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of 16x16 blocks that cover a frame."""
    return -(-height // BLOCK), -(-width // BLOCK)


def qp_map(frame: Any) -> NDArray[np.int8] | None:
    """QP of each macroblock, int8 ``[ceil(H/16), ceil(W/16)]``; None where the codec gives none."""
    data = side_data(frame, Type.VIDEO_ENC_PARAMS)
    if data is None:
        return None
    raw = bytes(data)
    count = int(np.frombuffer(raw, np.uint32, 1)[0])
    offset, size = (int(n) for n in np.frombuffer(raw, np.uint64, 2, 8))
    kind, base = (int(n) for n in np.frombuffer(raw, np.int32, 2, 24))
    if kind != _H264 or count == 0:
        return None
    fields = np.ndarray((count, 5), np.int32, raw, offset, (size, 4))  # x, y, w, h, QP minus the frame's
    shape = blocks(frame.height, frame.width)
    out = np.full(shape, base, np.int32)
    row, column = fields[:, 1] // BLOCK, fields[:, 0] // BLOCK
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    out[row[inside], column[inside]] = base + fields[inside, 4]
    return (out - _depth_offset(frame)).astype(np.int8)


def _depth_offset(frame: Any) -> int:
    """FFmpeg counts QP from 0 at every depth, H.264 from -6 * (depth - 8) (7.4.2.1.1, QpBdOffset)."""
    return 6 * (frame.format.components[0].bits - 8)


def motion_map(frame: Any) -> NDArray[np.int16]:
    """Motion (x, y) of each block of a frame of one of CODECS, int16 ``[ceil(H/16), ceil(W/16), 2]``."""
    shape = blocks(frame.height, frame.width)
    data = side_data(frame, Type.MOTION_VECTORS)
    if data is None:
        return np.zeros((*shape, 2), np.int16)
    return block_motion(data.to_ndarray(), shape)


def block_motion(vectors: NDArray, shape: tuple[int, int]) -> NDArray[np.int16]:
    """Area-weighted mean vector of each block, in quarter pixels, int16 ``[rows, columns, 2]``.

    ``vectors`` is a structured array with FFmpeg's ``AVMotionVector`` fields; ``dst_x, dst_y`` are block centres.
    """
    width, height = vectors["w"].astype(np.int64), vectors["h"].astype(np.int64)
    column = (vectors["dst_x"] - width // 2) // BLOCK
    row = (vectors["dst_y"] - height // 2) // BLOCK
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    cell = row[inside] * shape[1] + column[inside]
    area = (width * height)[inside].astype(np.float64)
    scale = 4.0 / np.maximum(vectors["motion_scale"][inside], 1)
    past = vectors["source"][inside] < 0
    n = shape[0] * shape[1]
    past_area = np.bincount(cell, area * past, n)
    future_area = np.bincount(cell, area * ~past, n)
    out = np.zeros((n, 2), np.float64)
    for axis, name in enumerate(("motion_x", "motion_y")):
        moved = vectors[name][inside] * scale * area
        back = np.bincount(cell, moved * past, n) / np.maximum(past_area, 1)
        ahead = np.bincount(cell, moved * ~past, n) / np.maximum(future_area, 1)
        out[:, axis] = np.where(past_area > 0, back, -ahead)
    return np.clip(np.rint(out), -32768, 32767).astype(np.int16).reshape(*shape, 2)
