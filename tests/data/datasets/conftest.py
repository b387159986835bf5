"""Made copies of datasets: empty files, for only names matter."""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path

import pytest

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
SCENES = ("exit_phone_room", "kitchen_pan", "talking_against_wall", "walk_down_hall_angry", "podium_speech_happy")


def touch(root: Path, *names: str) -> Path:
    """Empty files; by few system calls, since whole datasets are made so."""
    folders = set[str]()
    for name in names:
        path = f"{root}/{name}"
        folder = path.rpartition("/")[0]
        if folder not in folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            folders.add(folder)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    return root


@pytest.fixture(scope="session")
def official_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole of c23, DeepFakeDetection included: 9,431 empty files, made in no particular order."""
    from dfcore.data.datasets.faceforensics_names import official_pairs

    root = tmp_path_factory.mktemp("official")
    pairs = [pair for split in ("test", "train", "val") for pair in official_pairs(split)]
    both = [*pairs, *((b, a) for a, b in pairs)]
    actors = [f"{actor:02d}" for actor in range(1, 29)]
    reals = [f"{actor}__{scene}_{take}" for take in "abc" for scene in SCENES for actor in actors][:363]
    swaps = [f"{a}_{b}__{scene}__AB12CD3{n}" for n, scene in enumerate(SCENES * 2) for a, b in permutations(actors, 2)]
    touch(root / "original_sequences/youtube/c23/videos", *(f"{video}.mp4" for pair in pairs for video in pair))
    touch(root / "original_sequences/actors/c23/videos", *(f"{name}.mp4" for name in reals))
    for method in METHODS:
        touch(root / "manipulated_sequences" / method / "c23/videos", *(f"{a}_{b}.mp4" for a, b in both))
    touch(root / "manipulated_sequences/DeepFakeDetection/c23/videos", *(f"{name}.mp4" for name in swaps[:3068]))
    return root
