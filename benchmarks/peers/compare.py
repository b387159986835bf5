"""Training step, preparing and reading beside DeepfakeBench and SelfBlendedImages, given a checkout of them.

    python benchmarks/peers/compare.py [VIDEOS] --deepfakebench DIR --selfblended DIR [--parts train prepare read]

VIDEOS is a folder of videos, at any depth; without it made ones are used. The peers' own modules are imported from
their checkouts, each part in a process of its own (:mod:`peers.worker`), by ``--python`` where their packages live in
another environment. All sides take turns in one run, and what is printed is the ratio ours / theirs of processor time:
the geometric mean over the turns, and its 95 % bootstrap interval over turns (over files, where several are prepared).
What a checkout lacks is said in one line, and that part is left out. ``README.md`` says what is compared with what.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import exp, log
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import training_step
from prepare import ratios
from stores import reading

from dfcore.config import TrainConfig
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DfcoreError
from dfcore.evaluation.metrics.intervals import bootstrap_means
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.testing.demo import make_demo
from dfcore.training.inputs.prepare import clip_plan
from peers.files import write_crops, write_frames

Side = Callable[[dict[str, Any]], tuple[float, int]]
"""Given a request, seconds of processor time, and of how many units (steps, files, images) they are."""
Times = dict[tuple[str, int], dict[str, float]]
"""Of a request's name and a turn: seconds of a unit, of processor time (``cpu``) and by the clock (``wall``)."""
WORKER = Path(__file__).with_name("worker.py")
PEERS = {"deepfakebench": "DeepfakeBench", "selfblended": "SelfBlendedImages"}
OURS = "dfcore"


class NotMeasured(DfcoreError):  # noqa: N818
    """A part of a peer cannot be measured; the message says why."""


