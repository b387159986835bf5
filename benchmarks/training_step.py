"""A training step of a full specialist, against a bare timm loop over the same backbone, batch and precision.

    python benchmarks/training_step.py [--specialist cm] [--backbone efficientnet_b4] [--batch 8] [--device cpu]

The bare loop is forward, cross-entropy, backward, clipping and AdamW over the backbone with timm's own classifier, in a
process of its own, as somebody who uses timm runs it. The specialist's step is the trainer's own code, with the cue
module's own loss where it has one, in another process, whose allocator is set as the trainer sets it
(`--no-keep-memory` leaves it as it is: then only the computation is compared). The two take steps in turn, and medians
are compared; `--clock cpu` counts seconds of processor time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median

import torch
from torch.nn import functional as F

from dfcore.data.views.finish import move_views
from dfcore.device import choose_device, choose_precision
from dfcore.models.backbones.device_views import use_channels_last
from dfcore.models.backbones.vision import import_timm
from dfcore.models.factory import create
from dfcore.plugins import registry
from dfcore.specs import VIDEO_VIEWS
from dfcore.testing.views import made_views
from dfcore.training.losses import CrossEntropy
from dfcore.training.runtime.memory import keep_freed_memory


def stepper(model: torch.nn.Module, loss: Callable[[], torch.Tensor], precision: object) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    scaler = precision.scaler()  # type: ignore[attr-defined]

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with precision.autocast():  # type: ignore[attr-defined]
            value = loss()
        scaler.scale(value).backward()
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimiser)
        scaler.update()

    return step


def seconds(step: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def make_step(options: argparse.Namespace, which: str, device: torch.device) -> Callable[[], None]:
    """The step of the ``bare`` loop, or of the ``full`` specialist."""
    precision = choose_precision(device, options.precision)
    spec = registry().specialist(options.specialist)
    specialist = create(spec.name, backbone=options.backbone, pretrained=False).to(device)
    labels = torch.arange(options.batch, device=device) % 2
    if which == "bare":
        bare = import_timm().create_model(options.backbone, num_classes=2).to(device).train()
        bare.to(memory_format=torch.channels_last)
        side = specialist.image_size
        face = torch.randn(options.batch, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
        return stepper(bare, lambda: F.cross_entropy(bare(face).float(), labels), precision)
    use_channels_last(specialist, device)  # as the trainer does: the backbone alone
    specialist.train()
    made = made_views(spec, options.batch, image_size=specialist.image_size)
    for name in set(made) & set(VIDEO_VIEWS):  # as of a video of so many clips
        made[name][:, 1 : options.clips] = made[name][:, :1]
    views = move_views(made, device, channels_last=True)
    criterion = CrossEntropy()

    def full_loss() -> torch.Tensor:
        output = specialist(views, labels)
        losses = criterion(output.logits, labels) + 0.3 * criterion(output.cue_logits, labels)
        return losses.mean() + 0.3 * output.auxiliary

    return stepper(specialist, full_loss, precision)


def serve(pipe: Connection, options: argparse.Namespace, which: str) -> None:
    """In a process of its own: a step for each message, answered with its seconds."""
    device = choose_device(options.device)
    if which == "full" and device.type == "cpu" and options.keep_memory:
        keep_freed_memory()
    step = make_step(options, which, device)
    while pipe.recv():
        before = time.process_time()
        wall = seconds(step, device)
        pipe.send(time.process_time() - before if options.clock == "cpu" else wall)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--specialist", default="cm")
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--clips", type=int, default=4, help="of each video, for a specialist that reads several")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--keep-memory", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    processes = []
    for which in ("bare", "full"):
        pipes[which], theirs = context.Pipe()
        processes.append(context.Process(target=serve, args=(theirs, options, which), daemon=True))
        processes[-1].start()
    times: dict[str, list[float]] = {name: [] for name in pipes}
    for turn in range(options.rounds + 1):
        for name, pipe in pipes.items():
            pipe.send(True)
            taken = pipe.recv()
            if turn:  # the first is warm-up
                times[name].append(taken)
    for pipe, process in zip(pipes.values(), processes, strict=True):
        pipe.send(False)
        process.join()
    print(f"{options.specialist}, {options.backbone}, batch {options.batch}, {options.device}, {options.clock} clock")
    for name, taken in times.items():
        print(f"{name:<5} median {options.batch / median(taken):8.2f} images/s")
    print(f"ratio {median(times['bare']) / median(times['full']):.3f}")


if __name__ == "__main__":
    main()
