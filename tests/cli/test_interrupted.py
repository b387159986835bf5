"""Commands as a user types them that are stopped by Ctrl-C, or have another one beside them: nothing done is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dfcore.testing.demo import make_demo
from dfcore.testing.media import tone, write_video

pytestmark = pytest.mark.slow
HELPERS = Path(__file__).parents[1] / "helpers"
TINY = "--backbone test_efficientnet --no-pretrained --epochs 2 --batch-size 4"
SETS = "--set data.samples_per_video=1 --set data.eval_samples=1 --set data.workers=0"


def dfcore(*arguments: object, at: str = "") -> tuple[int, str]:
    """The exit code and all that was said; ``at`` as in ``killed_run.py``."""
    script = [str(HELPERS / "killed_run.py"), at] if at else ["-m", "dfcore"]
    done = subprocess.run(
        [sys.executable, *script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo") / "data", pairs=(2, 1, 1), frames=10, size=256, workers=1)


@pytest.fixture(scope="module")
def store(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared, so that not every run begins with that."""
    folder = tmp_path_factory.mktemp("prepared") / "store"
    code, said = dfcore("prepare", "cm", "--data", data, "--store", folder, "--workers", 1)
    assert code == 0, said
    return folder


def training(data: Path, store: Path, out: Path) -> list[object]:
    given = ("--data", data, "--store", store, "--out", out)
    return ["train", "cm", "--stage", 1, *given, *TINY.split(), *SETS.split()]


@pytest.fixture(scope="module")
def whole(data: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing befell."""
    out = tmp_path_factory.mktemp("whole")
    code, said = dfcore(*training(data, store, out))
    assert code == 0, said
    return out


def outcome(out: Path) -> dict[str, Any]:
    """What training came to, of all that does not tell the time."""
    folder = out / "cm_stage1"
    last = torch.load(folder / "last.pt", weights_only=True)
    final = torch.load(folder / "cm_stage1_final.pt", weights_only=True)["state_dict"]
    return {
        "history": [{key: value for key, value in line.items() if key != "seconds"} for line in last["history"]],
        "final": {name: value.tolist() for name, value in final.items()},
        "calibration": (folder / "cm_stage1_calibration.json").read_bytes(),
    }


@pytest.mark.parametrize("place", ["prepared:3", "step:1"])
def test_training_that_is_interrupted_ends_as_if_it_had_not_been(
    data: Path, store: Path, whole: Path, tmp_path: Path, place: str
) -> None:
    own = tmp_path / "store" if place.startswith("prepared") else store
    code, said = dfcore(*training(data, own, tmp_path), at=f"{place}:INT")
    assert code == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "cm_stage1" / "cm_stage1_final.pt").exists()
    code, said = dfcore(*training(data, own, tmp_path), "--resume")
    assert code == 0, said
    assert outcome(tmp_path) == outcome(whole)


def test_an_evaluation_that_is_interrupted_keeps_its_scores_and_goes_on(whole: Path, tmp_path: Path) -> None:
    def evaluating(out: Path) -> list[object]:
        given = ("--out", out, "--draws", 50, "--no-plots", "--split", "val", "--no-control")
        return ["evaluate", whole / "cm_stage1", *given]

    def scores(out: Path) -> list[str]:
        (found,) = (out / "evaluations").glob("*/scores/cm_stage1.jsonl")
        return found.read_text().splitlines()

    def report(out: Path) -> dict[str, Any]:
        (found,) = (out / "evaluations").glob("*/evaluation.json")
        return dict(json.loads(found.read_text()))["detectors"]

    code, said = dfcore(*evaluating(tmp_path / "one"))
    assert code == 0, said
    code, said = dfcore(*evaluating(tmp_path / "two"), at="scored:2:INT")
    assert code == 130, said
    assert "Traceback" not in said
    kept = scores(tmp_path / "two")
    assert kept == scores(tmp_path / "one")[:3]  # what they were made with, and two videos
    code, said = dfcore(*evaluating(tmp_path / "two"), "--resume")
    assert code == 0, said
    assert scores(tmp_path / "two")[:3] == kept
    assert sorted(scores(tmp_path / "two")) == sorted(scores(tmp_path / "one"))
    assert report(tmp_path / "two") == report(tmp_path / "one")


def test_pruning_beside_a_run_that_trains_leaves_it_alone(data: Path, store: Path, whole: Path, tmp_path: Path) -> None:
    prune = ["runs", "prune", "--out", tmp_path, "--keep", 0, "--unfinished", "--final", "--stores", "--yes"]
    own = tmp_path / "store" / "demo"
    code, said = dfcore("prepare", "cm", "--data", data, "--store", own, "--workers", 1)
    assert code == 0, said
    code, said = dfcore(*prune, "--", *training(data, own, tmp_path), "--set", "run.save_every=1", at="step:3:--")
    assert code == 0, said
    assert "cm_stage1 is in use by process" in said
    assert f"clip store {own} is in use by" in said
    assert "There is nothing to delete." in said
    assert outcome(tmp_path) == outcome(whole)
    code, said = dfcore(*prune)  # afterwards it may all go
    assert code == 0, said
    assert not own.exists()
    assert not list((tmp_path / "cm_stage1").glob("*.pt"))


def folder_of_videos(root: Path, count: int) -> Path:
    first = write_video(root / "first.mp4", width=256, height=256, frames=25, audio=tone(1.0))
    for number in range(count):
        place = root / "data" / ("real", "fake")[number % 2] / f"v{number:02d}.mp4"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(first.read_bytes())
    return root / "data"


def content(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_two_specialists_prepared_at_once_come_to_what_they_come_to_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")]))
    videos = folder_of_videos(tmp_path, 10)
    at_once, in_turn = tmp_path / "at_once", tmp_path / "in_turn"

    def command(specialist: str, store: Path) -> list[str]:
        given = ("--dataset", "folder", "--data", videos, "--store", store, "--workers", 1)
        detector = ("--set", "data.detector=fake_parts:FixedFace")
        return [sys.executable, "-m", "dfcore", "prepare", specialist, *map(str, given), *detector]

    both = [subprocess.Popen(command(name, at_once), stdout=subprocess.DEVNULL) for name in ("cm", "av")]
    assert [process.wait() for process in both] == [0, 0]
    # A longer clip takes the shorter one's place, and the evidence of that goes with it: so once more for each.
    for store in (in_turn, in_turn, at_once):
        for name in ("av", "cm"):
            subprocess.run(command(name, store), check=True, stdout=subprocess.DEVNULL)
    assert len([name for name in content(at_once) if name.endswith(".safetensors")]) == 20
    assert content(at_once) == content(in_turn)
    done = subprocess.run([sys.executable, "-m", "dfcore", "store", "verify", str(at_once)], check=False)
    assert done.returncode == 0
