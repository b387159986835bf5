"""The SLURM script, with made commands in place of the cluster's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dfcore.cli.train import command as train

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "slurm.sbatch"
COMMANDS = {
    "scontrol": 'if [ "$1" = show ]; then printf "node7\\nnode8\\n"; else echo "scontrol $*" >> log; fi',
    "scancel": 'echo "scancel $*" >> log; touch stop',
    "srun": 'for word in "$@"; do echo "$word"; done > arguments; touch begun\n'
    "while [ ! -e stop ]; do sleep 0.02; done; exit $(cat stop | wc -w)",
}


pytestmark = pytest.mark.skipif(os.name == "nt", reason="no bash")


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder with the cluster's commands; the step ends once ``stop`` is there, with the number of its words."""
    for name, body in COMMANDS.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
    return tmp_path


def submit(cluster: Path, *arguments: str) -> subprocess.Popen[bytes]:
    slurm = {"SLURM_JOB_ID": "77", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "node[7-8]", "SLURM_GPUS_ON_NODE": "4"}
    env = {**os.environ, **slurm, "PATH": f"{cluster / 'bin'}:{os.environ['PATH']}"}
    return subprocess.Popen(["bash", str(SCRIPT), *arguments], cwd=cluster, env=env)


def log(cluster: Path) -> list[str]:
    path = cluster / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_the_shell_accepts_it_and_the_options_are_of_one_form() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    options = re.findall(r"^#SBATCH (.*)$", SCRIPT.read_text(), re.MULTILINE)
    assert len(options) == 10
    assert all(re.fullmatch(r"--[a-z-]+(=\S+)?", option) for option in options), options
    assert "--signal=B:USR1@180" in options
    assert "--requeue" in options


@pytest.mark.parametrize("more", [(), ("rr", "--stage", "1", "--epochs", "2")])
def test_its_options_exist(cluster: Path, more: tuple[str, ...]) -> None:
    (cluster / "stop").touch()
    assert submit(cluster, *more).wait(30) == 0
    words = (cluster / "arguments").read_text().splitlines()
    assert words[:2] == ["--kill-on-bad-exit=1", "torchrun"]
    parse = "from torch.distributed.run import get_args_parser as p; import sys, json; "
    parse += "print(json.dumps(vars(p().parse_args(sys.argv[1:]))))"
    done = subprocess.run([sys.executable, "-c", parse, *words[2:]], capture_output=True, text=True, check=True)
    for found in ('"nnodes": "2"', '"nproc_per_node": "4"', '"rdzv_endpoint": "node7:29500"', '"module": true'):
        assert found in done.stdout
    rest = words[words.index("train") + 1 :]
    context = train.make_context("train", rest)
    assert context.params["resume"]
    assert context.params["specialist"] == (more or ("cm",))[0]
    assert context.params["stage"] == (1 if more else None)


def test_before_its_time_is_up_it_stops_the_processes_and_goes_back_into_the_queue(cluster: Path) -> None:
    job = submit(cluster, "cm")
    begun = time.monotonic()
    while not (cluster / "begun").exists():
        assert time.monotonic() - begun < 30
        time.sleep(0.02)
    (cluster / "bin" / "scancel").write_text('#!/bin/bash\necho "scancel $*" >> log; echo stopped > stop\n')
    job.send_signal(signal.SIGUSR1)
    assert job.wait(30) == 1
    assert log(cluster) == ["scancel --signal=TERM 77", "scontrol requeue 77"]


def test_what_ends_by_itself_stays_out_of_the_queue(cluster: Path) -> None:
    (cluster / "stop").write_text("an error of four words")
    assert submit(cluster, "cm").wait(30) == 5
    assert log(cluster) == []
