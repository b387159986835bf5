"""Whether a fake shows the same pictures as its original, so that its sound alone was forged.

A few frames of both, spread over the whole length, are compared by the mean luma of blocks of 16x16 pixels. Encoding
changes the detail within a block and hardly its mean; a swapped face, however small its share of the frame, moves the
means of its own blocks, which a mean over the frame would hide. Noise is estimated where most of the picture is: by the
median over blocks. Measured on real footage: re-encoding at crf 23 leaves a largest difference of 2.5 to 3.4, at crf 28
of 5 to 6.5, 11 to 16 times the median; five published face swaps, reenactments and lip-syncs leave 45 to 74, and a face
of 30 pixels 11 or more, 28 times the median or more. In doubt the video is called different: it keeps its label.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.decode import MediaInfo, decode, probe
from dfcore.data.store_index import Origin, append_line
from dfcore.errors import MediaError

__all__ = ["VERSION", "Comparison", "ComparisonLog", "compare_pictures"]

VERSION = 1
"""Raised when the rule changes; pairs compared by an older one are compared again."""
FRAMES = 8
_BLOCK = 16
_ALIKE = 3.0
"""A largest difference, of 255, that no manipulation leaves."""
_APART = 8.0
"""One that re-encoding does not leave where anything can still be told."""
_TIMES_NOISE = 20.0
"""Between the two: how far the largest may exceed the median."""

LOG = "compared.jsonl"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing a fake with its original.

    Attributes:
        id: the fake.
        same: whether both show the same pictures; None where they cannot be compared.
        reason: why not.
        difference: largest difference of a block's mean luma, 0 to 255.
        original: the original's file.
        size, original_size: of both files in bytes then, by which a changed one is known.
        version: of the rule.
    """

    id: str
    same: bool | None
    reason: str = ""
    difference: float | None = None
    original: str = ""
    size: int = -1
    original_size: int = -1
    version: int = VERSION

    def holds(self, path: Path, original: Path) -> bool:
        """Whether it still speaks of these two files; one that is not there at the moment does not speak against it."""
        return self.version == VERSION and all(
            now in (-1, then)
            for now, then in ((Origin.of(path).size, self.size), (Origin.of(original).size, self.original_size))
        )


def compare_pictures(video: str, path: Path, original: Path, *, threads: int = 0) -> Comparison:
    """Compare the fake ``video`` at ``path`` with its original; a file that cannot be read cannot be compared.

    Decoding ends at the first frame that differs, so that face swaps cost little.
    """
    reason, same, difference = "", None, None
    try:
        same, largest = _compare(path, original, threads)
        difference = round(largest, 2)
    except MediaError as error:
        reason = str(error)
    size, original_size = Origin.of(path).size, Origin.of(original).size
    return Comparison(video, same, reason, difference, str(original), size, original_size)


def _compare(path: Path, original: Path, threads: int) -> tuple[bool, float]:
    info, other = probe(path), probe(original)
    _require_alike(info, other)
    wanted = sorted({(2 * k + 1) * info.frame_count // (2 * FRAMES) for k in range(FRAMES)})
    pair = (decode(one.path, wanted, side_data=False, info=one, threads=threads) for one in (info, other))
    largest, medians = 0.0, list[float]()
    for frame, twin in zip(*pair, strict=False):
        if frame.index != twin.index or frame.y.shape != twin.y.shape:
            raise MediaError(f"{path}: its frames are not those of {original}: one of the two files is damaged.")
        gaps = np.abs(_block_means(frame.y) - _block_means(twin.y))
        largest = max(largest, float(gaps.max()))
        medians.append(float(np.median(gaps)))
        if largest > _APART:
            return False, largest
    if not medians:
        raise MediaError(f"{path}: no frame of it can be compared with {original}.")
    return largest <= max(_ALIKE, _TIMES_NOISE * float(np.median(medians))), largest


def _require_alike(info: MediaInfo, other: MediaInfo) -> None:
    for what, one, two in (
        ("frames", info.frame_count, other.frame_count),
        ("size", f"{info.width}x{info.height}", f"{other.width}x{other.height}"),
        ("rotation", info.rotation, other.rotation),
    ):
        if one != two:
            raise MediaError(f"{info.path}: it cannot be compared with {other.path}: {what} {one} and {two}.")


def _block_means(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean of each whole block of ``[H, W]``; a smaller picture is one block."""
    height, width = (max(_BLOCK, side // _BLOCK * _BLOCK) for side in luma.shape)
    if height > luma.shape[0] or width > luma.shape[1]:
        return luma.mean(dtype=np.float32, keepdims=True)
    rows = luma[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return rows.mean(axis=(1, 3), dtype=np.float32)


class ComparisonLog(dict[str, Comparison]):
    """``compared.jsonl`` of a clip store, by video id: one JSON line for each comparison, the last one counts.

    It outlives the clips: what is prepared again need not be compared again.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.path = root / LOG
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return
        for line in filter(None, text.split("\n")):
            try:
                found = Comparison(**json.loads(line))
            except (TypeError, ValueError):
                continue  # cut short by a kill, or of another version: the pair will be compared again
            self[found.id] = found

    def add(self, comparison: Comparison) -> None:
        """Note a comparison and append its line.

        Raises:
            StoreError: the disk is full or not writable.
        """
        self[comparison.id] = comparison
        append_line(self.path, json.dumps(asdict(comparison), ensure_ascii=False) + "\n")
