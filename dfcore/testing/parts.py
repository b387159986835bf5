"""Made videos in DFDC's layout, in as many of its parts as are asked for."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dfcore.testing.demo import make_demo

__all__ = ["make_parts"]


def make_parts(
    root: Path, *, parts: Sequence[int], pairs: int = 1, frames: int = 10, size: int = 256, seed: int = 0
) -> Path:
    """Write ``root/dfdc_train_part_N`` for each of ``parts``, with ``2 * pairs`` real videos and as many fakes each.

    Args:
        root: made; returned.
        parts: their numbers.
        pairs: of people in each part; each is given the other's face.
        frames: of each video.
        size: its side, in pixels.
        seed: of all that is drawn.
    """
    with tempfile.TemporaryDirectory() as folder:
        demo = make_demo(Path(folder), pairs=(pairs * len(parts), 1, 1), frames=frames, size=size, seed=seed, workers=1)
        videos = sorted(demo.rglob("*.mp4"))
        people = [path.stem.split("_") for path in videos if "_" in path.stem]
        couples = sorted({tuple(sorted(pair)) for pair in people})
        for place, part in enumerate(parts):
            members = {name for couple in couples[place * pairs : (place + 1) * pairs] for name in couple}
            _write(root / f"dfdc_train_part_{part}", [v for v in videos if v.stem.split("_")[0] in members])
    return root


def _write(folder: Path, videos: Sequence[Path]) -> None:
    folder.mkdir(parents=True)
    entries = {}
    for path in videos:
        shutil.copy(path, folder)
        original = {"original": f"{path.stem.split('_')[0]}.mp4"} if "_" in path.stem else {}
        entries[path.name] = {"label": "FAKE" if original else "REAL", "split": "train", **original}
    (folder / "metadata.json").write_text(json.dumps(entries))
