"""Files that the peers' datasets read, written from the clips and videos that ours reads (:mod:`peers.compare`)."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
from PIL import Image
from stores import reading

from dfcore.data.store.clip_store import ClipStore

FRAMES_OF_SBI = "data/FaceForensics++/original_sequences/youtube/raw"


def write_crops(store: ClipStore, place: Path) -> int:
    """Faces as DeepfakeBench reads them: 256x256 PNG files and its list in JSON; returns how many."""
    (place / "frames" / "000").mkdir(parents=True)
    paths = []
    for number, png in enumerate(reading.Crops(store).files):
        paths.append(f"./frames/000/{number:03d}.png")  # what does not start with a dot it looks for in its own folder
        (place / paths[-1]).write_bytes(png)
    video = {"label": "real", "frames": paths}
    (place / "json").mkdir()
    (place / "json" / "peers.json").write_text(json.dumps({"peers": {"real": {"train": {"000": video}}}}))
    return len(paths)


def write_frames(store: ClipStore, files: dict[str, Path], place: Path) -> None:
    """Whole frames as SelfBlendedImages reads them, the same that the crops are of, with landmarks and boxes.

    Its 81 landmarks are points of an ellipse in the face's box: what it does with them takes the same time.
    """
    angle = np.linspace(0, 2 * np.pi, 81, endpoint=False)
    for number, (video, path) in enumerate(files.items()):
        marked = {}
        for clip in range(len(store.open(video))):
            access = store.open(video).access(clip)
            at = access.native[len(access.native) // 2]
            marked[access.header.frames[at]] = (access.header.boxes[at], access.header.landmarks[at])
        folders = [place / FRAMES_OF_SBI / kind / f"{number:03d}" for kind in ("frames", "landmarks", "retina")]
        for folder in folders:
            folder.mkdir(parents=True)
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index not in marked:
                    continue
                (x0, y0, x1, y1), five = marked[index]
                ellipse = [(x0 + x1 + (x1 - x0) * np.cos(angle)) / 2, (y0 + y1 + (y1 - y0) * np.sin(angle)) / 2]
                Image.fromarray(frame.to_ndarray(format="rgb24")).save(folders[0] / f"{index:03d}.png")
                np.save(folders[1] / f"{index:03d}.npy", np.stack(ellipse, axis=1).astype(np.int64)[None])
                np.save(folders[2] / f"{index:03d}.npy", np.array([[(x0, y0), (x1, y1), *five]]))
    names = [f"{number:03d}" for number in range(len(files))]
    (place / "data" / "FaceForensics++" / "train.json").write_text(json.dumps([names]))
