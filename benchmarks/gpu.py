"""What dfcore gets out of a GPU, in one command of at most eight minutes.

    python benchmarks/gpu.py [--device cuda] [--minutes 8] [--backbone efficientnet_b4] [--batch 32] [--loaders 16]

1. Training steps of each specialist against the bare timm loop over the same backbone and batch
   (:mod:`training_step`), in fp32, bf16 and fp16: images/s, the ratio, peak memory, and the share of the card's bf16
   limit that the backbone's own operations come to.
2. The share of the time that the GPU waits for the loader, with clips of made videos in a store and so many loader
   processes. (Each step is waited for here; the trainer itself does not, and can hide some of it.)
3. ``predict``: files a second, with one specialist and with all.
4. The steps of 1 with the backbone compiled (``torch.compile``), as far as time is left: one precision compiles for a
   minute or so.

What the time did not suffice for is listed at the end. A CPU can run it too, with a tiny backbone, to see that it
works.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from training_step import seconds, stepper

from dfcore.api.prepare import trainable_specialists
from dfcore.config import TrainConfig
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.views.finish import move_views
from dfcore.device import Precision, choose_device, choose_precision
from dfcore.inference.predict import predict
from dfcore.models.backbones.device_views import use_channels_last
from dfcore.models.backbones.vision import import_timm
from dfcore.models.factory import create
from dfcore.models.specialist import Specialist
from dfcore.plugins import registry
from dfcore.testing.demo import Demo, make_demo
from dfcore.testing.views import made_views
from dfcore.training.inputs.prepare import clip_plan
from dfcore.training.loaders import evaluation_loader
from dfcore.training.losses import CrossEntropy
from dfcore.training.runtime.distributed import World

LIMITS = {
    "H200": 989, "H100 PCIe": 756, "H100": 989, "A100": 312, "L40S": 362, "L40": 181, "L4": 121, "A10": 125,
    "RTX 4090": 165, "RTX 3090": 71, "V100": 125, "T4": 65,
}  # fmt: skip
"""Dense bf16 TFLOP/s by the makers' data sheets (fp16 of V100 and T4, which have no bf16); the first name that fits."""
COMPILING = 100.0
"""Seconds that must be left to begin with another compilation."""


