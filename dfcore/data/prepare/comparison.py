"""Whether a fake shows the same images as its original, so that only its audio was forged.

A few frames of both, spread over the whole length, are compared by the mean luma of 16x16 blocks. Encoding changes the
detail within a block more than its mean, and differently in each frame. A swapped face changes the means of its own
blocks, even if it is a small part of the image; a mean over the image would hide that. So each block's difference is
averaged over the frames with its sign. The largest average is compared with the median over all blocks, which is noise
as long as the face fills less than half of the image.

Measured: re-encoding 16 real videos at crf 20 and 28 gives a largest average of 0.7 to 2.5 (of 255), 4 to 16 times the
median. Rendered swaps of faces of 75 pixels and more give 1.9 to 20, at least 68 times the median. Five published face
swaps and reenactments and a lip-sync differ by 44 to 74 in single frames. In doubt a video counts as different and
keeps its label.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.media import MediaInfo, decode, probe
from dfcore.data.store.comparisons import Comparison
from dfcore.data.store.origin import Origin
from dfcore.data.workers.serve import announce
from dfcore.errors import MediaError

__all__ = ["compare_images"]

FRAMES = 8
_BLOCK = 16
_APART = 10.0
"""A difference in one frame that re-encoding does not leave where anything can still be told."""
_ALIKE = 0.5
"""A largest average difference that no manipulation leaves, whatever the median is (black bars have none)."""
_LIMIT = 4.0
"""One that re-encoding does not leave."""
_TIMES_NOISE = 20.0
"""Between the two: how far it may exceed the median."""


def compare_images(video: str, path: Path, original: Path, *, threads: int = 0) -> Comparison:
    """Compare the fake ``video`` at ``path`` with its original; a file that cannot be read cannot be compared.

    Decoding ends at the first frame that differs, so that face swaps cost little.
    """
    reason, same, difference = "", None, None
    origin, original_origin = (Origin.of(file).sampled(file) for file in (path, original))
    try:
        same, largest = _compare(path, original, threads)
        difference = round(largest, 2)
    except MediaError as error:
        reason = str(error)
    return Comparison(video, same, reason, difference, str(original), origin, original_origin)


def _compare(path: Path, original: Path, threads: int) -> tuple[bool, float]:
    info, other = probe(path), probe(original)
    _require_alike(info, other)
    for one in (info, other):
        announce(one.frame_count, one.width, one.height)
    wanted = sorted({(2 * k + 1) * info.frame_count // (2 * FRAMES) for k in range(FRAMES)})
    pair = (decode(one.path, wanted, side_data=False, threads=threads) for one in (info, other))
    gaps = []
    for frame, original_path in zip(*pair, strict=False):
        if frame.index != original_path.index or frame.y.shape != original_path.y.shape:
            raise MediaError(f"{path}: its frames are not those of {original}: one of the two files is damaged.")
        gaps.append(_block_means(frame.y) - _block_means(original_path.y))
        largest = float(np.abs(gaps[-1]).max())
        if largest > _APART:
            return False, largest
    if not gaps:
        raise MediaError(f"{path}: no frame of it can be compared with {original}.")
    steady = np.abs(np.mean(gaps, axis=0))
    largest, noise = float(steady.max()), float(np.median(steady))
    return largest <= max(_ALIKE, min(_LIMIT, _TIMES_NOISE * noise)), largest


def _require_alike(info: MediaInfo, other: MediaInfo) -> None:
    for what, one, two in (
        ("frames", info.frame_count, other.frame_count),
        ("size", f"{info.width}x{info.height}", f"{other.width}x{other.height}"),
        ("rotation", info.rotation, other.rotation),
    ):
        if one != two:
            raise MediaError(f"{info.path}: it cannot be compared with {other.path}: {what} {one} and {two}.")


def _block_means(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean of each whole block of ``[H, W]``; a smaller image is one block."""
    height, width = (max(_BLOCK, side // _BLOCK * _BLOCK) for side in luma.shape)
    if height > luma.shape[0] or width > luma.shape[1]:
        return luma.mean(dtype=np.float32, keepdims=True)
    rows = luma[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return rows.mean(axis=(1, 3), dtype=np.float32)
