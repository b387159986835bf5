"""The main job, as a user types it: made data, training, a verdict; and what a user gets wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dfcore.testing.demo import make_demo

TINY = (
    "--backbone",
    "test_efficientnet",
    "--epochs",
    "1",
    "--set",
    "data.samples_per_video=1",
    "--set",
    "data.workers=0",
)


def dfcore(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, and check its exit code."""
    command = [sys.executable, "-m", "dfcore", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo") / "data", pairs=(2, 1, 1), frames=10, size=256, workers=1)


@pytest.fixture(scope="module")
def trained(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("runs")
    done = dfcore("train", "cm", "--stage", "1", "--data", demo, "--no-pretrained", "--out", out, *TINY)
    return out, done.stdout


def test_training_ends_with_weights_a_plot_and_metrics(trained: tuple[Path, str]) -> None:
    out, said = trained
    run = out / "cm_stage1"
    content = torch.load(run / "cm_stage1_final.pt", weights_only=True)
    assert content["specialist"] == "cm"
    assert content["stage"] == 1
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert any("val" in line for line in epochs)
    assert "curves.png" in said
    assert "cm_stage1_final.pt" in said


@pytest.mark.slow
def test_verdicts_on_good_and_bad_files(trained: tuple[Path, str], demo: Path, tmp_path: Path) -> None:
    out, _ = trained
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("not a video")
    empty.write_bytes(b"")
    video = next((demo / "original_sequences/youtube/c23/videos").glob("*.mp4"))
    done = dfcore("predict", video, text, empty, tmp_path / "absent.mp4", "--models", out, "--json", code=4)
    verdicts = json.loads(done.stdout)
    (first,) = (verdict for verdict in verdicts if verdict["path"] == str(video))
    others = [verdict for verdict in verdicts if verdict is not first]
    assert [verdict["verdict"] for verdict in others] == ["none"] * 3
    assert all(verdict["reason"] for verdict in others)
    assert len({verdict["reason"].replace(verdict["path"], "") for verdict in others}) == 3
    assert 0 <= first["score"] <= 1
    assert first["score"] == max(person["score"] for person in first["people"])
    assert set(first["people"][0]["specialists"]) == {"cm"}
    assert first["verdict"] == "uncertain"  # so few validation videos promise nothing
    said = dfcore("predict", video, "--models", out).stdout
    assert "cm: stage 1, trained on" in said


@pytest.mark.slow
def test_a_finished_run_is_not_overwritten(trained: tuple[Path, str], demo: Path) -> None:
    out, _ = trained
    arguments = ("train", "cm", "--stage", "1", "--data", demo, "--no-pretrained", "--out", out, *TINY)
    weights = (out / "cm_stage1" / "cm_stage1_final.pt").read_bytes()
    error = dfcore(*arguments, code=6).stderr
    assert "--overwrite" in error
    assert "finished" in dfcore(*arguments, "--resume").stdout
    assert (out / "cm_stage1" / "cm_stage1_final.pt").read_bytes() == weights


def test_predict_without_models_says_how_to_get_one(tmp_path: Path) -> None:
    assert "dfcore train cm" in dfcore("predict", "x.mp4", "--models", tmp_path, code=5).stderr


def test_without_network_or_weights_it_never_starts_at_random_silently(demo: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub"), "TORCH_HOME": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "dfcore",
        "train",
        "cm",
        "--stage",
        "1",
        "--data",
        str(demo),
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run([*command, *TINY], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "--no-pretrained" in done.stderr
    assert "--backbone-weights" in done.stderr


@pytest.mark.slow
def test_prepare_reports_and_reuses(demo: Path, tmp_path: Path) -> None:
    arguments = ("prepare", "cm", "--data", demo, "--store", tmp_path / "store", "--workers", "1")
    arguments = (*arguments, "--set", "data.limit=1")
    assert "6 prepared, 0 there already" in dfcore(*arguments).stdout
    assert "0 prepared, 6 there already" in dfcore(*arguments).stdout
