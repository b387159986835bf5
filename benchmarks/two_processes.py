"""Training steps of two processes against those of one, on the same machine in the same run.

    python benchmarks/two_processes.py [--specialist cm] [--backbone efficientnet_b4] [--batch 8] [--device auto]

One process takes steps of ``batch`` samples; two take steps of ``batch`` samples each and exchange their gradients as
the trainer does: NCCL between two GPUs, gloo on a CPU, where each process has half of the cores' threads in both cases.
On a CPU one process with all of them is measured too, for that is what it would be given. All are taken in turn, the
second process waiting while the first is alone, and medians are compared: 2 is the most that a second GPU, or the other
half of the cores, can gain. Other work on the machine makes the figures worthless.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median

import torch
from training_step import seconds, stepper

from dfcore.device import Precision, choose_device, choose_precision
from dfcore.models.factory import create
from dfcore.plugins import registry
from dfcore.testing.views import made_views
from dfcore.training.losses import CrossEntropy
from dfcore.training.runtime.distributed import World


def training_step(
    options: argparse.Namespace, world: World, device: torch.device, precision: Precision
) -> Callable[[], None]:
    """A step of the whole specialist; of two processes, with the exchange of gradients."""
    spec = registry().specialist(options.specialist)
    model = create(spec.name, backbone=options.backbone, pretrained=False).to(device)
    model.backbone.to(memory_format=torch.channels_last)
    model.train()
    network, criterion = world.wrap(model, device), CrossEntropy()
    views = made_views(spec, options.batch, image_size=model.image_size, seed=world.rank)
    views = {name: view.to(device) for name, view in views.items()}
    views["face"] = views["face"].contiguous(memory_format=torch.channels_last)
    labels = torch.arange(options.batch, device=device) % 2

    def loss() -> torch.Tensor:
        output = network(views, labels)
        return (criterion(output.logits, labels) + 0.3 * criterion(output.cue_logits, labels)).mean()

    return stepper(network, loss, precision)


def measure(options: argparse.Namespace) -> None:
    world = World.start(lambda local_rank: choose_device(options.device, local_rank))
    device = choose_device(options.device, world.local_rank)
    precision = choose_precision(device, options.precision)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    alone = training_step(options, World(), device, precision) if world.is_main else None
    both = training_step(options, world, device, precision)
    shares = {"one": max(1, cores // world.size), "one, all cores": cores}
    times: dict[str, list[float]] = {name: [] for name in (*shares, "two") if device.type == "cpu" or "," not in name}
    for turn in range(options.rounds + 1):
        for name, taken in times.items():
            torch.set_num_threads(shares.get(name, shares["one"]))
            world.gather(turn)
            if name == "two":
                found = max(world.gather(seconds(both, device)))
            else:
                found = seconds(alone, device) if alone is not None else 0.0
            taken += [found] if turn else []  # the first is warm-up
    if world.is_main:
        report(options, times, f"{device}, {precision.name}, {cores} cores")
    world.close()


def report(options: argparse.Namespace, times: dict[str, list[float]], machine: str) -> None:
    print(f"{options.specialist}, {options.backbone}, batch {options.batch} each, {machine}")
    samples = {name: options.batch * (2 if name == "two" else 1) for name in times}
    speed = {name: samples[name] / median(taken) for name, taken in times.items()}
    for name, found in speed.items():
        print(f"{name:<14} median {found:8.2f} images/s")
    for name in speed:
        if name != "two":
            print(f"two / {name:<14} ratio {speed['two'] / speed[name]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--specialist", default="cm")
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if "WORLD_SIZE" in os.environ:
        measure(options)
    else:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        env = {"OMP_WAIT_POLICY": "passive", **os.environ}  # threads that wait must not take the other's cores
        sys.exit(subprocess.run([*launcher, *sys.argv], env=env, check=False).returncode)


if __name__ == "__main__":
    main()
