"""The recompression ghost of a clip, computed once when the clip is prepared.

``G_q(b) = log(ε + mean over block b of (Y - codec_q(Y))²)`` on 16x16 blocks: how much each block changes when the
decoded window is encoded again at quality q, on its original grid. What was quantised before at about that quality
changes less. For JPEG images this is Farid's ghost (IEEE TIFS 2009); for video libx264 takes JPEG's place.

One frame's ghost is noisy, and a frame that others are predicted from is quantised more finely than a B frame. So the
clip's frames are averaged, both kinds apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfcore.data.blocks import block_mean
from dfcore.data.clips import BLOCK, Clip, Planes
from dfs_cm.codec import jpeg_again, x264_again

__all__ = [
    "CRFS",
    "JPEG_QUALITIES",
    "by_kind",
    "extract_ghost",
    "ghost",
    "is_jpeg_like",
    "jpeg_ghost",
    "local_spectrum",
    "log_activity",
    "log_motion",
]

CRFS = (18, 20, 23, 26, 28, 32)
"""libx264's rate factors, fine to coarse."""
JPEG_QUALITIES = (95, 90, 85, 75, 65, 50)
"""libjpeg's qualities, fine to coarse."""
EPSILON = 0.05
"""Squared luma levels: about the rounding error of a decoded pixel, 1/12."""
BANDS = ((1, 2), (3, 4), (5, 7), (8, 14))
"""Ranges of i + j of the 8x8 frequencies whose energies say what a place looks like."""
STILL_CODECS = ("jpeg", "mjpeg", "png", "webp", "bmp", "tiff")
OPTIONS = {"preset": "veryfast"}
"""A third of the time of x264's own preset, and the trace is as clear."""


def extract_ghost(clip: Clip) -> NDArray[np.float16]:
    """The evidence ``ghost``: float16 ``[T, 18, H/16, W/16]``, the same for all T frames.

    Channels 0-5 are the ghosts from fine to coarse, averaged over the clip's reference frames (I and P), 6-11 those of
    its B frames; where it has none of a kind, of all. 12 and 13 are log activity in space and in time, 14-17 the local
    spectrum, of all frames: the change is compared under equal ones of these.
    """
    maps = jpeg_ghost(clip.y) if is_jpeg_like(clip) else ghost((clip.y, clip.u, clip.v))
    kinds = by_kind(maps, clip.header.pict_types)
    activity = np.stack([log_activity(clip.y), log_motion(clip.y)], axis=1).mean(0)
    found = np.concatenate([*kinds, activity, local_spectrum(clip.y)]).astype(np.float16)
    return np.repeat(found[None], len(clip.y), axis=0)


def by_kind(maps: NDArray[np.float32], pict_types: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Means of ``[T, K, H/16, W/16]`` over the frames that are no B frames, and over those that are.

    ``pict_types`` is a letter for each frame, as in :class:`~dfcore.data.clips.ClipHeader`. What has no frames is the
    mean over all.
    """
    late = np.array([letter == "B" for letter in pict_types])
    if late.all() or not late.any():
        return maps.mean(0), maps.mean(0)
    return maps[~late].mean(0), maps[late].mean(0)


def is_jpeg_like(clip: Clip) -> bool:
    """Whether a clip is a still, or made of stills: then JPEG takes the video codec's place."""
    return len(clip.y) == 1 or clip.source.codec.lower() in STILL_CODECS


def ghost(planes: Planes, crfs: tuple[float, ...] = CRFS) -> NDArray[np.float32]:
    """The ghosts of consecutive 4:2:0 frames: float32 ``[T, len(crfs), H/16, W/16]``, in log squared luma levels."""
    return np.stack([_log_change(planes[0], x264_again(planes, crf, OPTIONS)[0]) for crf in crfs], axis=1)


def jpeg_ghost(luma: NDArray[np.uint8], qualities: tuple[int, ...] = JPEG_QUALITIES) -> NDArray[np.float32]:
    """The JPEG ghosts of luma planes ``[T, H, W]``: float32 ``[T, len(qualities), H/16, W/16]``."""
    again = [np.stack([jpeg_again(plane, quality) for plane in luma]) for quality in qualities]
    return np.stack([_log_change(luma, changed) for changed in again], axis=1)


def log_activity(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log mean squared gradient of each 16x16 block: ``[T, H, W]`` to float32 ``[T, H/16, W/16]``.

    Gradients are differences to the right and lower neighbour; the window's last column and row have none.
    """
    return np.log(EPSILON + np.stack([block_mean(_gradient_energy(plane)) for plane in luma]))


def _gradient_energy(plane: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Squared differences to the right and lower neighbour, summed: ``[H, W]``."""
    values = plane.astype(np.float32)
    energy = np.zeros_like(values)
    for axis in (1, 0):
        change = np.diff(values, axis=axis)
        change *= change
        energy[: change.shape[0], : change.shape[1]] += change
    return energy


def log_motion(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log mean squared difference of each 16x16 block to the frame before: ``[T, H, W]`` to ``[T, H/16, W/16]``.

    The first frame repeats the second's; a still has none, log ε everywhere.
    """
    if len(luma) == 1:
        return np.full((1, luma.shape[1] // BLOCK, luma.shape[2] // BLOCK), np.log(EPSILON), np.float32)
    change = _log_change(luma[1:], luma[:-1])
    return np.concatenate([change[:1], change])


def local_spectrum(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log mean square of four bands of the 8x8 DCT, over a block and all frames: ``[T, H, W]`` to ``[4, H/16, W/16]``.

    The bands are i + j in 1-2, 3-4, 5-7 and 8-14, in log squared luma levels.
    """
    frames, height, width = luma.shape
    matrix = _dct_matrix()
    energy = np.zeros((height // 8, 8, width // 8, 8), np.float32)
    for plane in luma.astype(np.float32):
        rows = np.ascontiguousarray(plane.reshape(height // 8, 8, width).transpose(1, 0, 2)).reshape(8, -1)
        found = ((matrix @ rows).reshape(-1, 8) @ matrix.T).reshape(8, height // 8, width // 8, 8)  # [i, y, x, j]
        found *= found
        found /= frames
        energy += found.transpose(1, 0, 2, 3)
    total = np.add.outer(np.arange(8), np.arange(8))
    bands = [energy.transpose(0, 2, 1, 3)[..., (total >= low) & (total <= high)].mean(-1) for low, high in BANDS]
    halves = np.stack(bands).reshape(len(BANDS), height // BLOCK, 2, width // BLOCK, 2)
    return np.log(EPSILON + halves.mean(axis=(2, 4)))


def _dct_matrix() -> NDArray[np.float32]:
    """The orthonormal DCT-II of 8 points: row k is the cosine of frequency k."""
    k, n = np.arange(8)[:, None], np.arange(8)[None]
    matrix = np.cos(np.pi * (2 * n + 1) * k / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def _log_change(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.log(EPSILON + np.stack([_mean_square(*pair) for pair in zip(before, after, strict=True)]))


def _mean_square(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of the difference of two planes, in each block. A frame at a time: what is computed stays in the cache."""
    change = (one.astype(np.int16) - other).astype(np.float32)
    change *= change
    return block_mean(change)
