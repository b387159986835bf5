"""How time and memory grow with the number of files and with their length.

    python benchmarks/growth.py VIDEO [--models RUN] [--numbers 4 16 64] [--lengths 1 6 30] [--specialists cm]

`dfcore predict` judges, and `dfcore prepare` prepares, so many copies of VIDEO, and one file in which VIDEO comes so
many times in a row (its packets as they are, moved in time). Printed are wall clock, processor seconds of all
processes, the memory of the largest process at its peak, and what each file or repetition more has taken. Without RUN
specialists with random weights (`--backbone`, efficientnet_b4) judge. One worker; the first run of each command is not
counted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from startup import HERE, checkout, made_models, runs_of


@dataclass(frozen=True, slots=True)
class Used:
    """Of one run of a command: wall clock and processor seconds; MB of its largest process."""

    wall: float
    cpu: float
    memory: float


def run(arguments: Sequence[object]) -> Used:
    """Run ``dfcore`` once.

    Raises:
        SystemExit: it failed.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-P", "-m", "dfcore", *map(str, arguments)]
        process = subprocess.Popen(command, env=checkout(HERE), stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)  # with what the processes that it waited for have used
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said.read().decode()}")
    return Used(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def copied(video: Path, folder: Path, count: int) -> Path:
    """A folder with so many copies of a video."""
    (folder / "real").mkdir(parents=True)  # as a dataset, for prepare
    for number in range(count):
        shutil.copyfile(video, folder / "real" / f"{number:04d}{video.suffix}")
    return folder


def repeated(video: Path, folder: Path, times: int) -> Path:
    """A folder with one file in which a video comes so many times in a row; nothing is decoded."""
    (folder / "real").mkdir(parents=True)  # as a dataset, for prepare
    length = seconds(video)
    with av.open(str(video)) as source, av.open(str(folder / "real" / f"repeated{video.suffix}"), "w") as target:
        tracks = [*source.streams.video[:1], *source.streams.audio[:1]]
        outs = {track.index: target.add_stream_from_template(track) for track in tracks}
        for turn in range(times):
            source.seek(0)
            for packet in source.demux(tracks):
                if packet.size and (packet.pts >= 0 or not turn):  # not what an audio decoder starts with
                    shift = round(turn * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = outs[packet.stream.index]
                    target.mux(packet)
    return folder


def seconds(video: Path) -> float:
    """Until the last packet of images or audio ends."""
    with av.open(str(video)) as source:
        packets = source.demux([*source.streams.video[:1], *source.streams.audio[:1]])
        return max(float((packet.pts + packet.duration) * packet.time_base) for packet in packets if packet.size)


def table(title: str, unit: str, counts: Sequence[int], measure: Callable[[int], Used]) -> None:
    print(f"{title}\n{unit:>8} {'wall, s':>9} {'processor, s':>13} {'a ' + unit + ' more, s':>18} {'peak, MB':>9}")
    before: tuple[int, Used] | None = None
    for count in counts:
        used = measure(count)
        more = f"{(used.cpu - before[1].cpu) / (count - before[0]):.2f}" if before else ""
        print(f"{count:>8} {used.wall:>9.1f} {used.cpu:>13.1f} {more:>18} {used.memory:>9.0f}", flush=True)
        before = count, used


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--specialists", nargs="+", default=["cm"])
    parser.add_argument("--numbers", nargs="*", type=int, default=[4, 16, 64])
    parser.add_argument("--lengths", nargs="*", type=int, default=[1, 6, 30])
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models = given.models or folder / "models"
        if given.models is None:
            made_models(models, given.specialists, given.backbone)
        judges = [word for name in given.specialists for word in ("--models", runs_of(models, name))]

        def predict(videos: Path) -> Used:
            return run(["predict", videos, *judges, "--workers", "1", "--json"])

        def prepare(videos: Path) -> Used:
            with tempfile.TemporaryDirectory() as store:
                data = ["--dataset", "folder", "--data", videos, "--store", store, "--out", store]
                return run(["prepare", *given.specialists, *data, "--workers", "1"])

        for name, command in {"predict": predict, "prepare": prepare}.items():
            command(copied(given.video, folder / f"{name}-first", 1))
            for unit, make, counts in (("file", copied, given.numbers), ("length", repeated, given.lengths)):
                table(
                    f"dfcore {name}, {unit}s",
                    unit,
                    counts,
                    lambda n, make=make, name=name, unit=unit, command=command: command(  # type: ignore[misc]
                        make(given.video, folder / f"{name}-{unit}-{n}", n)
                    ),
                )


if __name__ == "__main__":
    main()
