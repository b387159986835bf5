"""Step 1: faces cut out of videos and photos, for the teacher to label.

    python tools/landmarks/crops.py --list LIST.csv --out DIR

``LIST.csv`` has the columns ``file`` (absolute, or relative to the list) and ``group`` (the person); others are
ignored. Of each file up to ``--frames`` frames are looked at, and of each up to two faces kept: an upright RGB square
of 224 pixels, laid by the detector's five points, with a third more about the face than the network will see.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dfcore.data.faces import CenterFace
from dfcore.data.faces.dense.align import SIDE, cut_square, face_square
from dfcore.data.media import decode, probe
from dfcore.errors import DfcoreError

STORED = 224
"""Pixels of a stored crop's side."""
WIDER = 4 / 3
"""Its side in units of the network's square."""
WITHIN = 200
"""Frames from the start, that those looked at are spread over: more need not be decoded."""
LEAST_UNIT = 14.0
"""Pixels between the eyes, below which no teacher can be trusted."""


def crops_of(path: Path, frames: int, detector: CenterFace) -> tuple[np.ndarray, np.ndarray]:
    """RGB crops uint8 ``[n, 224, 224, 3]`` and the five points in each, float32 ``[n, 5, 2]`` in 0..1."""
    count = min(max(1, probe(path).frame_count), WITHIN)
    wanted = {int(k) for k in np.linspace(0, count - 1, min(frames, count)).round()}
    images, fives = [], []
    for frame in decode(path, wanted, side_data=False, threads=1):
        rgb, _ = frame.rgb(960)
        for face in detector.detect(rgb)[:2]:
            five = np.array(face.landmarks)
            square = face_square(five, SIDE * WIDER)
            if face.score < 0.6 or square.side < LEAST_UNIT * SIDE * WIDER:
                continue
            images.append(cut_square(rgb, square, STORED))
            fives.append(square.from_image(five))
    return np.array(images, np.uint8), np.array(fives, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=24)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    detector = CenterFace(threads=1)
    with given.list.open() as lines:
        rows = list(csv.DictReader(lines))
    for number, row in enumerate(tqdm(rows, "files", disable=None)):
        try:
            images, fives = crops_of(given.list.parent / row["file"], given.frames, detector)
        except DfcoreError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if len(images):
            np.savez(given.out / f"{number:04d}.npz", images=images, five=fives, group=row["group"], source=row["file"])


if __name__ == "__main__":
    main()
