"""The SLURM array that prepares a store, run with programs that stand in for `dfcore` and `scontrol`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "prepare.sbatch"


def run(folder: Path, code: int) -> tuple[int, list[str]]:
    for name, exit_code in (("dfcore", code), ("scontrol", 0)):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/called\nexit {exit_code}\n')
        program.chmod(0o755)
    about = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "16", "SLURM_ARRAY_JOB_ID": "77"}
    env = {**os.environ, **about, "PATH": f"{folder}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "8"}
    env |= {"DFCORE_STORE": "/shared/store", "DFCORE_TIME_LIMIT": "2h"}
    command = ["bash", str(SCRIPT), "cm", "rr", "--dataset", "dfdc"]
    done = subprocess.run(command, env=env, check=False, timeout=60)
    return done.returncode, (folder / "called").read_text().splitlines()


@pytest.mark.parametrize(("code", "again"), [(0, False), (75, True), (4, False)])
def test_a_task_takes_its_share_and_goes_back_into_the_queue_at_the_time_limit(
    tmp_path: Path, code: int, again: bool
) -> None:
    ended, called = run(tmp_path, code)
    assert ended == code
    assert called[0] == (
        "dfcore prepare cm rr --dataset dfdc --store /shared/store --workers 8 --shard 3/16 --time-limit 2h"
    )
    assert called[1:] == (["scontrol requeue 77_3"] if again else [])
