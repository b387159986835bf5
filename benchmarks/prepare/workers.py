"""What several processes gain in preparing, over one.

    python benchmarks/prepare/workers.py FILE_OR_FOLDER [...] [--specialists cm] [--workers 1 2] [--rounds 3]

Prepares the same files into new stores with each number of worker processes in turn, as `dfcore prepare --workers N`
does, and prints medians: seconds of wall clock, processor seconds of all processes, how many cores they kept busy, and
the gain over the first number. One process decodes and looks for faces in two threads, so it keeps more than one core
busy by itself. What is paid once a process (Python, imports, opening the detector) is in it; the share that it takes
falls with the number of files.

Other work on the machine takes from the gain; so as many processes that count, and share nothing, are timed against one
in each round too. Their gain is the most that this machine gives at the time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dfcore.config import TrainConfig
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.plugins import registry
from dfcore.training.inputs.prepare import clip_plan, needed_evidence
from prepare.ratios import SUFFIXES


def used() -> float:
    """Processor seconds of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def prepare(records: Sequence[VideoRecord], names: Sequence[str], workers: int) -> tuple[float, float]:
    """Seconds of wall clock and of the processor that preparing takes.

    Raises:
        SystemExit: a file cannot be used.
    """
    config, specs = TrainConfig(), [registry().trainable(name) for name in names]
    with tempfile.TemporaryDirectory() as place:
        store, start, before = ClipStore(Path(place)), time.perf_counter(), used()
        report = prepare_videos(
            records,
            store,
            clip_plan(config, specs),
            needed_evidence(config, specs),
            workers=workers,
            isolate=True,
            progress=None,
        )
        taken = time.perf_counter() - start, used() - before
    if report.failed:
        raise SystemExit(f"{report.failed[0].path}: {report.failed[0].reason}")
    return taken


COUNT = [sys.executable, "-c", "for _ in range(4 * 10**7): pass"]


def counting(processes: int) -> float:
    """Seconds of wall clock that so many processes take, each of which counts as far as any."""
    start = time.perf_counter()
    running = [subprocess.Popen(COUNT) for _ in range(processes)]
    for process in running:
        process.wait()
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--specialists", nargs="+", default=["cm"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    found = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in given.paths]
    files = [path for paths in found for path in paths if path.suffix.lower() in SUFFIXES]
    records = [VideoRecord(f"v{number}", path, 0) for number, path in enumerate(files)]
    times: dict[int, list[tuple[float, float]]] = {workers: [] for workers in given.workers}
    counts: dict[int, list[float]] = {workers: [] for workers in given.workers}
    for _ in range(given.rounds):
        for workers, taken in times.items():
            taken.append(prepare(records, given.specialists, workers))
            counts[workers].append(counting(workers) / workers)
    print(f"{len(files)} files for {', '.join(given.specialists)}; medians of {given.rounds} rounds")
    first = median(wall for wall, _ in times[given.workers[0]])
    counted = median(counts[given.workers[0]])
    for workers, taken in times.items():
        wall, cpu = (median(each) for each in zip(*taken, strict=True))
        busy = f"processor {cpu:7.2f} s, cores {cpu / wall:.2f}"
        most = f"{counted / median(counts[workers]):.2f} by processes that share nothing"
        print(f"{workers} workers: {wall:7.2f} s, {busy}, gain {first / wall:.2f}, {most}")


if __name__ == "__main__":
    main()
