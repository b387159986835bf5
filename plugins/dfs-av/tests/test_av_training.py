"""Training on real talking videos: the audio part learns, from moved voices too, and what share had audio is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dfcore.data.prepare.footage import write_footage
from dfcore.testing.speech import made_footage

OPTIONS = (
    "--backbone test_efficientnet --no-pretrained --epochs 1 --batch-size 4 --set data.samples_per_video=1 "
    "--set data.eval_samples=1 --set data.workers=0"
)


@pytest.mark.slow
def test_stage_0_on_two_who_talk_and_a_silent_video(tmp_path: Path) -> None:
    footage = tmp_path / "footage"
    footage.mkdir()
    for number in range(3):
        made = made_footage(number, frames=64, size=160)
        write_footage(replace(made, audio=None) if number == 2 else made, footage / f"{number}.mp4")
    command = [sys.executable, "-m", "dfcore", "train", "av", "--stage", "0", "--data", str(footage)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out"), *OPTIONS.split()],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "videos have audio (100%)" in done.stdout
    failed = next((tmp_path / "out/store").rglob("failed.jsonl")).read_text()
    assert "its audio is missing" in failed
    run = tmp_path / "out/av_stage0"
    audio = torch.load(run / "av_stage0_final.pt", weights_only=True)["audio"]
    assert audio["with_audio"] == audio["videos"] > 0
    assert audio["share"] == 1
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (epoch,) = [line for line in lines if line["kind"] == "epoch"]
    assert epoch["audio"] == {"videos": audio["videos"], "with_audio": audio["videos"]}
    # 0.3 of the towers' own loss, about 2 ln 31 untaught, lies beside the classifier's and the cue head's.
    beside = next(line["loss"] for line in lines if line["kind"] == "train") - 1.3 * epoch["train"]["loss"]
    assert beside > 1
