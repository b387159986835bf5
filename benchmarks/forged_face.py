"""Whose face was forged: how often the difference from the original tells it, of fakes that show several people.

    python benchmarks/forged_face.py --pairs FACEFORENSICS --beside VIDEO... --several VIDEO... --demo DEMO

Three kinds of fakes whose truth is known are made, each with an original that goes through the same encoder:

* ``beside``: a FaceForensics++ fake and its original, each beside the same real video of another person (``--beside``);
* ``several``: real videos that show several people (``--several``), where each person's face in turn is replaced by
  another's of the same video, brought to the same size and mean colour, with a soft elliptic edge;
* ``demo``: rendered people (``dfcore train cm --data demo`` makes them in ``runs/data/demo``), a fake beside another
  person's original.

A case is *right* where every face is decided as it is, *undecided* where at least one is left open and none is decided
wrongly, else *wrong*. The figures are luma levels (:mod:`dfcore.data.forged.faces`).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.clips import Planes
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.datasets.faceforensics import FaceForensics
from dfcore.data.faces import FaceTrack
from dfcore.data.faces.look import find_detector, find_tracks, look_at
from dfcore.data.forged.faces import find_forged_faces
from dfcore.data.media import decode, probe
from dfcore.data.media.encode import write_h264
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.protocols import Face
from dfcore.data.records import FAKE, VideoRecord
from dfcore.errors import MediaError

FRAMES = 32
"""Frames of each made video."""
STRIDE = 8
"""Faces are looked for on every so many of them."""
PLAN = ClipPlan(clips=2, frames=8, people=8, audio=False, side_data=False)
LEAST = 48
"""A face of fewer pixels is not altered: dfcore would not cut clips of it."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A made fake: its frames, its original's, and in which part of the image the forged face is."""

    kind: str
    name: str
    fake: Planes
    original: Planes
    part: Box


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of a case: ``right``, ``undecided`` or ``wrong``, and the figures of both kinds of faces."""

    kind: str
    name: str
    crf: float
    verdict: str
    forged: float
    others: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, nargs="*", default=[], help="Folders in FaceForensics++'s layout.")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="Real videos that show one person.")
    parser.add_argument("--several", type=Path, nargs="*", default=[], help="Real videos that show several people.")
    parser.add_argument("--demo", type=Path, help="A folder of rendered people in FaceForensics++'s layout.")
    parser.add_argument("--crf", type=float, nargs="+", default=[23, 35], help="x264's rate factors.")
    parser.add_argument(
        "--seed", type=int, default=0, help="Of who stands beside whom, where, and from which frame on."
    )
    given = parser.parse_args()
    outcomes = []
    for case in cases(given, np.random.default_rng(given.seed)):
        for crf in given.crf:
            outcome = judge(case, crf)
            if outcome is not None:
                print(line(outcome), flush=True)
                outcomes.append(outcome)
    print(summary(outcomes))


def cases(given: argparse.Namespace, rng: np.random.Generator) -> Iterator[Case]:
    """All that is asked for."""
    for root in given.pairs:
        for fake, original in pairs(root):
            yield from beside("beside", fake, original, pick(given.beside, rng), rng)
    for path in given.several:
        yield from several(path, rng)
    if given.demo:
        found = pairs(given.demo)
        for i, (fake, original) in enumerate(found):
            other = found[(i + 2) % len(found)][1]  # the next two are the other pair of people
            yield from beside("demo", fake, original, other, rng)


def pairs(root: Path) -> list[tuple[VideoRecord, Path]]:
    """The fakes below ``root`` whose originals are there, with these."""
    records = FaceForensics().scan(root).records
    return [(record, record.original_path) for record in records if record.label == FAKE and record.original_path]


def pick(paths: Sequence[Path], rng: np.random.Generator) -> Path:
    if not paths:
        raise SystemExit("--pairs needs --beside: real videos of other people.")
    return paths[int(rng.integers(len(paths)))]


def beside(kind: str, fake: VideoRecord, original: Path, other: Path, rng: np.random.Generator) -> Iterator[Case]:
    """One fake beside another person's video, on either side; nothing where a video is too short."""
    counts = [probe(path).frame_count for path in (fake.path, original, other)]
    if min(counts) < FRAMES:
        return
    start = int(rng.integers(min(counts[:2]) - FRAMES + 1))
    bystander = frames(other, int(rng.integers(counts[2] - FRAMES + 1)))
    left = bool(rng.integers(2))
    made = [joined(frames(path, start), bystander, left) for path in (fake.path, original)]
    width = made[0][0].shape[2]
    own = width - bystander[0].shape[2] // 32 * 32
    part = (0.0, 0.0, own, 1e9) if left else (width - own, 0.0, width, 1e9)
    yield Case(kind, f"{fake.manipulation} {fake.path.stem} + {other.stem}", made[0], made[1], part)