@dataclass
class Bench:
    """What is measured, and until when."""

    device: torch.device
    backbone: str
    batch: int
    rounds: int
    names: list[str]
    end: float
    skipped: list[str] = field(default_factory=list)

    def has_time(self, seconds: float, what: str) -> bool:
        """Whether so many seconds are left; else it is noted that ``what`` was not measured."""
        if self.end - time.monotonic() >= seconds:
            return True
        self.skipped.append(what)
        return False

    def precisions(self) -> list[Precision]:
        """Those that the device has."""
        names = ["fp32"] if self.device.type == "cpu" else ["fp32", "bf16", "fp16"]
        if self.device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            names.remove("bf16")
        return [choose_precision(self.device, name) for name in names]

    def free(self) -> None:
        """Give back what nobody holds, and count memory from here."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> float:
        """GiB that were held at most since :meth:`free`; NaN where that is not counted."""
        return torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else float("nan")


def views_of(bench: Bench, model: Specialist) -> dict[str, torch.Tensor]:
    """A batch of views; eight made clips, repeated."""
    few = made_views(model.spec, min(8, bench.batch), image_size=model.image_size)
    views = {name: view[torch.arange(bench.batch) % len(view)] for name, view in few.items()}
    return move_views(views, bench.device, channels_last=True)


def specialist_loss(
    model: Specialist, views: dict[str, torch.Tensor], labels: torch.Tensor
) -> Callable[[], torch.Tensor]:
    criterion = CrossEntropy()

    def loss() -> torch.Tensor:
        output = model(views, labels)
        both = criterion(output.logits.float(), labels) + 0.3 * criterion(output.cue_logits.float(), labels)
        return both.mean() + 0.3 * output.auxiliary

    return loss


def rate(bench: Bench, step: Callable[[], None]) -> float:
    """Images a second, by the median of some steps."""
    for _ in range(3):
        step()
    return bench.batch / median(seconds(step, bench.device) for _ in range(bench.rounds))


def training_steps(bench: Bench, precision: Precision, compiled: bool) -> None:
    """A line for the bare loop and one for each specialist."""
    title = f"{precision.name}{', backbone compiled' if compiled else ''}"
    if not bench.has_time(COMPILING if compiled else 10, f"training steps in {title}"):
        return
    labels = torch.arange(bench.batch, device=bench.device) % 2
    bare = import_timm().create_model(bench.backbone, num_classes=2).to(bench.device).train()
    bare.to(memory_format=torch.channels_last)
    size = create(bench.names[0], backbone=bench.backbone, pretrained=False).image_size
    face = torch.randn(bench.batch, 3, size, size, device=bench.device).to(memory_format=torch.channels_last)
    network = torch.compile(bare) if compiled else bare
    bench.free()
    speed = rate(bench, stepper(bare, lambda: F.cross_entropy(network(face).float(), labels), precision))
    flops = backbone_flops(bare, face[:2]) / 2
    share = f"{speed * flops / 1e12:7.1f} TFLOP/s"
    limit = card_limit(bench.device)
    share += f" ({100 * speed * flops / 1e12 / limit:.0f} % of {limit})" if limit and precision.name != "fp32" else ""
    print(f"{title:<24} bare {speed:9.1f} images/s            {bench.peak():6.2f} GiB {share}", flush=True)
    eye = None
    for name in bench.names:
        if not bench.has_time(5, f"{name}'s training step in {title}"):
            continue
        model = create(name, backbone=bench.backbone, pretrained=False).to(bench.device).train()
        use_channels_last(model, bench.device)
        if compiled:  # one backbone for all, compiled once
            eye = torch.compile(model.backbone) if eye is None else eye
            model.backbone = eye  # type: ignore[assignment]
        views = views_of(bench, model)
        bench.free()
        found = rate(bench, stepper(model, specialist_loss(model, views, labels), precision))
        print(
            f"{title:<24} {name:<4} {found:9.1f} images/s  x {found / speed:5.3f}  {bench.peak():6.2f} GiB", flush=True
        )


def backbone_flops(model: torch.nn.Module, face: torch.Tensor) -> float:
    """Operations of a forward and a backward pass over these images, multiplications and additions counted apart."""
    with FlopCounterMode(display=False) as counter:
        model(face).sum().backward()
    model.zero_grad(set_to_none=True)
    return float(counter.get_total_flops())


def card_limit(device: torch.device) -> int:
    """TFLOP/s by the data sheet; 0 where it is not known."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((limit for card, limit in LIMITS.items() if card in name), 0)


def matmul_rate(bench: Bench) -> None:
    """What one large matrix product reaches: the limit in practice."""
    size = 8192 if bench.device.type == "cuda" else 256
    dtype = torch.bfloat16 if bench.device.type == "cuda" else torch.float32
    a = torch.randn(size, size, device=bench.device, dtype=dtype)
    taken = median(seconds(lambda: torch.mm(a, a), bench.device) for _ in range(12))
    limit = card_limit(bench.device)
    print(f"one {size}x{size} product, {dtype}: {2 * size**3 / taken / 1e12:.1f} TFLOP/s; data sheet: {limit or '-'}")


def made_store(
    bench: Bench, folder: Path, pairs: tuple[int, int, int], frames: int
) -> tuple[list[VideoRecord], ClipStore]:
    """Made videos, prepared for all specialists."""
    specs = [registry().trainable(name) for name in bench.names]
    plan = replace(clip_plan(TrainConfig(), specs), clips=2)
    records = Demo().scan(make_demo(folder / "demo", pairs=pairs, frames=frames)).records
    store = ClipStore(folder / "store")
    evidence = list(dict.fromkeys(one for spec in specs for one in spec.evidence))
    prepare_videos(records, store, plan, evidence, progress=False)
    return [record for record in records if record.id in store], store


