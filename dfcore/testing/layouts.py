"""Made videos in the datasets' official layouts.

    python -m dfcore.testing.layouts DIR

writes ``DIR/faceforensics``, ``DIR/celebdf`` and ``DIR/dfdc`` (parts 0, 45 and 49: chunks 0 and 9, one part validates)
and prints how to train on them. The same rendered people are in all three: for trying and testing only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dfcore.testing.demo import make_demo

__all__ = ["as_celebdf", "as_dfdc", "as_fakeavceleb", "as_folder", "make_layouts", "make_parts"]


def make_layouts(root: Path, *, pairs: tuple[int, int, int] = (4, 1, 1), frames: int = 16, size: int = 256) -> Path:
    """Write all three below ``root``; returned. ``pairs`` of people are in FaceForensics++'s train, val and test."""
    demo = make_demo(root / "faceforensics", pairs=pairs, frames=frames, size=size, workers=1)
    as_celebdf(demo, root / "celebdf")
    as_dfdc(demo, root / "dfdc", parts=(0, 45, 49))
    return root


def as_celebdf(demo: Path, root: Path) -> Path:
    """The demo's videos under Celeb-DF's names; the last pair's are listed for testing. Returns ``root``."""
    reals, fakes = _videos(demo)
    number = {path.stem: n for n, path in enumerate(reals)}
    for folder in ("Celeb-real", "Celeb-synthesis"):
        (root / folder).mkdir(parents=True)
    for path in reals:
        shutil.copy(path, root / f"Celeb-real/id{number[path.stem]}_0000.mp4")
    for path in fakes:
        target, source = path.stem.split("_")
        shutil.copy(path, root / f"Celeb-synthesis/id{number[target]}_id{number[source]}_0000.mp4")
    last, other = fakes[-1].stem.split("_")
    names = (
        f"1 Celeb-real/id{number[last]}_0000.mp4",
        f"0 Celeb-synthesis/id{number[last]}_id{number[other]}_0000.mp4",
    )
    (root / "List_of_testing_videos.txt").write_text("\n".join(names))
    return root


def as_dfdc(demo: Path, root: Path, *, parts: Sequence[int] = (0, 1)) -> Path:
    """The demo's videos in DFDC's ``parts``, a pair of people in one part or another. Returns ``root``."""
    reals, fakes = _videos(demo)
    couples = sorted({tuple(sorted(path.stem.split("_"))) for path in fakes})
    for place, part in enumerate(parts):
        members = {name for couple in couples[place :: len(parts)] for name in couple}
        _write_part(root / f"dfdc_train_part_{part}", [v for v in (*reals, *fakes) if v.stem.split("_")[0] in members])
    return root


def as_fakeavceleb(demo: Path, root: Path) -> Path:
    """The demo's videos under FakeAVCeleb's names, all with real audio (they are silent). Returns ``root``."""
    reals, fakes = _videos(demo)
    number = {path.stem: f"id{n:05d}" for n, path in enumerate(reals)}
    for path in (*reals, *fakes):
        target, _, source = path.stem.partition("_")
        kind, name = ("Fake", f"00001_{number[source]}_0_wavtolip.mp4") if source else ("Real", "00001.mp4")
        folder = root / f"{kind}Video-RealAudio/African/men/{number[target]}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    return root


def as_folder(demo: Path, root: Path) -> Path:
    """The demo's videos as ``root/real/NAME.mp4`` and ``root/fake/NAME_OTHER.mp4``. Returns ``root``."""
    for kind, videos in zip(("real", "fake"), _videos(demo), strict=True):
        (root / kind).mkdir(parents=True)
        for path in videos:
            shutil.copy(path, root / kind)
    return root


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
    count = (pairs * len(parts), 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        return as_dfdc(
            make_demo(Path(folder), pairs=count, frames=frames, size=size, seed=seed, workers=1), root, parts=parts
        )


def _videos(demo: Path) -> tuple[list[Path], list[Path]]:
    found = sorted(demo.rglob("*.mp4"))
    return [path for path in found if "_" not in path.stem], [path for path in found if "_" in path.stem]


def _write_part(folder: Path, videos: Sequence[Path]) -> None:
    folder.mkdir(parents=True)
    entries = {}
    for path in videos:
        shutil.copy(path, folder)
        original = {"original": f"{path.stem.split('_')[0]}.mp4"} if "_" in path.stem else {}
        entries[path.name] = {"label": "FAKE" if original else "REAL", "split": "train", **original}
    (folder / "metadata.json").write_text(json.dumps(entries))


def main() -> None:
    """Fill the folder named on the command line, and print how to train on it."""
    parser = argparse.ArgumentParser(
        prog="python -m dfcore.testing.layouts",
        description="Write made videos in the layouts of FaceForensics++, Celeb-DF and DFDC.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write; made if it is not there")
    top = make_layouts(parser.parse_args().folder).resolve()
    print(
        *(f"export DFCORE_DATASET_{name.upper()}={top / name}" for name in ("faceforensics", "celebdf", "dfdc")),
        sep="\n",
    )
    print("dfcore train cm --chunks present --backbone test_efficientnet --no-pretrained")


if __name__ == "__main__":
    main()