def frames(path: Path, start: int) -> Planes:
    found = list(decode(path, range(start, start + FRAMES), side_data=False))
    y, u, v = (np.stack([getattr(frame, name) for frame in found]) for name in ("y", "u", "v"))
    return y, u, v


def joined(one: Planes, other: Planes, left: bool) -> Planes:
    """Two videos side by side, the lower one filled up with grey; ``left`` puts the first one on the left."""
    parts = []
    for i, pair in enumerate(zip(one, other, strict=True)):
        step, grey = (16, 60) if i else (32, 60)
        grey = 128 if i else grey
        height = max(-(-plane.shape[1] // step) * step for plane in pair)
        filled = []
        for plane in pair:
            canvas = np.full((len(plane), height, plane.shape[2] // step * step), grey, np.uint8)
            canvas[:, : plane.shape[1]] = plane[:, :, : canvas.shape[2]]
            filled.append(canvas)
        parts.append(np.concatenate(filled if left else filled[::-1], axis=2))
    return parts[0], parts[1], parts[2]


def several(path: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each person in turn with another's face."""
    info = probe(path)
    if info.frame_count < FRAMES or info.rotation:
        return
    start = int(rng.integers(info.frame_count - FRAMES + 1))
    own = frames(path, start)
    tracks = people(path, start)
    for i, track in enumerate(tracks if len(tracks) > 1 else []):
        donor = tracks[(i + 1) % len(tracks)]
        fake = swapped(own, track.at(range(FRAMES))[0], donor.at(range(FRAMES))[0])
        x0, y0, x1, y1 = track.at([FRAMES // 2])[0][0].tolist()
        yield Case("several", f"{path.stem} person {i + 1} of {len(tracks)}", even(fake), even(own), (x0, y0, x1, y1))


def people(path: Path, start: int) -> list[FaceTrack]:
    """Those whose face stays in view, with frame 0 at ``start``."""
    detector, looks, faces = find_detector("centerface"), {}, {}
    wanted = {*range(start, start + FRAMES, STRIDE), start + FRAMES - 1}
    info = probe(path)
    for frame in decode(path, wanted, side_data=False):
        look = look_at(frame, detector)
        looks[frame.index - start] = look
        faces[frame.index - start] = [scaled(face, 1 / look.scale) for face in look.faces]
    found = find_tracks(faces, looks, (info.width, info.height))
    return [t for t in found if t.covers(range(FRAMES)) and np.ptp(t.at([0])[0][0].reshape(2, 2), 0).max() >= LEAST]


def scaled(face: Face, factor: float) -> Face:
    x0, y0, x1, y1 = (value * factor for value in face.box)
    return Face((x0, y0, x1, y1), face.score, tuple((x * factor, y * factor) for x, y in face.landmarks))


def swapped(planes: Planes, boxes: NDArray[np.float64], donors: NDArray[np.float64]) -> Planes:
    """The frames with the donor's face in the box, in all three planes."""
    made = [plane.copy() for plane in planes]
    for plane, step in zip(made, (1, 2, 2), strict=True):
        for t in range(len(plane)):
            paste(plane[t], boxes[t] / step, donors[t] / step)
    return made[0], made[1], made[2]


def paste(image: NDArray[np.uint8], box: NDArray[np.float64], donor: NDArray[np.float64]) -> None:
    """Lay the donor's face over the box, in place: same size, same mean, a soft elliptic edge."""
    height, width = image.shape
    x0, y0 = np.clip(box[:2].round().astype(int), 0, [width - 2, height - 2])
    x1, y1 = np.clip(box[2:].round().astype(int), [x0 + 2, y0 + 2], [width, height])
    under = image[y0:y1, x0:x1].astype(np.float64)
    inside = tuple(np.clip(donor, 0, [width, height, width, height]).tolist())
    face = np.asarray(Image.fromarray(image).resize(under.shape[::-1], Image.Resampling.BICUBIC, box=inside), float)
    y, x = (np.linspace(-1, 1, side) for side in under.shape)
    weight = np.clip((1 - np.hypot(x[None] / 0.8, y[:, None] / 0.9)) / 0.2, 0, 1)
    face += (under * weight).sum() / weight.sum() - (face * weight).sum() / weight.sum()
    image[y0:y1, x0:x1] = np.clip(under + weight * (face - under), 0, 255).round()


def even(planes: Planes) -> Planes:
    """Without an odd last row or column."""
    height, width = (side // 2 * 2 for side in planes[0].shape[1:])
    y, u, v = planes
    return y[:, :height, :width], u[:, : height // 2, : width // 2], v[:, : height // 2, : width // 2]


def judge(case: Case, crf: float) -> Outcome | None:
    """What dfcore finds; None where it sees fewer than two people, or not the forged one."""
    with tempfile.TemporaryDirectory() as folder:
        fake, original = Path(folder) / "fake.mp4", Path(folder) / "original.mp4"
        for path, planes in ((fake, case.fake), (original, case.original)):
            write_h264(path, planes, 25.0, crf=crf, preset="veryfast")
        record = VideoRecord(case.name, fake, FAKE, original_path=original)
        try:
            headers = [clip.header for clip in extract_clips(fake, PLAN)]
        except MediaError:
            return None
        found = find_forged_faces(record, headers)
    truth = {header.track: lies_in(header.boxes[len(header.boxes) // 2], case.part) for header in headers}
    if len(truth) < 2 or sum(truth.values()) != 1:
        return None
    told = {clip.track: clip.forged for clip in found.clips}
    wrong = any(told[track] is not None and told[track] != truth[track] for track in truth)
    verdict = "wrong" if wrong else "undecided" if None in told.values() else "right"
    figures = defaultdict(list)
    for clip in found.clips:
        figures[clip.track].append(clip.figure or 0.0)
    means = {track: float(np.mean(values)) for track, values in figures.items()}
    own = next(track for track in truth if truth[track])
    others = tuple(round(means[track], 2) for track in sorted(truth) if not truth[track])
    return Outcome(case.kind, case.name, crf, verdict, round(means[own], 2), others)


def lies_in(box: Box, part: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return part[0] <= x <= part[2] and part[1] <= y <= part[3]


def line(outcome: Outcome) -> str:
    others = " ".join(f"{figure:.2f}" for figure in outcome.others)
    return (
        f"{outcome.verdict:<10}{outcome.kind:<9}crf {outcome.crf:g}  forged {outcome.forged:5.2f}  others {others}  "
        f"{outcome.name}"
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """One row for each kind and rate factor."""
    last = "forged / highest other, least"
    lines = [f"\n{'kind':<9}{'crf':>5}{'cases':>7}{'right':>7}{'undecided':>11}{'wrong':>7}{last:>32}"]
    groups: dict[tuple[str, float], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.kind, outcome.crf].append(outcome)
    for (kind, crf), found in groups.items():
        counts = Counter(outcome.verdict for outcome in found)
        least = min(outcome.forged / max(0.05, *outcome.others) for outcome in found)
        lines.append(
            f"{kind:<9}{crf:>5g}{len(found):>7}{counts['right']:>7}{counts['undecided']:>11}{counts['wrong']:>7}{least:>32.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
