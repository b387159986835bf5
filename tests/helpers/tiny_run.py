"""A whole run of a tiny model on made samples, for the tests; as a script, runs that are killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from dfcore.config import TrainConfig, override
from dfcore.data.sampler import BalancedSampler
from dfcore.device import choose_device, choose_precision
from dfcore.models.files.weights import read_final
from dfcore.models.protocols import SpecialistOutput
from dfcore.runs.folder import RunFolder
from dfcore.runs.lock import RunLock
from dfcore.specs import CueSpec, SpecialistSpec
from dfcore.training.callbacks import metrics_log
from dfcore.training.callbacks.checkpoints import Checkpoints
from dfcore.training.callbacks.early_stop import EarlyStop
from dfcore.training.callbacks.metrics_log import MetricsLog
from dfcore.training.callbacks.progress import Progress
from dfcore.training.inputs.data import EpochData, TrainingData, WholeDataset
from dfcore.training.losses import CrossEntropy
from dfcore.training.protocols import BaseCallback
from dfcore.training.result import RunResult
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.log import Log
from dfcore.training.runtime.machine import Machine
from dfcore.training.trainer import execute

VIDEOS, FRAMES = 10, 3
ALONE = World()


class TinyModel(nn.Module):
    """Conv, batch norm, dropout, and a cue head: all that a run has to save the state of."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.spec = SpecialistSpec("tiny", "Tiny", (CueSpec("mean", 3),))
        self.model_config: dict[str, object] = {}
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(36, 2))
        self.cue_head = nn.Linear(3, 2)

    def forward(self, views: dict[str, Tensor], labels: Tensor | None = None) -> SpecialistOutput:
        face = views["face"]
        cues = face.mean(dim=(2, 3))
        nothing = face.new_zeros(len(face), 3, 7, 7)
        return SpecialistOutput(
            self.classifier(self.backbone(face)), self.cue_head(cues), nothing, nothing, torch.zeros(())
        )


def plain_model() -> TinyModel:
    """Without what looks at a whole batch (batch norm) or draws (dropout)."""
    model = TinyModel()
    model.backbone[1], model.classifier[0] = nn.Identity(), nn.Identity()
    return model


class Steps(BaseCallback):
    """What the optimiser was given, step by step, and the weights that came of it."""

    def __init__(self) -> None:
        self.norms: list[float] = []
        self.weights: dict[str, list[float]] = {}

    def on_step(self, run) -> None:
        self.norms.append(run.gradient_norm.item())

    def on_epoch(self, run) -> None:
        self.weights = {name: value.detach().flatten().tolist() for name, value in run.model.named_parameters()}
        self.train = run.history[-1]["train"]


