"""Whether a fake shows the same images as its original, so that its audio alone was forged.

A few frames of both, spread over the whole length, are compared by the mean luma of blocks of 16x16 pixels. Encoding
changes the detail within a block more than its mean, and not the same way in each frame; a swapped face, however small
its share of the image, moves the means of its own blocks, which a mean over the image would hide. So each block's
difference is averaged over the frames with its sign, and the largest is compared with the median over all blocks,
which is noise as long as the face fills less than half of the image.

Measured: re-encoding 16 real videos at crf 20 and 28 leaves a largest of 0.7 to 2.5 (of 255), 4 to 16 times the median;
rendered swaps of faces of 75 pixels and more leave 1.9 to 20, 68 times the median and more. Five published face swaps
and reenactments and a lip-sync differ by 44 to 74 in single frames. In doubt a video is called different: it keeps its
label.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.media import MediaInfo, decode, probe
from dfcore.data.store.format import write_bytes
from dfcore.data.store.lines import append_line, part_of, read_lines, remove_parts
from dfcore.data.store.origin import Origin
from dfcore.errors import MediaError
from dfcore.text import parse_json, to_json_line

__all__ = ["VERSION", "Comparison", "ComparisonLog", "compare_images"]

VERSION = 1
"""Raised when the rule changes; pairs compared by an older one are compared again."""
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

LOG = "compared.jsonl"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing a fake with its original.

    Attributes:
        id: the fake.
        same: whether both show the same images; None where they cannot be compared.
        reason: why not.
        difference: the largest of a block's mean luma, 0 to 255, averaged over the frames; where one frame told the two
            apart, in that frame.
        original: the original's file.
        origin, original_origin: both files as they were, by which a changed one is known.
        version: of the rule.
    """

    id: str
    same: bool | None
    reason: str = ""
    difference: float | None = None
    original: str = ""
    origin: Origin = field(default_factory=Origin)
    original_origin: Origin = field(default_factory=Origin)
    version: int = VERSION

    def now(self, path: Path, original: Path) -> Comparison | None:
        """Itself, with the times that the two files have now, if it still speaks of them, else None. One that is not
        there at the moment does not speak against it.
        """
        if self.version != VERSION:
            return None
        origins = [
            then if Origin.of(file).size < 0 else then.now(file)
            for file, then in ((path, self.origin), (original, self.original_origin))
        ]
        if origins[0] is None or origins[1] is None:
            return None
        return replace(self, origin=origins[0], original_origin=origins[1])

    @classmethod
    def from_line(cls, line: str) -> Comparison:
        """A line of the log; KeyError, TypeError or ValueError on anything else."""
        values: dict[str, Any] = parse_json(line)
        for name in ("origin", "original_origin"):
            values[name] = Origin(**values[name])
        return cls(**values)


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
    wanted = sorted({(2 * k + 1) * info.frame_count // (2 * FRAMES) for k in range(FRAMES)})
    pair = (decode(one.path, wanted, side_data=False, info=one, threads=threads) for one in (info, other))
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


class ComparisonLog(dict[str, Comparison]):
    """``compared.jsonl`` of a clip store, by video id: one JSON line for each comparison, the last one counts.

    It outlives the clips: what is prepared again need not be compared again. ``part`` is the number, from 1, of one of
    several processes that fill a store together: it appends to a file of its own, which is read with the others.
    """

    def __init__(self, root: Path, part: int = 0) -> None:
        super().__init__()
        self.path = root / LOG
        self._own = part_of(self.path, part)
        for line in read_lines(self.path):
            try:
                found = Comparison.from_line(line)
            except (KeyError, TypeError, ValueError):
                continue  # cut short by a kill, or of another version: the pair will be compared again
            self[found.id] = found

    def add(self, comparison: Comparison) -> None:
        """Note a comparison and append its line.

        Raises:
            WriteError: the disk is full or not writable.
        """
        self[comparison.id] = comparison
        append_line(self._own, _line(comparison))

    def save(self) -> None:
        """Write the log anew, in the order of the ids, in place of all parts. Nobody else may be writing."""
        if self:
            write_bytes(self.path, "".join(_line(self[video]) for video in sorted(self)).encode())
        remove_parts(self.path)


def _line(comparison: Comparison) -> str:
    return to_json_line(asdict(comparison))
