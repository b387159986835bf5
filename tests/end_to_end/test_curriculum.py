"""The curriculum 1, 2, 4 on made footage in the three datasets' own layouts, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dfcore.testing.demo import make_demo
from dfcore.testing.layouts import as_celebdf, as_dfdc

TINY = ("--backbone", "test_efficientnet", "--no-pretrained", "--epochs", "1")
SETS = ("--set", "data.samples_per_video=1", "--set", "data.eval_samples=1", "--set", "data.workers=0")


def dfcore(*arguments: str | Path, code: int = 0, **roots: Path) -> str:
    """Run the command line in a process of its own, check its exit code, and return all that it said."""
    env = {**os.environ, "COLUMNS": "200"} | {f"DFCORE_DATASET_{name.upper()}": str(at) for name, at in roots.items()}
    command = [sys.executable, "-m", "dfcore", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("curriculum")
    demo = make_demo(base / "ff", pairs=(2, 1, 1), frames=10, size=256, workers=1)
    return {"faceforensics": demo, "celebdf": as_celebdf(demo, base / "celeb"), "dfdc": as_dfdc(demo, base / "dfdc")}


@pytest.mark.slow
def test_without_a_stage_the_whole_curriculum_runs_and_goes_on_where_it_was(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    arguments = ("train", "cm", "--out", tmp_path, *TINY, *SETS)
    assert "no real and fake training videos of chunk 9, 8" in dfcore(*arguments, code=4, **roots)
    assert not list(tmp_path.iterdir())  # a chunk that is missing is noticed before stage 1
    dfcore(*arguments, "--stage", "1", **roots)
    arguments = (*arguments, "--chunks", "present")
    first = (tmp_path / "cm_stage1/cm_stage1_final.pt").stat().st_mtime_ns
    dfcore(*arguments, **roots)
    assert (tmp_path / "cm_stage1/cm_stage1_final.pt").stat().st_mtime_ns == first
    for stage, dataset in ((1, "faceforensics"), (2, "celebdf"), (4, "dfdc")):
        run = tmp_path / f"cm_stage{stage}"
        assert torch.load(run / f"cm_stage{stage}_final.pt", weights_only=True)["stage"] == stage
        assert json.loads((run / "config.json").read_text())["config"]["stage"]["dataset"] == dataset
    assert dfcore(*arguments, **roots).count("is finished; nothing was done") == 3


def test_all_data_must_be_there_before_anything_is_trained(roots: dict[str, Path], tmp_path: Path) -> None:
    wrong = {**roots, "dfdc": tmp_path / "nowhere"}
    said = dfcore("train", "cm", "--out", tmp_path / "runs", *TINY, code=2, **wrong)
    assert "stage 4: DFDC in" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_time_limit_is_the_commands_not_the_stages(roots: dict[str, Path], tmp_path: Path) -> None:
    said = dfcore(
        "train", "cm", "--out", tmp_path, *TINY, *SETS, "--chunks", "present", "--time-limit", "1s", code=75, **roots
    )
    assert "the time limit of 1s" in said
    assert "--resume" in said
    assert not (tmp_path / "cm_stage4").exists()


@pytest.mark.parametrize("option", [("--data", "demo"), ("--from", "x.pt"), ("--from-scratch",)])
def test_options_of_one_stage_need_the_stage(option: tuple[str, ...]) -> None:
    assert "say which with --stage N" in dfcore("train", "cm", *option, code=2)