def loader_waits(bench: Bench, records: list[VideoRecord], store: ClipStore, loaders: int, span: float) -> None:
    """For each specialist the share of the time that a step waits for its batch."""
    for name in bench.names:
        if bench.has_time(span + 5, f"the loader's share for {name}"):
            waits, images, precision = loader_wait(bench, name, records, store, loaders, span)
            what = f"{name:<4} {loaders} loaders, batch {bench.batch}, {precision}"
            print(f"{what}: waits {100 * waits:5.1f} % of the time, {images:.1f} images/s", flush=True)


def loader_wait(
    bench: Bench, name: str, records: list[VideoRecord], store: ClipStore, loaders: int, span: float
) -> tuple[float, float, str]:
    """The share, images a second, and the number format."""
    precision = choose_precision(bench.device)
    model = create(name, backbone=bench.backbone, pretrained=False).to(bench.device).train()
    use_channels_last(model, bench.device)
    data = ClipSamples(
        records,
        store,
        model.view_names,
        image_size=model.image_size,
        frames=model.spec.frames,
        samples_per_video=1_000_000 // len(records),
        train=True,
        augment=model.spec.augmentations,
        clip_frames=model.spec.clip_frames,
        finish=False,
    )
    loader = evaluation_loader(data, batch_size=bench.batch, workers=loaders, device=bench.device, world=World())
    held: dict[str, Any] = {}
    step = stepper(model, lambda: specialist_loss(model, held["views"], held["labels"])(), precision)
    waited = stepped = 0.0
    done, began = 0, time.perf_counter()
    mark = began
    for number, batch in enumerate(loader):
        here = time.perf_counter()
        held["views"] = move_views(batch["views"], bench.device, channels_last=True)
        held["labels"] = batch["label"].to(bench.device)
        seconds(step, bench.device)
        if number >= 3:  # the first start the processes, and fill their queues
            waited, stepped, done = waited + here - mark, stepped + time.perf_counter() - here, done + 1
        mark = time.perf_counter()
        if done and mark - began > span:
            break
    return waited / (waited + stepped), done * bench.batch / (waited + stepped), precision.name


def predicting(bench: Bench, files: list[Path], folder: Path) -> None:
    """Files a second with the first specialist and with all; loading not counted."""
    weights = []
    for name in bench.names:
        path = folder / f"{name}_stage1" / f"{name}_stage1_final.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        create(name, backbone=bench.backbone, pretrained=False).save(path)
        weights.append(path)
    for chosen in (weights[:1], weights):
        what = f"predict with {len(chosen)} of {len(weights)} specialists"
        if not bench.has_time(20, what):
            continue
        results = predict(files, chosen, device=str(bench.device))
        next(results)  # processes are started, kernels chosen
        began, judged = time.perf_counter(), 0
        for result in results:
            judged += result.verdict != "none"
        taken = time.perf_counter() - began
        print(f"{what}: {(len(files) - 1) / taken:.2f} files/s, {judged} of {len(files) - 1} judged", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--loaders", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=12, help="of each specialist's loader")
    parser.add_argument("--pairs", type=int, nargs=3, default=(6, 2, 2), help="of made people, by split")
    parser.add_argument("--frames", type=int, default=64, help="of each made video")
    parser.add_argument("--specialists", nargs="*", default=None)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args(arguments)
    device = choose_device(options.device)
    names = options.specialists or trainable_specialists()
    end = time.monotonic() + 60 * options.minutes
    bench = Bench(device, options.backbone, options.batch, options.rounds, names, end)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    print(f"{card}, PyTorch {torch.__version__}, {options.backbone}, batch {options.batch}")
    matmul_rate(bench)
    for precision in bench.precisions():
        training_steps(bench, precision, compiled=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if bench.has_time(60, "loaders and predict"):
            records, store = made_store(bench, folder, tuple(options.pairs), options.frames)
            loader_waits(bench, records, store, options.loaders, options.seconds)
            predicting(bench, [record.path for record in records], folder / "runs")
    for precision in reversed(bench.precisions()) if not options.no_compile else ():
        training_steps(bench, precision, compiled=True)
    for what in bench.skipped:
        print(f"not measured, for want of time: {what}")


if __name__ == "__main__":
    main()
