"""A training step of a full specialist, against a bare timm loop over the same backbone, batch and precision.

    python benchmarks/training_step.py [--specialist cm] [--backbone efficientnet_b4] [--batch 8] [--device cpu]

The bare loop is forward, cross-entropy, backward, clipping and AdamW over the backbone with timm's own classifier. The
specialist's step is the trainer's own code, with the cue module's own loss where it has one. Steps are taken in turn,
and medians compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch.nn import functional as F

from dfcore.device import choose_device, choose_precision
from dfcore.models.factory import create
from dfcore.models.vision import import_timm
from dfcore.plugins import registry
from dfcore.testing.views import made_views
from dfcore.training.losses import CrossEntropy


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--specialist", default="cm")
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = choose_device(options.device)
    precision = choose_precision(device, options.precision)
    spec = registry().specialist(options.specialist)
    specialist = create(spec.name, backbone=options.backbone, pretrained=False).to(device)
    bare = import_timm().create_model(options.backbone, num_classes=2).to(device)
    for part in (specialist.backbone, bare):  # as the trainer does: the backbone alone
        part.to(memory_format=torch.channels_last)
    specialist.train()
    bare.train()
    views = made_views(spec, options.batch, image_size=specialist.image_size)
    views = {name: view.to(device) for name, view in views.items()}
    views["face"] = views["face"].contiguous(memory_format=torch.channels_last)
    labels = torch.arange(options.batch, device=device) % 2
    criterion = CrossEntropy()

    def full_loss() -> torch.Tensor:
        output = specialist(views, labels)
        losses = criterion(output.logits, labels) + 0.3 * criterion(output.cue_logits, labels)
        return losses.mean() + 0.3 * output.auxiliary

    def bare_loss() -> torch.Tensor:
        return F.cross_entropy(bare(views["face"]).float(), labels)

    steps = {"bare": stepper(bare, bare_loss, precision), "full": stepper(specialist, full_loss, precision)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(options.rounds + 1):
        for name, step in steps.items():
            taken = seconds(step, device)
            if turn:  # the first is warm-up
                times[name].append(taken)
    print(f"{spec.name}, {options.backbone}, batch {options.batch}, {device}, {precision.name}")
    for name, taken in times.items():
        print(f"{name:<5} median {options.batch / median(taken):8.2f} images/s")
    print(f"ratio {median(times['bare']) / median(times['full']):.3f}")


if __name__ == "__main__":
    main()
