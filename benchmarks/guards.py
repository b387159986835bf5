"""What decoding in a process of its own costs `predict` and `prepare`: the ratio of CPU seconds with and without it.

    python benchmarks/guards.py [--rounds 12] [--files 4] [VIDEO ...]

CPU seconds of this process and of those it starts, so that other programs on the machine count little. With and without
take turns, one file each time, and what is printed is the ratio of the sums and its 95 % interval (bootstrap over the
rounds). A process is started once for all files of a command: its start is not in the ratio, and printed beside it.
Without VIDEO made ones are used. ``prepare`` is measured with one worker, up to where the clips are written.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import fmean

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.workers.pool import run_tasks
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.extraction import extract
from dfcore.inference.isolation import IsolatedExtractor
from dfcore.testing.demo import render_person
from dfcore.testing.media import write_video

JOBS = (Job.of(ClipPlan()),)
DRAWS = 2000

# What `prepare` does of a file before it is written; a worker finds it by its module, which must not be this script.
work = partial(extract, jobs=JOBS)


def of_children() -> float:
    """CPU seconds so far of all processes that this one started, ended or not."""
    ended, tick = resource.getrusage(resource.RUSAGE_CHILDREN), os.sysconf("SC_CLK_TCK")
    total = ended.ru_utime + ended.ru_stime
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended since
            for pid in (task / "children").read_text().split():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15])) / tick
    return total


def of_own(action: Callable[[], object]) -> float:
    """CPU seconds of this process in doing it."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def interval(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The ratio of the sums of pairs ``(without, with)``, and the ends of its 95 % interval."""

    def ratio(chosen: list[tuple[float, float]]) -> float:
        return sum(after for _, after in chosen) / sum(before for before, _ in chosen)

    rng = random.Random(0)
    draws = sorted(ratio(rng.choices(pairs, k=len(pairs))) for _ in range(DRAWS))
    return ratio(pairs), draws[DRAWS // 40], draws[-1 - DRAWS // 40]


def measure(name: str, guarded: Iterator[object], paths: list[Path], rounds: int) -> None:
    """Both ways in turn; ``guarded`` gives a result for one of ``paths`` after the other.

    Its process is a file ahead, also while this one works: so its time is taken over whole rounds.
    """
    before_all = of_children()  # then the process starts, imports what it needs, reads its first file
    start = of_own(lambda: next(guarded)) + of_children() - before_all
    work(paths[0])
    pairs = []
    for _ in range(rounds):
        begun, before, own = of_children(), 0.0, 0.0
        for path in paths:
            before += of_own(lambda path=path: work(path))  # type: ignore[misc]
            own += of_own(lambda: next(guarded))
        pairs.append((before, own + of_children() - begun))
    middle, low, high = interval(pairs)
    each = fmean(before for before, _ in pairs) / len(paths)
    print(
        f"{name}: {each:.3f} CPU s a file, guarded {middle:.3f} x that ({low:.3f} to {high:.3f}, {rounds} rounds of "
        f"{len(paths)} files); once {start - each:.1f} CPU s to start",
        flush=True,
    )


def main(rounds: int, paths: list[Path]) -> None:
    """Measure and print."""
    turns = [path for path, _ in zip(cycle(paths), range((rounds + 2) * len(paths)), strict=False)]
    with IsolatedExtractor(JOBS) as extractor:
        measure("predict", iter(extractor.extract_all(turns)), paths, rounds)
    measure("prepare", iter(run_tasks(work, turns, 1)), paths, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--files", type=int, default=4, help="made videos a round [4]")
    parser.add_argument("videos", nargs="*", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = options.videos
        if not given:
            person = render_person(1, 30, 384)
            made = write_video(Path(folder) / "a.mp4", width=384, height=384, frames=90, image=lambda i: person[i % 30])
            given = [made] * options.files
        main(options.rounds, given)