class Peer:
    """One part of one peer, in a process of its own.

    Args:
        python: the interpreter that has the checkout's packages.
        kind: a name of :data:`PEERS`.
        part: ``train``, ``prepare`` or ``read``.
        root: the checkout.
        settings: what :mod:`peers.worker` needs to know.
        limit: seconds until an answer must come.

    Raises:
        NotMeasured: the checkout lacks something.
    """

    def __init__(self, python: str, kind: str, part: str, root: Path, settings: dict[str, Any], limit: float) -> None:
        self.limit, self.log = limit, tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(WORKER), kind, part, str(root.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=settings["place"],
        )
        try:
            self.notes: list[str] = self.ask(settings)["notes"]
        except NotMeasured:
            self.close()
            raise

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a line and wait for the answer.

        Raises:
            NotMeasured: the process says why it cannot, has ended, or takes too long.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        timer = Timer(self.limit, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        in_time = timer.is_alive()
        timer.cancel()
        if not line:
            ended = "its process ended" if in_time else f"no answer within {self.limit:.0f} s (--limit)"
            raise NotMeasured(f"{ended}; it last said: {self.last_words() or 'nothing'}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            said = self.last_words() if answer["failed"].startswith("its code raised") else ""
            raise NotMeasured(answer["failed"] + (f"; it last said: {said}" if said else ""))  # the cause may be there
        return answer

    def last_words(self) -> str:
        """The last line that the process printed."""
        self.log.seek(0)
        return (self.log.read().strip().splitlines() or [""])[-1]

    def measure(self, request: dict[str, Any]) -> tuple[float, int]:
        """A :data:`Side`."""
        answer = self.ask(request)
        return float(answer["cpu"]), int(answer["units"])

    def close(self) -> None:
        """End the process."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()


@contextmanager
def our_step(options: Namespace) -> Iterator[Side]:
    """The trainer's step as :mod:`training_step` measures it, in a process that starts with the first."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=training_step.serve, args=(theirs, options, "full"), daemon=True)

    def step(_: dict[str, Any]) -> tuple[float, int]:
        if process.pid is None:
            process.start()
            theirs.close()  # so that an end of that process is noticed
        ours.send(True)
        return float(ours.recv()), 1

    yield step
    if process.is_alive():
        ours.send(False)
        process.join()


def commit_of(root: Path) -> str:
    """Which commit is checked out in a folder, with ``-dirty`` where files differ from it."""
    if not (root / ".git").exists():  # it may lie in a repository of somebody's own
        return "no git checkout"
    described = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(described, capture_output=True, text=True).stdout.strip() or "no commit"


def take_turns(
    sides: dict[str, Side], requests: Sequence[dict[str, Any]], rounds: int, say: Callable[[str, str], None]
) -> dict[str, Times]:
    """All sides in turn for each request; the first request is done once before, as warm-up, and not counted.

    A request that a side cannot answer is told to ``say``, and is not counted for this side.
    """
    times: dict[str, Times] = {name: {} for name in sides}
    out: set[tuple[str, str]] = set()
    for turn in range(rounds + 1):
        for request in requests if turn else requests[:1]:
            for name, side in sides.items():
                if (name, request["name"]) in out:
                    continue
                start = time.perf_counter()
                try:
                    taken, units = side(request)
                except NotMeasured as error:
                    say(name, str(error))
                    out.add((name, request["name"]))
                    continue
                wall = time.perf_counter() - start
                if turn:
                    times[name][request["name"], turn] = {"cpu": taken / units, "wall": wall / units}
    return {name: {key: of for key, of in found.items() if (name, key[0]) not in out} for name, found in times.items()}


def compared(ours: Sequence[float], theirs: Sequence[float], groups: Sequence[str]) -> str:
    """The ratio ours / theirs of what was taken in turn, and its interval."""
    logs = [log(max(a, 1e-9) / max(b, 1e-9)) for a, b in zip(ours, theirs, strict=True)]
    found = bootstrap_means({"ratio": logs}, groups)["ratio"]
    assert found.value is not None
    ends = "no interval: one turn" if found.low is None else f"{exp(found.low):.3f} to {exp(found.high or 0):.3f}"
    return f"ratio ours / theirs {exp(found.value):.3f} ({ends})"


def report(part: str, times: dict[str, Times], wall: bool, unit: str) -> None:
    ours = times.pop(OURS)
    for name, theirs in times.items():
        keys = sorted(theirs)
        several = len({request for request, _ in keys}) > 1
        groups = [request if several else str(turn) for request, turn in keys]
        for clock in ("cpu", "wall") if wall else ("cpu",):
            a, b = [ours[key][clock] for key in keys], [theirs[key][clock] for key in keys]
            if keys:
                seconds = f"ours {median(a):.4f} s, theirs {median(b):.4f} s of {clock} {unit}"
                print(f"{part:<8} {name:<18} {seconds:<62} {compared(a, b, groups)}", flush=True)


def measure_part(
    part: str,
    ours: Side,
    requests: list[dict[str, Any]],
    settings: dict[str, Any],
    args: Any,
) -> None:
    peers: dict[str, Peer] = {}

    def say(name: str, why: str) -> None:
        print(f"{part:<8} {name:<18} skipped: {why}", flush=True)

    for kind, name in PEERS.items():
        root = getattr(args, kind)
        if root is None:
            continue
        try:
            peers[name] = Peer(args.python, kind, part, root, settings, args.limit)
        except NotMeasured as error:
            say(name, str(error))
            continue
        for note in peers[name].notes:
            print(f"{part:<8} {name:<18} note: {note}", flush=True)
    try:
        if peers:
            sides = {OURS: ours, **{name: peer.measure for name, peer in peers.items()}}
            times = take_turns(sides, requests, args.rounds, say)
            report(part, times, args.wall, {"train": "a step", "prepare": "a file", "read": "an image"}[part])
    finally:
        for peer in peers.values():
            peer.close()


def reads_of_ours(store: ClipStore, spec: SpecialistSpec) -> Side:
    samples = reading.samples_of(store, spec, finish=True)
    reads = reading.READS
    return lambda _: (sum(reading.milliseconds(lambda k: samples[k % len(samples)])) / 1e3, reads)


def on_files(args: Any, spec: SpecialistSpec, place: Path, settings: dict[str, Any]) -> None:
    """Preparing and reading, of the same files."""
    torch.set_num_threads(1)
    folder = args.videos or make_demo(place / "demo", pairs=(3, 1, 1), frames=32)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in reading.SUFFIXES)
    if not found:
        raise SystemExit(f"no videos in {folder}: a folder with files {', '.join(reading.SUFFIXES)} is needed")
    if "prepare" in args.parts:
        (place / "videos").mkdir()
        requests = []
        for number, path in enumerate(found[: args.files]):
            link = place / "videos" / f"{number:03d}.mp4"  # one of the peers takes this ending alone
            link.symlink_to(path.resolve())
            requests.append({"video": str(link), "name": path.relative_to(folder).as_posix()})

        def prepare(request: dict[str, Any]) -> tuple[float, int]:
            path = Path(request["video"])
            return ratios.seconds(lambda: ratios.prepare(path, [spec], args.codec)), 1

        measure_part("prepare", prepare, requests, settings, args)
    if "read" in args.parts:
        store = reading.prepared(folder, place, [spec], args.codec)
        files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}
        settings["crops"] = write_crops(store, place)
        write_frames(store, {video: files[video] for video in store}, place)
        measure_part("read", reads_of_ours(store, spec), [{"name": "all"}], settings, args)


