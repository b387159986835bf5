"""``torchrun ... -m dfcore train``, as a user types it: the stage in chunks on two processes, killed and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from dfcore.testing.layouts import make_parts

TINY = "--backbone test_efficientnet --no-pretrained --from-scratch --epochs 1 --batch-size 2 --chunks present"
SETS = "--set data.eval_samples=1 --set data.samples_per_video=2 --set data.workers=0 --set run.save_every=1"
TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
KILLED = Path(__file__).parents[1] / "helpers" / "killed_run.py"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    return make_parts(tmp_path_factory.mktemp("parts") / "dfdc", parts=(0, 45, 49), pairs=1, frames=10, size=256)


def train(parts: Path, out: Path, *more: str, launcher: tuple[str, ...] = TWO, kill: str = "") -> tuple[int, str]:
    """The exit code, and all that was said."""
    what = (str(KILLED), kill) if kill else ("-m", "dfcore")
    arguments = ["train", "cm", "--stage", "4", "--data", str(parts), "--out", str(out), "--keep-chunks", "1"]
    command = [sys.executable, *launcher, *what, *arguments, *TINY.split(), *SETS.split(), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"})
    return done.returncode, done.stdout + done.stderr


def outcome(out: Path) -> dict[str, Any]:
    last = torch.load(out / "cm_stage4/last.pt", weights_only=True)
    weights = torch.load(out / "cm_stage4/cm_stage4_final.pt", weights_only=True)["state_dict"]
    history = [{key: value for key, value in line.items() if key != "seconds"} for line in last["history"]]
    calibration = (out / "cm_stage4/cm_stage4_calibration.json").read_bytes()
    return {"history": history, "weights": weights, "calibration": calibration}


@pytest.mark.slow
def test_chunks_on_two_processes_killed_and_resumed_end_as_unbroken_ones(parts: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code, said = train(parts, whole)
    assert code == 0, said
    assert said.count("shared among 2 processes") == 2
    stored = {path.parent.name for path in (whole / "store").rglob("*.safetensors")}
    assert stored == {"dfdc_train_part_0", "dfdc_train_part_49"}  # the finished chunk is dropped, validation stays

    code, said = train(parts, broken, kill="step:3")  # both at once, in the second chunk
    assert code == 1, said
    assert f"exitcode  : {-signal.SIGKILL}" in said
    code, said = train(parts, broken, "--resume", launcher=())
    assert code == 6, said
    assert "processes (was 2, is 1)" in said
    code, said = train(parts, broken, "--resume")
    assert code == 0, said
    assert "resuming   at step 2 of 4, 1 of 2 epochs finished" in said

    one, two = outcome(whole), outcome(broken)
    assert one["history"] == two["history"]
    assert one["calibration"] == two["calibration"]
    assert all(torch.equal(two["weights"][name], value) for name, value in one["weights"].items())
