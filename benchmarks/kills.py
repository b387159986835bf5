"""Fifty SIGKILLs over a stage-4 run in chunks: every resume must end as the unbroken run did, bit for bit.

    python benchmarks/kills.py [--kills 50] [--seed 0]

Made videos in DFDC's layout, two chunks of two epochs, one optimiser step a checkpoint, the clips of a finished chunk
dropped. Each kill takes the whole process group, and waits for one of:

- a random time after the start (start-up, preparing, steps, validation, a change of chunks: whatever it meets);
- a checkpoint, plot or log being written (its temporary file is there);
- a clip file being written into the store.

A run that is killed is resumed, and killed again, up to four times; then it may end, is compared, and a new one begins.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from dfcore.testing.layouts import make_parts

OPTIONS = (
    "--backbone test_efficientnet --no-pretrained --from-scratch --chunks 9,0 --keep-chunks 1 --batch-size 2 "
    "--set data.samples_per_video=1 --set data.eval_samples=1 --set data.workers=0 --set run.save_every=1"
)
RESUMES = 4
"""Kills of one run before it may end."""


def start(parts: Path, out: Path) -> subprocess.Popen[bytes]:
    command = ["train", "cm", "--stage", "4", "--data", str(parts), "--out", str(out), "--resume", *OPTIONS.split()]
    log = (out.parent / f"{out.name}.txt").open("ab")
    return subprocess.Popen([sys.executable, "-m", "dfcore", *command], stdout=log, stderr=log, start_new_session=True)


def writing(folder: Path) -> bool:
    return folder.is_dir() and any(path.name.startswith(".") for path in folder.rglob(".*"))


def wait(process: subprocess.Popen[bytes], out: Path, kind: str, delay: float) -> bool:
    """Wait for the moment of the kill; False where the run ended before it came."""
    begun = time.monotonic()
    watched = {"checkpoint": out / "cm_stage4", "clip": out / "store"}.get(kind)
    while process.poll() is None:
        late = time.monotonic() - begun >= delay
        if late and (watched is None or writing(watched)):
            return True
        time.sleep(0.0005 if watched else 0.02)
    return False


def outcome(out: Path) -> dict[str, Any]:
    last = torch.load(out / "cm_stage4/last.pt", weights_only=True)
    final = torch.load(out / "cm_stage4/cm_stage4_final.pt", weights_only=True)["state_dict"]
    history = [{key: value for key, value in line.items() if key != "seconds"} for line in last["history"]]
    return {"history": repr(history), "weights": final, "optimiser": last["optimiser"], "rng": last["rng"]}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), chosen.kills, random.Random(chosen.seed))


def run(base: Path, wanted: int, rng: random.Random) -> None:
    parts = make_parts(base / "dfdc", parts=(0, 45, 49))
    begun = time.monotonic()
    require(start(parts, base / "unbroken").wait() == 0, base / "unbroken")
    whole, expected = time.monotonic() - begun, outcome(base / "unbroken")
    print(f"the unbroken run: {whole:.1f} s", flush=True)
    kills, runs, here, out = Counter[str](), 0, 0, base / "run0"
    while True:
        process = start(parts, out)
        may_end = here == RESUMES or kills.total() == wanted
        kind = rng.choice(("time", "time", "checkpoint", "clip"))
        delay = rng.uniform(0, whole * (1 if kind == "time" else 0.6))
        if not may_end and wait(process, out, kind, delay):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills[kind] += 1
            here += 1
            continue
        require(process.wait() == 0, out)
        require(same(outcome(out), expected), out)
        runs, here = runs + 1, 0
        print(f"run {runs}: the same after {kills.total()} kills so far ({dict(kills)})", flush=True)
        shutil.rmtree(out)
        if kills.total() == wanted:
            print(f"{wanted} kills, {runs} runs: every one ended bit for bit as the unbroken run")
            return
        out = base / f"run{runs}"


def require(true: bool, out: Path) -> None:
    if not true:
        said = (out.parent / f"{out.name}.txt").read_text()
        raise SystemExit(f"{out.name} ended otherwise:\n{said[-3000:]}")


if __name__ == "__main__":
    main()