def plain_run(out: Path | str, world: World = ALONE) -> Steps:
    """An epoch of 30 samples, 12 or fewer an optimiser step, on however many processes; the project's own sampler."""
    steps, samples = Steps(), TinySamples(1)
    labels = [index // FRAMES % 2 for index in range(len(samples))]
    sampler = BalancedSampler(labels, seed=3, rank=world.rank, world=world.size)
    data = TrainingData(samples, sampler, TinySamples(2))
    config = tiny_config(out, stage__epochs=1, stage__batch_size=6 // world.size, stage__clip_norm=0.0)
    tiny_run(config, model=plain_model(), data=data, world=world, extra=(steps,))
    return steps


class TinySamples(torch.utils.data.Dataset):
    """Noise with a faint difference between real (even videos) and fake (odd ones), from (seed, epoch, sample)."""

    def __init__(self, seed: int, videos: int = VIDEOS, fake_only: bool = False) -> None:
        self.seed, self.videos, self.epoch, self.fake_only = seed, videos, 0, fake_only

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.videos * FRAMES

    def __getitem__(self, index: int) -> dict[str, object]:
        video = index // FRAMES
        label = 1 if self.fake_only else video % 2
        generator = torch.Generator().manual_seed(self.seed * 10_000 + self.epoch * 100 + index)
        face = torch.randn(3, 8, 8, generator=generator) + 0.25 * label
        return {"views": {"face": face}, "label": label, "video": video, "frame": index}


class TinySampler:
    def __init__(self, count: int, rank: int = 0, size: int = 1) -> None:
        self.count, self.rank, self.size, self.epoch, self.start = count, rank, size, 0, 0

    def __len__(self) -> int:
        return self.count // self.size

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        self.epoch, self.start = epoch, start

    def __iter__(self):
        drawn = torch.randperm(self.count, generator=torch.Generator().manual_seed(self.epoch))
        return iter(drawn[self.rank :: self.size][: len(self)][self.start :].tolist())


def tiny_config(out: Path | str, **values: object) -> TrainConfig:
    """Six optimiser steps an epoch, the last of one smaller batch; three epochs. Keys with ``__`` for the dot."""
    defaults: dict[str, object] = {
        "run.out": str(out),
        "run.device": "cpu",
        "run.save_every": 2,
        "stage.epochs": 3,
        "stage.lr": 1e-2,
        "stage.batch_size": 3,
        "stage.accumulate": 2,
        "data.workers": 0,
    }
    given = {key.replace("__", "."): value for key, value in values.items()}
    return override(TrainConfig(specialist="tiny"), {**defaults, **given})


def tiny_data(world: World = ALONE, train_videos: int = VIDEOS) -> TrainingData:
    train = TinySamples(1, train_videos)
    sampler = TinySampler(len(train), world.rank, world.size)
    return TrainingData(train, sampler, TinySamples(2), fingerprint=f"{train_videos} videos")


def tiny_machine(config: TrainConfig, world: World = ALONE) -> Machine:
    device = choose_device(config.run.device)
    return Machine(world, device, choose_precision(device, config.run.precision), Log(speaks=world.is_main))


def tiny_run(
    config: TrainConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    extra: tuple[object, ...] = (),
    first: tuple[object, ...] = (),
    model: nn.Module | None = None,
    data: TrainingData | None = None,
    epoch_data: EpochData | None = None,
    world: World = ALONE,
    loss: nn.Module | None = None,
    lock: RunLock | None = None,
) -> RunResult:
    machine = tiny_machine(config, world)
    start_mode = world.on_main(lambda: RunFolder.of(config).decide(config, resume=resume, overwrite=overwrite))
    callbacks = [*first, MetricsLog(), Checkpoints(), EarlyStop(), *extra, Progress()]
    return execute(
        config,
        machine,
        start_mode,
        model or TinyModel(),
        lambda _: loss or CrossEntropy(),
        epoch_data or WholeDataset(data or tiny_data(world), config.stage.epochs),
        callbacks=callbacks,
        lock=lock,
    )


class Kill(BaseCallback):
    """Ends the process at a step, an epoch or the finish, as a power cut would."""

    def __init__(self, place: str) -> None:
        self.place = place

    def on_step(self, run) -> None:
        self._at(f"step{run.step}")

    def on_epoch(self, run) -> None:
        self._at(f"epoch{run.epoch}")

    def on_finish(self, run) -> None:
        self._at("finish")

    def _at(self, place: str) -> None:
        if place == self.place:
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_while_writing(number: int, when: str) -> None:
    """Die in the midst of the ``number``th write of last.pt: with half of it written, or just before the rename."""
    save, replace, count = torch.save, Path.replace, 0

    def save_or_die(content: object, file: BinaryIO, *rest: object) -> None:
        nonlocal count
        save(content, file, *rest)
        count += "last.pt" in file.name
        if count == number and when == "half":
            file.flush()
            os.truncate(file.name, Path(file.name).stat().st_size // 2)
            die()

    def replace_or_die(self: Path, target: Path) -> Path:
        if count == number and when == "rename" and Path(target).name == "last.pt":
            die()
        return replace(self, target)

    torch.save, Path.replace = save_or_die, replace_or_die


def scenario(out: Path, place: str) -> dict[str, object]:
    """A run killed at ``place`` and resumed; "" for an unbroken one. Each part is a process of its own."""
    killed = in_child(lambda: killed_run(out, place)) if place else None
    return {"killed": killed, "temporary": len(list(out.glob("*/.*.tmp"))), "result": in_child(lambda: whole_run(out))}


def killed_run(out: Path, place: str) -> None:
    if ":" in place:
        number, when = place.split(":")
        kill_while_writing(int(number), when)
    tiny_run(tiny_config(out), extra=(Kill(place),))


def whole_run(out: Path) -> None:
    scramble()
    result = tiny_run(tiny_config(out), resume=True)
    print("hash", read_final(result.final)["hash"])


def scramble() -> None:
    """Leave every generator in another state than a run's, so that a state which is not restored shows."""
    torch.manual_seed(time.time_ns() % 2**31)


def in_child(action: Callable[[], None]) -> int:
    """Exit status of a forked process that does ``action``: negative for a signal.

    A fork, because hundreds of runs are killed and each new process would import torch again. Python warns that locks
    of other threads stay locked in the child; torch runs on one thread here, and no loader processes are in use.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Run the scenarios ``argv[2:]`` in folders of these names below ``argv[1]``."""
    torch.set_num_threads(1)
    metrics_log.draw = lambda run: None  # drawing takes longer than all else here
    root = Path(sys.argv[1])
    # What PyTorch and scikit-learn import on first use is imported once, before the forks.
    tiny_run(tiny_config(root / "warm", stage__epochs=1))
    found = {place: scenario(root / f"killed-{place.replace(':', '-')}", place) for place in sys.argv[2:]}
    (root / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
