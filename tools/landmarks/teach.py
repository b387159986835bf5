"""Step 2: MediaPipe's face mesh labels the crops. Runs in an environment of its own (see the README).

    python tools/landmarks/teach.py --crops DIR

A crop in which it finds no face, or another one than our detector did, gets no label. Writes ``NNNN.points.npz``
beside each file of crops: ``points`` float32 ``[n, 95, 2]`` in 0..1, and ``good`` bool ``[n]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mediapipe
import numpy as np

from dfcore.data.faces.dense.align import SIDE
from dfcore.data.faces.dense.points import MESH, POINTS, REGIONS

DISAGREE = 0.3
"""Of the distance between the eyes, that teacher and detector may differ by at an eye or a corner of the mouth."""
UNIT = 3 / (4 * SIDE)
"""That distance in units of a crop's side, nearly."""


def label(model, image, five):
    """The teacher's points of a crop, float ``[95, 2]`` in 0..1; None where it finds no face, or another one than the
    detector did: their eyes and mouth corners must agree.
    """
    found = model.process(image).multi_face_landmarks
    if not found:
        return None
    points = np.array([(found[0].landmark[k].x, found[0].landmark[k].y) for k in MESH])
    eyes = [points[list(REGIONS[name])].mean(0) for name in ("left_eye", "right_eye")]
    mouth = [points[REGIONS["outer_lips"][k]] for k in (0, 6)]
    apart = np.linalg.norm(np.array([*eyes, *mouth]) - five[[0, 1, 3, 4]], axis=1)
    return points if apart.max() < DISAGREE * UNIT else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=Path, required=True)
    given = parser.parse_args()
    model = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.3
    )
    files = sorted(path for path in given.crops.glob("*.npz") if path.suffixes == [".npz"])
    for path in files:
        target = path.with_suffix(".points.npz")
        if target.exists():
            continue
        arrays = np.load(path)
        found = [label(model, *one) for one in zip(arrays["images"], arrays["five"], strict=True)]
        good = np.array([one is not None for one in found])
        points = np.array([np.zeros((POINTS, 2)) if one is None else one for one in found], np.float32)
        np.savez(target, points=points, good=good)
        print(path.name, len(good), int(good.sum()), flush=True)


if __name__ == "__main__":
    main()