def options_of(argv: Sequence[str] | None) -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="?", type=Path)
    for kind, name in PEERS.items():
        parser.add_argument(f"--{kind}", type=Path, metavar="DIR", help=f"a checkout of {name}")
    parser.add_argument(
        "--parts", nargs="+", choices=("train", "prepare", "read"), default=["train", "prepare", "read"]
    )
    parser.add_argument("--specialist", default="cm")
    parser.add_argument("--backbone", default="efficientnet_b4", help="ours; the peers' is EfficientNet-B4")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224, help="side of the peers' images")
    parser.add_argument("--frames", type=int, help="that the peers keep of a video; as many as ours if not given")
    parser.add_argument("--files", type=int, default=6, help="videos to prepare, at most")
    parser.add_argument("--codec", choices=("compact", "raw"), default="compact")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of a training step; what PyTorch chooses if not given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wall", action="store_true", help="print the clock's seconds too")
    parser.add_argument("--python", default=sys.executable, help="interpreter with the peers' packages")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds until a peer must answer")
    args = parser.parse_args(argv)
    if args.deepfakebench is None and args.selfblended is None:
        parser.error("give a checkout: --deepfakebench DIR, --selfblended DIR, or both")
    args.precision, args.clock, args.keep_memory, args.clips = "fp32", "cpu", True, 4  # of training_step; peers: fp32
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = options_of(argv)
    spec = registry().specialist(args.specialist)
    plan = clip_plan(TrainConfig(), [spec])
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)  # of the processes that are started
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        settings: dict[str, Any] = {
            "place": name,
            "size": args.size,
            "batch": args.batch,
            "frames": args.frames or plan.clips * plan.frames,
            "device": args.device,
            "reads": reading.READS,
            "crops": 0,
        }
        print(
            f"{spec.name}, {args.backbone}, batch {args.batch}; peers: EfficientNet-B4, {settings['size']} pixels, "
            f"{settings['frames']} frames of a video; {args.device}, {args.rounds} turns"
        )
        for kind, peer in PEERS.items():
            if getattr(args, kind) is not None:
                print(f"{peer}: {commit_of(getattr(args, kind))}", flush=True)
        if "train" in args.parts:
            with our_step(args) as step:
                measure_part("train", step, [{"name": "step"}], settings, args)
        if {"prepare", "read"} & set(args.parts):
            on_files(args, spec, place, settings)


if __name__ == "__main__":
    main()
