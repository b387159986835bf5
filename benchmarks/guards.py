"""What decoding in a process of its own costs `predict` and `prepare`: the ratio of times with and without it.

    python benchmarks/guards.py [ROUNDS] [VIDEO ...]

Both are measured in turn in one run, and medians compared; the process is started before the clock is, as it lasts for
all files of a command. Without VIDEO a made one is used, eight times. ``prepare`` is measured with one worker.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

from dfcore.data.clip_plan import ClipPlan
from dfcore.data.workers.pool import run_tasks
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.extraction import extract
from dfcore.inference.isolation import IsolatedExtractor
from dfcore.testing.demo import render_person
from dfcore.testing.media import write_video

JOBS = (Job.of(ClipPlan()),)


# What `prepare` does of a file before it is written; a worker finds it by its module, which must not be this script.
work = partial(extract, jobs=JOBS)


def seconds(run: object) -> float:
    """The time that an iterator takes after its first item."""
    items = iter(run)  # type: ignore[call-overload]
    next(items)
    begun = time.perf_counter()
    for _ in items:
        pass
    return time.perf_counter() - begun


def main(rounds: int, paths: list[Path]) -> None:
    """Measure and print."""
    paths = [paths[0], *paths]  # the first warms up
    times: dict[str, list[float]] = {"predict": [], "predict, guarded": [], "prepare": [], "prepare, guarded": []}
    for _ in range(rounds):
        times["predict"].append(seconds(extract(path, JOBS) for path in paths))
        with IsolatedExtractor(JOBS) as extractor:
            times["predict, guarded"].append(seconds(extractor.extract_all(paths)))
        times["prepare"].append(seconds(work(path) for path in paths))
        times["prepare, guarded"].append(seconds(run_tasks(work, paths, 1)))
    for name in ("predict", "prepare"):
        plain, guarded = median(times[name]), median(times[f"{name}, guarded"])
        print(f"{name}: {plain:.2f} s, guarded {guarded:.2f} s, ratio {guarded / plain:.3f}")


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as folder:
        if not given:
            person = render_person(1, 30, 384)
            made = write_video(Path(folder) / "a.mp4", width=384, height=384, frames=90, image=lambda i: person[i % 30])
            given = [made] * 8
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, given)
