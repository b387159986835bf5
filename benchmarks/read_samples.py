"""How fast samples are read from the clip store, against decoding 256x256 PNG crops.

    python benchmarks/read_samples.py

One process, one thread each. A sample of the store is all that CM reads: the normalised face at 224, 49 native tiles,
the face's share of their blocks, the quantiser and the ghost. The PNG side decodes one crop with Pillow, makes a tensor
of it and normalises it: what the field's loaders do at least. Both read files that are in the disk cache.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from dfcore.data.clip_plan import ClipPlan
from dfcore.data.media.colour import yuv_to_rgb
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.plugins import registry
from dfcore.testing.demo import Demo, make_demo

ROUNDS, READS = 7, 400


def pngs(store: ClipStore, folder: Path) -> list[Path]:
    """Crops of the same faces, 256x256, as PNG files."""
    paths = []
    for video in store.ids():
        clip = store.open(video).load(0)
        for y, u, v in zip(clip.y, clip.u, clip.v, strict=True):
            path = folder / f"{len(paths)}.png"
            image = yuv_to_rgb(y, u, v, clip.source.colour_matrix, clip.source.colour_range)
            Image.fromarray(image).resize((256, 256), Image.Resampling.BICUBIC).save(path)
            paths.append(path)
    return paths


def read_png(path: Path, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    image = np.array(Image.open(path).convert("RGB"))
    return (torch.from_numpy(image).permute(2, 0, 1).float().div_(255) - mean) / std


def main() -> None:
    torch.set_num_threads(1)
    mean, std = torch.full((3, 1, 1), 0.45), torch.full((3, 1, 1), 0.225)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = make_demo(folder / "demo", pairs=(3, 1, 1), frames=32)
        spec = registry().specialist("cm")
        records = Demo().scan(root).records
        store = ClipStore(folder / "store")
        prepare_videos(records, store, ClipPlan(), spec.evidence, workers=2, progress=False)
        names = ("face", *spec.views)
        kept = [record for record in records if record.id in store]
        samples = ClipSamples(kept, store, names, image_size=224, train=True)
        (folder / "png").mkdir()
        paths = pngs(store, folder / "png")
        times: dict[str, list[float]] = {"store": [], "png": []}
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for k in range(READS):
                samples[k % len(samples)]
            middle = time.perf_counter()
            for k in range(READS):
                read_png(paths[k % len(paths)], mean, std)
            times["store"].append(READS / (middle - start))
            times["png"].append(READS / (time.perf_counter() - middle))
        for label, rates in times.items():
            print(f"{label:<6} median {median(rates):7.0f} samples/s")
        print(f"ratio  x {median(times['store']) / median(times['png']):.2f}")


if __name__ == "__main__":
    main()
