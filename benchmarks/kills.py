"""Fifty SIGKILLs each over train, prepare and predict: what is resumed must end as what nobody killed.

    python benchmarks/kills.py [train|prepare|predict ...] [--kills 50] [--seed 0] [--models DIR]

- ``train``: a stage-4 run in chunks, made videos in DFDC's layout, one optimiser step a checkpoint, the clips of a
  finished chunk dropped. The weights, the optimiser, the history and the generators must be the same, bit for bit.
- ``prepare``: a clip store with evidence, by two worker processes, a broken video among the files. Every file of the
  store must have the same bytes (of ``failed.jsonl`` all but the times).
- ``predict``: verdicts on a folder, with ``--jsonl``, ``--csv`` and ``--resume``. Both files must have the same bytes.

Each kill takes the whole process group, and waits for one of:

- a random time after the start (start-up, preparing, steps, validation, a change of chunks: whatever it meets);
- a file being written (its temporary file is there), or, in predict, a result that was just appended.

What is killed is resumed, and killed again, up to four times; then it may end, is compared, and a new one begins.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dfcore.filesystem.owner import TEMPORARY_SUFFIX
from dfcore.testing.demo import make_demo
from dfcore.testing.layouts import make_parts
from dfcore.testing.media import write_broken

RESUMES = 4
"""Kills of one run before it may end."""
FILES = 5
"""Videos that are judged, beside a broken one: most of the time goes into starting anyway."""
SMALL = (
    "--backbone test_efficientnet --no-pretrained --batch-size 2 --set data.samples_per_video=1 "
    "--set data.eval_samples=1 --set data.workers=0"
)


@dataclass(frozen=True)
class Victim:
    """A command that is killed.

    Attributes:
        command: the arguments of ``dfcore``, for a folder to write to.
        outcome: what must be the same, from that folder.
        same: whether two outcomes are.
        moments: kinds of moments to wait for, each with what tells, for the folder, that it has come.
        codes: exit codes of a good end.
    """

    command: Callable[[Path], list[str]]
    outcome: Callable[[Path], Any]
    same: Callable[[Any, Any], bool]
    moments: dict[str, Callable[[Path], Callable[[], bool]]]
    codes: tuple[int, ...] = (0,)


def training(base: Path, _: Path | None) -> Victim:
    parts = make_parts(base / "dfdc", parts=(0, 45, 49))
    more = f"--from-scratch --chunks 9,0 --keep-chunks 1 --set run.save_every=1 {SMALL}".split()
    return Victim(
        lambda out: ["train", "cm", "--stage", "4", "--data", str(parts), "--out", str(out), "--resume", *more],
        weights,
        same_tensors,
        {"checkpoint": lambda out: writing(out / "cm_stage4"), "clip": lambda out: writing(out / "store")},
    )


def preparing(base: Path, _: Path | None) -> Victim:
    demo = make_demo(base / "demo", pairs=(2, 1, 1), frames=16, size=192)
    write_broken(next(demo.rglob("original_sequences/**/*.mp4")), "text")
    return Victim(
        lambda out: ["prepare", "cm", "--data", str(demo), "--store", str(out / "store"), "--workers", "2"],
        store_content,
        lambda a, b: bool(a == b),
        {"clip": lambda out: writing(out / "store"), "index": lambda out: growing(out / "store" / "index.jsonl")},
    )


def predicting(base: Path, models: Path | None) -> Victim:
    demo = make_demo(base / "demo", pairs=(1, 1, 1), frames=16, size=192)
    trained = models or train_one(base, demo)
    judged = base / "judged"
    judged.mkdir()
    for number, video in enumerate(sorted(demo.rglob("*.mp4"))[:FILES]):
        shutil.copy(video, judged / f"{number}.mp4")
    write_broken(judged / "broken.mp4", "text")
    return Victim(
        lambda out: ["predict", str(judged), "--models", str(trained), "--resume", *files_of(out)],
        lambda out: [(out / name).read_bytes() for name in ("found.jsonl", "found.csv")],
        lambda a, b: bool(a == b),
        {"line": lambda out: growing(out / "found.jsonl"), "row": lambda out: growing(out / "found.csv")},
        (0, 4),
    )


VICTIMS = {"train": training, "prepare": preparing, "predict": predicting}


def files_of(out: Path) -> list[str]:
    return ["--jsonl", str(out / "found.jsonl"), "--csv", str(out / "found.csv")]


def train_one(base: Path, demo: Path) -> Path:
    """Weights of a small specialist that was trained for an epoch."""
    command = f"train cm --stage 1 --data {demo} --out {base / 'trained'} --epochs 1 --from-scratch {SMALL}"
    require(start(command.split(), base / "trained").wait() == 0, base / "trained")
    return base / "trained"


# -- outcomes --------------------------------------------------------------------------------------------------------


def weights(out: Path) -> dict[str, Any]:
    last = torch.load(out / "cm_stage4/last.pt", weights_only=True)
    final = torch.load(out / "cm_stage4/cm_stage4_final.pt", weights_only=True)["state_dict"]
    history = [{key: value for key, value in line.items() if key != "seconds"} for line in last["history"]]
    return {"history": repr(history), "weights": final, "optimiser": last["optimiser"], "rng": last["rng"]}


def same_tensors(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_tensors(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_tensors, a, b))
    return bool(a == b)


def store_content(out: Path) -> dict[str, Any]:
    store = out / "store"
    found: dict[str, Any] = {
        str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()
    }
    failures = [json.loads(line) for line in found.pop("failed.jsonl").splitlines()]
    return {**found, "failed.jsonl": [{**line, "time": "", "checksum": 0} for line in failures]}


# -- killing ---------------------------------------------------------------------------------------------------------


def start(command: list[str], out: Path) -> subprocess.Popen[bytes]:
    out.mkdir(parents=True, exist_ok=True)
    log = (out.parent / f"{out.name}.txt").open("ab")
    return subprocess.Popen([sys.executable, "-m", "dfcore", *command], stdout=log, stderr=log, start_new_session=True)


def writing(folder: Path) -> Callable[[], bool]:
    """Whether a temporary file is there."""
    return lambda: folder.is_dir() and any(path.name.endswith(TEMPORARY_SUFFIX) for path in folder.rglob(".*"))


def growing(path: Path) -> Callable[[], bool]:
    """Whether a file is larger than it was when this was first asked."""
    sizes = list[int]()

    def grown() -> bool:
        sizes.append(path.stat().st_size if path.exists() else 0)
        return sizes[-1] > sizes[0]

    return grown


def wait(process: subprocess.Popen[bytes], come: Callable[[], bool] | None, delay: float) -> bool:
    """Wait for the moment of the kill; False where the command ended before it came."""
    begun = time.monotonic()
    while process.poll() is None:
        late = time.monotonic() - begun >= delay
        if late and (come is None or come()):
            return True
        time.sleep(0.02 if come is None else 0.0005)
    return False


def run(name: str, base: Path, wanted: int, rng: random.Random, models: Path | None = None) -> tuple[int, int]:
    """Kill ``wanted`` times; how many ended by themselves, and the kills of the worst of them.

    Raises:
        SystemExit: one ended otherwise than the unbroken one.
    """
    victim = VICTIMS[name](base, models)
    begun = time.monotonic()
    unbroken = base / "unbroken"
    require(start(victim.command(unbroken), unbroken).wait() in victim.codes, unbroken)
    whole, expected = time.monotonic() - begun, victim.outcome(unbroken)
    print(f"{name}, nobody killing it: {whole:.1f} s", flush=True)
    kills, runs, here, worst, out = Counter[str](), 0, 0, 0, base / "run0"
    while True:
        process = start(victim.command(out), out)
        may_end = here == RESUMES or kills.total() == wanted
        kind = rng.choice(("time", "time", *victim.moments))
        come = victim.moments[kind](out) if kind in victim.moments else None
        if not may_end and wait(process, come, rng.uniform(0, whole * (0.6 if come else 1))):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills[kind] += 1
            here += 1
            continue
        require(process.wait() in victim.codes, out)
        require(victim.same(victim.outcome(out), expected), out)
        runs, here, worst = runs + 1, 0, max(worst, here)
        print(f"{name} {runs}: the same after {kills.total()} kills so far ({dict(kills)})", flush=True)
        shutil.rmtree(out)
        if kills.total() == wanted:
            print(f"{name}: {wanted} kills, {runs} ended: every one as the unbroken one", flush=True)
            return runs, worst
        out = base / f"run{runs}"


def require(true: bool, out: Path) -> None:
    if not true:
        said = (out.parent / f"{out.name}.txt").read_text()
        raise SystemExit(f"{out.name} ended otherwise:\n{said[-3000:]}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("commands", nargs="*", metavar="train|prepare|predict", default=list(VICTIMS))
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--models", type=Path, help="Weights for predict; trained now where none are given.")
    chosen = options.parse_args()
    for name in chosen.commands:
        if name not in VICTIMS:
            options.error(f"{name!r} is none of {', '.join(VICTIMS)}")
        with tempfile.TemporaryDirectory() as folder:
            run(name, Path(folder), chosen.kills, random.Random(chosen.seed), chosen.models)


if __name__ == "__main__":
    main()
