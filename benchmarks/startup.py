"""How long a command takes until it says something.

    python benchmarks/startup.py                                         # `dfcore --help` and `dfcore plugins`
    python benchmarks/startup.py verdict [VIDEO] [--models RUNS] [--against CHECKOUT] [--rounds 5] [--threads 2]

The first compares with a process that only imports click. The second measures `dfcore predict` on one video: wall
clock until the first verdict is printed, wall clock and processor seconds of the whole command with the processes that
it starts, and peak memory; of one specialist and of five, and of another checkout of dfcore with `--against`. It prints
by how much the scores of the two differ. Without VIDEO one of 10 s in 720p is made, and without RUNS specialists with
random weights (`--backbone`, efficientnet_b4).

All are run in turn, A B C A B C ..., so that a machine whose speed drifts does not favour one; medians are compared.
Processor seconds bear other work on the machine, wall clock does not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parents[1]
DFCORE = str(Path(sys.executable).parent / "dfcore")
COMMANDS = {
    "import click": [sys.executable, "-c", "import click"],
    "dfcore --help": [DFCORE, "--help"],
    "dfcore plugins": [DFCORE, "plugins"],
}
ROUNDS = 15
FIVE = ("av", "bg", "cm", "rr", "tm")


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure_commands() -> None:
    for command in COMMANDS.values():
        seconds(command)  # the first run fills the disk cache
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = median(times["import click"])
    for name, measured in times.items():
        print(f"{name:<16} median {1000 * median(measured):6.1f} ms   x {median(measured) / base:.2f}")


# -- the first verdict ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """One run of ``dfcore predict``: seconds to the first verdict and of all, processor seconds, peak MB, log-odds."""

    first: float
    wall: float
    cpu: float
    memory: float
    margins: Mapping[str, float | None]


def checkout(root: Path) -> dict[str, str]:
    """The environment in which Python finds dfcore and its specialists in a checkout."""
    places = [root, *sorted((root / "plugins").glob("dfs-*"))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


def judge(root: Path, files: Sequence[Path], models: Sequence[Path], more: Sequence[str] = ()) -> Judged:
    """Run ``dfcore predict`` of a checkout once.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-P", "-m", "dfcore", "predict", *map(str, files), "--json", *more]
    for path in models:
        command += ["--models", str(path)]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, env=checkout(root), stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        said, first = b"", 0.0
        while part := os.read(process.stdout.fileno(), 1 << 20):
            said += part
            first = first or (time.perf_counter() - start if b'"verdict"' in said else 0.0)
        _, status, used = os.wait4(process.pid, 0)  # with what the processes that it waited for have used
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{root}: {' '.join(command)} ended with {process.returncode}: {errors.read().decode()}{said!r}")
    return Judged(first, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, margins_of(json.loads(said)))


