"""Where a fake's frames were altered, block by block: by the dataset's mask, or by the original.

Maps are float32 ``[H // 8, W // 8]``, one value for each whole 8x8 block of the coded frame.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.media import MediaInfo, decode, probe
from dfcore.errors import MediaError

__all__ = ["REGION_BLOCK", "RegionMap", "difference_maps", "mask_maps"]

REGION_BLOCK = 8
"""Side of a block in luma pixels."""
RegionMap = NDArray[np.float32]
_MARKED = 48
"""Luma from which on a mask's pixel is marked: black is 16 or 0, what is marked is white, or a strong colour."""
_SAME_SHAPE = 0.02
"""By how much the ratio of the sides of mask and video may differ, relatively."""
_SAME_LENGTH = 0.02
"""By which share the numbers of frames of mask and video may differ: encoders drop or repeat one at an end."""
_PADDING = 16
"""Pixels by which a copy may be larger at its right or lower edge: some encoders fill up a macroblock."""
_ALIGNED = 6.0
"""Mean luma levels that the median block of two aligned frames may differ by. Re-encoding at crf 40 leaves about 1; the
same footage shifted in time, where the camera moves, leaves 10 and more."""


def mask_maps(path: Path, mask: Path, wanted: Collection[int], *, threads: int = 0) -> dict[int, RegionMap]:
    """The share of each block that the mask marks, 0 to 1, of those of the wanted frames that the mask has.

    A mask of another size is scaled to the video's.

    Args:
        path: the fake.
        mask: a video, black where nothing was altered.
        wanted: indices of frames.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: one of the files cannot be read, or the mask's shape or number of frames is not the fake's.
    """
    info, other = probe(path), probe(mask)
    if abs(info.width * other.height / (info.height * other.width) - 1) > _SAME_SHAPE:
        raise MediaError(
            f"{mask}: the mask is {other.width}x{other.height} and the video {info.width}x{info.height}: not the same "
            "shape, so that the mask cannot be laid over it."
        )
    if abs(info.frame_count - other.frame_count) > max(2, _SAME_LENGTH * info.frame_count):
        raise MediaError(
            f"{mask}: the mask has {other.frame_count} frames and the video {info.frame_count}: which belong together "
            "cannot be told."
        )
    frames = decode(mask, _within(wanted, other), side_data=False, threads=threads)
    return {frame.index: _share(frame.y >= _MARKED, info) for frame in frames}


def difference_maps(path: Path, original: Path, wanted: Collection[int], *, threads: int = 0) -> dict[int, RegionMap]:
    """By how many luma levels the mean of each block is above the original's, of the wanted frames that both have.

    Frames are paired by index: the frames of a FaceForensics++ fake are its target's from the first on, whatever their
    frame rates and lengths say.

    Args:
        path: the fake.
        original: the video that it was made from.
        wanted: indices of frames.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: one of the files cannot be read, their sizes differ, or they do not show the same footage.
    """
    info, other = probe(path), probe(original)
    sides = (info.width - other.width, info.height - other.height)
    if max(map(abs, sides)) >= _PADDING or info.rotation != other.rotation:
        raise MediaError(
            f"{path}: it cannot be compared with {original}: {info.width}x{info.height}, rotated by {info.rotation} "
            f"degrees, and {other.width}x{other.height}, rotated by {other.rotation}."
        )
    common = [index for index in _within(wanted, info) if index < other.frame_count]
    pair = (decode(one.path, common, side_data=False, threads=threads) for one in (info, other))
    maps: dict[int, RegionMap] = {}
    height, width = info.height // REGION_BLOCK, info.width // REGION_BLOCK
    for frame, first in zip(*pair, strict=False):
        if frame.index != first.index:
            raise MediaError(f"{path}: its frames are not those of {original}: one of the two files is damaged.")
        one, two = _block_means(frame.y), _block_means(first.y)
        rows, columns = min(len(one), len(two)), min(one.shape[1], two.shape[1])
        found = np.zeros((height, width), np.float32)
        found[:rows, :columns] = one[:rows, :columns] - two[:rows, :columns]
        maps[frame.index] = found
    if not maps:
        raise MediaError(f"{path}: none of the frames looked at is in {original}, which has {other.frame_count}.")
    typical = float(np.median([np.median(np.abs(found)) for found in maps.values()]))
    if typical > _ALIGNED:
        raise MediaError(
            f"{path}: it does not show the frames of {original}: half of each image differs by {typical:.0f} luma "
            "levels or more."
        )
    return maps


def _within(wanted: Collection[int], info: MediaInfo) -> list[int]:
    return sorted(index for index in wanted if index < info.frame_count)


def _share(marked: NDArray[np.bool_], info: MediaInfo) -> RegionMap:
    """The marked share of each block of the video, whose size the mask may not have."""
    height, width = info.height // REGION_BLOCK, info.width // REGION_BLOCK
    scale = marked.shape[1] / info.width, marked.shape[0] / info.height
    box = (0.0, 0.0, width * REGION_BLOCK * scale[0], height * REGION_BLOCK * scale[1])
    image = Image.fromarray(marked.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX, box=box), np.float32)


def _block_means(luma: NDArray[np.uint8]) -> RegionMap:
    rows, columns = (side // REGION_BLOCK for side in luma.shape)
    whole = luma[: rows * REGION_BLOCK, : columns * REGION_BLOCK]
    return whole.reshape(rows, REGION_BLOCK, columns, REGION_BLOCK).mean(axis=(1, 3), dtype=np.float32)
