"""How much processor time preparing takes for each specialist, against one bare decode of the same file.

    python benchmarks/prepare/ratios.py FILE_OR_FOLDER [...] [--specialists cm rr] [--rounds 3] [--codec raw]

Preparing is all of it: decoding, faces, evidence, and writing to a store. Decode and specialists are measured in turn,
in one process, and the least of the rounds is taken. What is paid once a process (imports, the detector's weights) is
paid before. Audio is decoded where the specialist reads it; a bare decode takes the images alone. A column with a
star leaves evidence out (CM's six encodes of each clip, TM's differences).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import av

from dfcore.api.prepare import trainable_specialists
from dfcore.config import TrainConfig
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.training.inputs.prepare import clip_plan, needed_evidence

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg")


def decode(path: Path) -> None:
    """The least that any preparation must do: decode every frame, keep none."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            del frame


def prepare(path: Path, specs: Sequence[SpecialistSpec], codec: str, *, with_evidence: bool = True) -> None:
    """Prepare one file into a store of its own."""
    config = TrainConfig()
    with tempfile.TemporaryDirectory() as place:
        store = ClipStore(Path(place), codec=codec)
        plan, evidence = clip_plan(config, specs), needed_evidence(config, specs) if with_evidence else ()
        prepare_videos([VideoRecord("video", path, 0)], store, plan, evidence, workers=1, progress=None)


def seconds(run: Callable[[], None]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--specialists", nargs="+", default=sorted(trainable_specialists()))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codec", choices=("compact", "raw"), default="compact")
    args = parser.parse_args()
    found = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in args.paths]
    files = [path for paths in found for path in paths if path.suffix.lower() in SUFFIXES]
    works = {name: [registry().specialist(name)] for name in args.specialists}
    works["all"] = [spec for specs in works.values() for spec in specs]
    bare = [name for name, specs in works.items() if any(spec.evidence for spec in specs)]
    prepare(files[0], works["all"], args.codec)
    head = f"{'file':<40} {'decode s':>9}" + "".join(f"{name:>7}" for name in works)
    print(head + "".join(f"{name + '*':>7}" for name in bare), flush=True)
    for path in files:
        times: dict[str, list[float]] = {name: [] for name in ("decode", *works, *(f"{name}*" for name in bare))}
        for _ in range(args.rounds):
            times["decode"].append(seconds(partial(decode, path)))
            for name, specs in works.items():
                times[name].append(seconds(partial(prepare, path, specs, args.codec)))
            for name in bare:
                times[f"{name}*"].append(seconds(partial(prepare, path, works[name], args.codec, with_evidence=False)))
        base = min(times.pop("decode"))
        line = "".join(f"{min(each) / base:7.2f}" for each in times.values())
        print(f"{'/'.join(path.parts[-2:]):<40} {base:9.2f}" + line, flush=True)


if __name__ == "__main__":
    main()
