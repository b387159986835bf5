"""Spliced videos: a stretch of a fake in its original, so that which seconds are forged is known.

The frames of a FaceForensics++ fake are its target's, one by one: so those of a stretch can be put in their place. All
frames then go through one encoder together. Beside each spliced video stands its original, encoded likewise.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from dfcore.data.clips import Planes
from dfcore.data.datasets.faceforensics import FaceForensics
from dfcore.data.media import decode, probe
from dfcore.data.media.encode import write_h264
from dfcore.data.records import FAKE
from dfcore.errors import MediaError

__all__ = ["TRUTH", "Splice", "make_splices", "splice"]

TRUTH = "spliced.json"
"""The file that says which seconds are forged."""
SHARE = (0.3, 0.5)
"""Range of a stretch's share of the video."""


@dataclass(frozen=True, slots=True)
class Splice:
    """A made video.

    Attributes:
        file: its name.
        manipulation: of the fake that its stretch is from; ``original`` where none is.
        fake, original: ids of what it was made of.
        spans: the forged ``(start, end)`` in seconds; () in an original.
    """

    file: str
    manipulation: str
    fake: str
    original: str
    spans: tuple[tuple[float, float], ...]


def splice(fake: Planes, original: Planes, spans: Sequence[range]) -> Planes:
    """The original's frames, with those of the fake in the spans.

    Args:
        fake: luma uint8 ``[T, H, W]`` and both chroma planes.
        original: likewise, of the same shapes.
        spans: of frames.
    """
    made = tuple(plane.copy() for plane in original)
    for span in spans:
        for target, source in zip(made, fake, strict=True):
            target[span.start : span.stop] = source[span.start : span.stop]
    return made[0], made[1], made[2]


def make_splices(
    root: Path, out: Path, *, frames: int = 240, crf: float | None = 23, seed: int = 0, preset: str = "veryfast"
) -> list[Splice]:
    """Make a spliced video of each fake whose original is there, and one of each original; returned, and written down
    in ``out / TRUTH``.

    Args:
        root: in FaceForensics++'s layout.
        out: the folder to write to.
        frames: of each video, from its beginning; shorter ones are taken whole.
        crf: x264's rate factor of all; None encodes without loss.
        seed: of the stretches.
        preset: x264's.

    Raises:
        DatasetError: ``root`` holds nothing of the dataset.
        MediaError: a file cannot be read, or a fake has another size than its original.
    """
    out.mkdir(parents=True, exist_ok=True)
    records = {record.id: record for record in FaceForensics().scan(root).records}
    fakes = [record for record in records.values() if record.label == FAKE and record.original]
    pairs = [(fake, records[fake.original]) for fake in fakes]
    rng, made, done = np.random.default_rng(seed), [], set[str]()
    for number, (fake, original) in enumerate(pairs):
        info = probe(original.path)
        count = min(frames, info.frame_count, probe(fake.path).frame_count)
        planes = _read(original.path, count)
        length = round(count * rng.uniform(*SHARE))
        start = int(rng.integers(count - length + 1))
        spliced = splice(_read(fake.path, count), planes, [range(start, start + length)])
        name = f"{number:03}_{fake.manipulation}_{fake.path.stem}.mp4"
        write_h264(out / name, spliced, info.fps, crf=crf, preset=preset)
        span = (round(start / info.fps, 3), round((start + length) / info.fps, 3))
        made.append(Splice(name, fake.manipulation, fake.id, original.id, (span,)))
        if original.id not in done:
            done.add(original.id)
            name = f"{number:03}_original_{original.path.stem}.mp4"
            write_h264(out / name, planes, info.fps, crf=crf, preset=preset)
            made.append(Splice(name, "original", "", original.id, ()))
    (out / TRUTH).write_text(json.dumps([asdict(one) for one in made], indent=1) + "\n", encoding="utf-8")
    return made


def _read(path: Path, count: int) -> Planes:
    """The first ``count`` frames, with even sizes."""
    found = list(decode(path, range(count), side_data=False))
    if len(found) < count:
        raise MediaError(f"{path}: only {len(found)} of its first {count} frames can be decoded.")
    height, width = (side // 2 * 2 for side in found[0].y.shape)
    y = np.stack([frame.y[:height, :width] for frame in found])
    u, v = (np.stack([getattr(frame, name)[: height // 2, : width // 2] for frame in found]) for name in ("u", "v"))
    return y, u, v