def margins_of(results: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Each specialist's log-odds of each person of each file."""
    return {
        f"{result['path']} {person['person']} {name}": score["margin"]
        for result in results
        for person in result["people"]
        for name, score in person["specialists"].items()
    }


def difference(one: Mapping[str, float | None], other: Mapping[str, float | None]) -> str:
    """By how much the margins of two runs differ at most, in words."""
    if one.keys() != other.keys() or any((one[key] is None) != (other[key] is None) for key in one):
        return "not of the same people"
    gaps = [abs(value - there) for key, value in one.items() if value is not None and (there := other[key]) is not None]
    return f"{max(gaps):.2g} at most" if gaps else "there are none"


def made_video(folder: Path, length: int = 10) -> Path:
    """A demo person talking for so many seconds, in 720p."""
    from prepare.video import made_video as of_frames

    return of_frames(folder, 25 * length)


def made_models(folder: Path, names: Sequence[str], backbone: str) -> None:
    """Specialists that start at random, each in a folder as a run's."""
    from dfcore.models.factory import create

    for name in names:
        path = folder / f"{name}_stage1" / f"{name}_stage1_final.pt"
        path.parent.mkdir(parents=True)
        create(name, backbone=backbone, pretrained=False, seed=0).eval().save(path)


def runs_of(models: Path, name: str) -> Path:
    """The specialist's folder or file among runs."""
    found = sorted(models.rglob(f"{name}_stage*_final.pt"))
    if not found:
        sys.exit(f"{models} holds no {name}_stage*_final.pt")
    return found[-1]


def measure_verdict(given: argparse.Namespace) -> None:
    if given.threads:
        os.environ["OMP_NUM_THREADS"] = str(given.threads)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models = given.models or folder / "runs"
        if given.models is None:
            made_models(models, sorted({given.specialist, *given.specialists}), given.backbone)
        files = given.files or [made_video(folder)]
        one, all_of_them = runs_of(models, given.specialist), [runs_of(models, name) for name in given.specialists]
        trees = {"here": HERE, **({"against": given.against.resolve()} if given.against else {})}
        kinds = {f"{given.specialist} ": [one], f"{len(all_of_them)}  ": all_of_them}
        runs: dict[tuple[str, str], list[Judged]] = {(kind, tree): [] for kind in kinds for tree in trees}
        for turn in range(given.rounds + 1):
            for (kind, tree), taken in runs.items():
                found = judge(trees[tree], files, kinds[kind], given.more)
                taken += [found] if turn else []  # the first fills the disk cache
        report(runs, list(kinds), list(trees), f"{len(files)} file(s), OMP_NUM_THREADS={given.threads or 'not set'}")


def report(
    runs: Mapping[tuple[str, str], Sequence[Judged]], kinds: Sequence[str], trees: Sequence[str], what: str
) -> None:
    fields = ("first", "wall", "cpu", "memory")

    def middle(kind: str, tree: str, field: str) -> float:
        return median(getattr(run, field) for run in runs[kind, tree])

    print(f"{what}; medians of {len(next(iter(runs.values())))} rounds; in brackets the least")
    print(f"{'specialists':<12} {'of':<8} {'first verdict, s':>18} {'all, s':>14} {'processor, s':>16} {'peak, MB':>9}")
    for kind, tree in runs:
        cells = [middle(kind, tree, field) for field in fields]
        least = [min(getattr(run, field) for run in runs[kind, tree]) for field in fields]
        print(
            f"{kind:<12} {tree:<8} {cells[0]:11.2f} ({least[0]:.2f}) {cells[1]:7.2f} ({least[1]:.2f})"
            f" {cells[2]:9.2f} ({least[2]:.2f}) {cells[3]:9.0f}"
        )
    for tree in trees:
        ratios = [middle(kinds[1], tree, field) / middle(kinds[0], tree, field) for field in fields]
        print(f"{kinds[1].strip()} against 1  {tree:<8} first verdict x {ratios[0]:.2f}, processor x {ratios[2]:.2f}")
    for kind in kinds if len(trees) > 1 else ():
        ratios = [middle(kind, trees[0], field) / middle(kind, trees[1], field) for field in fields]
        margins = [runs[kind, tree][0].margins for tree in trees]
        print(
            f"{kind.strip()}: here / against: first verdict {ratios[0]:.2f}, processor {ratios[2]:.2f}, peak "
            f"{ratios[3]:.2f}; log-odds differ by {difference(*margins)}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=("commands", "verdict"), default="commands")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--models", type=Path, help="a folder of runs")
    parser.add_argument("--against", type=Path, help="another checkout of dfcore")
    parser.add_argument("--specialist", default="cm", help="the one")
    parser.add_argument("--specialists", nargs="+", default=FIVE, help="the five")
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="OMP_NUM_THREADS; 0 leaves it as it is")
    parser.add_argument("--more", nargs="*", default=(), help="words for `dfcore predict`, such as --more=--workers=2")
    given = parser.parse_args(arguments)
    if given.mode == "verdict":
        measure_verdict(given)
    else:
        measure_commands()


if __name__ == "__main__":
    main()
