"""What a user of the recipe does, small: trained on two processes, calibrated, joined, explained."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

import dfcore
from dfcore.testing.demo import make_demo

RUN = Path(__file__).parents[1] / "helpers" / "watched_run.py"
TWO = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(RUN))
SMALL = {
    "model.backbone": "test_vit",
    "model.pretrained": False,
    "model.image_size": 112,
    "model.backbone_input_size": 112,
    "stage.batch_size": 4,
    "stage.epochs": 1,
    "data.samples_per_video": 2,
    "data.eval_samples": 1,
    "data.workers": 0,
}
Batch = list[tuple[str, str, int]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten real and ten fake validation videos: the fewest that are calibrated."""
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    return make_demo(tmp_path_factory.mktemp("demo") / "data", pairs=(2, 5, 1), frames=8, size=256, workers=1)


def trained_by_two(demo: Path, runs: Path, notes: Path) -> tuple[str, list[list[Batch]]]:
    """What was said, and the batches of each process."""
    notes.mkdir()
    arguments = ["train", "cm", "--stage", "1", "--recipe", "record", "--data", str(demo), "--out", str(runs)]
    sets = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    env = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([*TWO, str(notes), *arguments, *sets], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, [json.loads((notes / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def check_pairs(both: list[list[Batch]]) -> None:
    """Each fake sample came once, on one of the processes, with its original in its batch."""
    assert [len(batches) for batches in both] == [2, 2]
    whole = [batch for batches in both for batch in batches]
    assert [[label for *_, label in batch] for batch in whole] == [[1, 0, 1, 0]] * 4
    pairs = [(batch[place], batch[place + 1]) for batch in whole for place in (0, 2)]
    assert all(original == real for (_, original, _), (real, *_) in pairs)
    assert sorted(Counter(fake for (fake, *_), _ in pairs).values()) == [2] * 4


@pytest.mark.slow
def test_trained_on_two_processes_calibrated_joined_and_explained(demo: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    said, both = trained_by_two(demo, runs, tmp_path / "notes")
    assert "set otherwise: model.backbone=test_vit" in said
    assert "steps      2 in 1 epoch; batch 4 on each of 2 processes" in said
    check_pairs(both)

    config = dfcore.configure("rr", stage=1, recipe="record", data=demo, out=runs, set=SMALL)
    assert torch.load(dfcore.train(config).final, weights_only=True)["specialist"] == "rr"
    calibrated = dfcore.calibrate([runs], alpha=0.1)
    for one in calibrated:
        assert (one.calibration.n_real, one.calibration.n_fake, one.calibration.coverage) == (10, 10, 1.0)
        assert one.calibration.rules.calibration.note is None
    ensemble = dfcore.Ensemble.fit([runs], alpha=0.1)
    ensemble.save(runs / "ensemble.json")

    video = min((demo / "manipulated_sequences").glob("*/c23/videos/*.mp4"))
    (found,) = dfcore.explain(video, models=runs, isolate=False)
    (person,) = found.explanation.people
    assert person.specialists.keys() == {"cm", "rr"}
    for why in person.specialists.values():
        face, cue_map = why.regions
        assert (face.on, cue_map.on) == ("face", "cue map")
        assert all(math.isfinite(cue.effect) for cue in why.cues)
        assert len({effect for row in face.effects for effect in row}) > 20  # cells differ: tokens lie as a map
