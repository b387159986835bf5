"""How fast samples are read from clip stores of both codecs, against decoding 256x256 PNG crops.

    python benchmarks/stores/reading.py [FOLDER] [--stores RAW COMPACT] [--workers 2] [--rounds 7]

FOLDER holds videos, at any depth; without it made ones are used. They are prepared for all installed specialists, raw
and compact; ``--stores`` takes two stores that were prepared so before. A sample is all that a specialist reads in
training, the face at 224 and its augmentations included. The PNG side decodes a crop of the same face with Pillow and
normalises it: what the field's loaders do at least. All read files that are in the disk cache.

The first figures are what a loader does. The last column adds what is left to the device, where the model is (colours,
blur, masks: :mod:`dfcore.data.views.finish`), done here on one thread in batches of 8.

Processor time is measured (one thread each, interleaved, the least of the rounds for each sample), so that a busy
machine changes little; with loader processes, samples a second by the clock, in batches of 8.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, default_collate

from dfcore.api.prepare import trainable_specialists
from dfcore.config import TrainConfig
from dfcore.data.colour import yuv_to_rgb
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.views.finish import finish_views
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.testing.demo import Demo, make_demo
from dfcore.training.inputs.prepare import clip_plan, needed_evidence

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")
CROP, SCALE = 256, 1.3
READS, BATCH = 60, 8


class Crops(Dataset[torch.Tensor]):
    """Crops of the same faces, 256x256, as PNG files in memory."""

    def __init__(self, store: ClipStore) -> None:
        self.files = [png for video in store for png in _pngs(store, video)]
        self.mean, self.std = torch.full((3, 1, 1), 0.45), torch.full((3, 1, 1), 0.225)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        image = np.array(Image.open(io.BytesIO(self.files[index % len(self)])).convert("RGB"))
        return (torch.from_numpy(image).permute(2, 0, 1).float().div_(255) - self.mean) / self.std


def _pngs(store: ClipStore, video: str) -> list[bytes]:
    found = []
    for clip in range(len(store.open(video))):
        access = store.open(video).access(clip)
        frame = access.native[len(access.native) // 2]
        planes, source, header = access.planes([frame]), access.source, access.header
        image = Image.fromarray(yuv_to_rgb(*(p[0] for p in planes), source.colour_matrix, source.colour_range))
        x0, y0, x1, y1 = header.boxes[frame]
        half = SCALE * max(x1 - x0, y1 - y0) / 2
        x, y = (x0 + x1) / 2 - header.window[0], (y0 + y1) / 2 - header.window[1]
        crop = image.crop((int(x - half), int(y - half), int(x + half), int(y + half)))
        written = io.BytesIO()
        crop.resize((CROP, CROP), Image.Resampling.BICUBIC).save(written, "PNG")
        found.append(written.getvalue())
    return found


def samples_of(store: ClipStore, spec: SpecialistSpec, *, finish: bool = False) -> ClipSamples:
    whole = [v for v in store if all(store.entry(v).evidence.get(e.name) for e in spec.evidence)]
    records = [VideoRecord(video, Path(video), 0, split="train") for video in whole]
    return ClipSamples(
        records,
        store,
        ("face", *spec.views),
        image_size=224,
        frames=spec.frames,
        train=True,
        augment=spec.augmentations,
        clip_frames=spec.clip_frames,
        finish=finish,
    )


def prepared(folder: Path | None, place: Path, specs: list[SpecialistSpec], codec: str) -> ClipStore:
    if folder is None:
        records = list(Demo().scan(make_demo(place / "demo", pairs=(3, 1, 1), frames=32)).records)
    else:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        records = [VideoRecord(path.relative_to(folder).with_suffix("").as_posix(), path, 0) for path in files]
    store, config = ClipStore(place / codec, codec=codec), TrainConfig()
    prepare_videos(records, store, clip_plan(config, specs), needed_evidence(config, specs), progress=None)
    return store


def milliseconds(read: Callable[[int], Any]) -> list[float]:
    """Processor time of each of some readings."""
    found = []
    for k in range(READS):
        start = time.thread_time()
        read(k)
        found.append((time.thread_time() - start) * 1e3)
    return found


def finishing(data: ClipSamples) -> Callable[[int], Any]:
    """What is left of a sample: an eighth of a batch's."""
    batch = default_collate([data[k % len(data)]["views"] for k in range(BATCH)])
    return lambda k: finish_views(batch) if k % BATCH == 0 else None


def rate(dataset: Dataset[Any], workers: int, batches: int = 40) -> float:
    """Samples a second that loader processes give, once they have begun."""
    order = [k % len(dataset) for k in range(BATCH * (batches + 2 * workers))]  # type: ignore[arg-type]
    loader = iter(DataLoader(dataset, BATCH, sampler=order, num_workers=workers, prefetch_factor=2))
    for _ in range(2 * workers):
        next(loader)
    start = time.perf_counter()
    for _ in range(batches):
        next(loader)
    return batches * BATCH / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--stores", nargs=2, type=Path, metavar=("RAW", "COMPACT"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    specs = [registry().specialist(name) for name in trainable_specialists()]
    with tempfile.TemporaryDirectory() as name:
        stores = {}
        for number, codec in enumerate(("raw", "compact")):
            stores[codec] = (
                ClipStore(args.stores[number]) if args.stores else prepared(args.folder, Path(name), specs, codec)
            )
        crops = Crops(stores["raw"])
        sets = {(spec.name, codec): samples_of(store, spec) for spec in specs for codec, store in stores.items()}
        readers: dict[Any, Callable[[int], Any]] = {"png": crops.__getitem__}
        readers |= {key: lambda k, found=found: found[k % len(found)] for key, found in sets.items()}
        readers |= {(name, "rest"): finishing(sets[name, "raw"]) for name, codec in sets if codec == "raw"}
        rounds: dict[Any, list[list[float]]] = {key: [] for key in readers}
        for _ in range(args.rounds + 1):
            for key, read in readers.items():
                rounds[key].append(milliseconds(read))
        # The first round compares checksums.
        times = {key: mean(map(min, zip(*found[1:], strict=True))) for key, found in rounds.items()}
        base = times["png"]
        print(f"png-{CROP}: {base:.2f} ms of processor time a crop")
        rates = {"png": rate(crops, args.workers)} if args.workers else {}
        for key, found in sets.items():
            each, both = times[key], times[key] + times[key[0], "rest"]
            line = f"{key[0]:<3} {key[1]:<8} {each:6.2f} ms   x {base / each:5.2f}   finished x {base / both:5.2f}"
            if args.workers:
                line += f"   {args.workers} processes x {rate(found, args.workers) / rates['png']:5.2f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
