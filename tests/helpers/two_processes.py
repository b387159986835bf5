"""What ``torchrun`` starts for ``test_world.py``: two processes that evaluate, train, are interrupted and resume."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from tiny_run import TinyModel, TinySamples, metrics_log, plain_run, tiny_config, tiny_run

from dfcore.device import choose_precision
from dfcore.errors import CheckpointError, RunError, RunInterrupted, WriteError
from dfcore.evaluation.predictions import predict_samples
from dfcore.evaluation.summary import summarise
from dfcore.models.files import weights
from dfcore.models.files.weights import state_hash
from dfcore.training.loaders import evaluation_loader
from dfcore.training.protocols import BaseCallback
from dfcore.training.runtime.distributed import World

CPU = torch.device("cpu")


class SignalToTheSecond(BaseCallback):
    def on_step(self, run: Any) -> None:
        if run.step == 3 and run.world.rank == 1:
            os.kill(os.getpid(), 15)


class Keep(BaseCallback):
    """The trained weights, before the best epoch's take their place."""

    def on_epoch(self, run: Any) -> None:
        self.hash = state_hash(dict(run.model.named_parameters()))
        self.epoch_loss = run.history[-1]["train"]["loss"]


def evaluate(world: World) -> dict[str, Any]:
    model = TinyModel()
    data = TinySamples(2, videos=11)
    loader = evaluation_loader(data, batch_size=4, workers=0, device=CPU, world=world)
    return summarise(predict_samples(model, loader, CPU, choose_precision(CPU), world))


def full_disk(world: World, out: Path) -> list[str]:
    """What each process is told when the first cannot write an epoch's weights, and nobody waits for it afterwards."""
    save = weights.save_zip

    def full(path: Path, *_: Any) -> None:
        raise WriteError(f"{path.name} cannot be written")

    weights.save_zip = full
    try:
        tiny_run(tiny_config(out / "full", stage__epochs=1), world=world)
    except (RunError, WriteError) as error:
        return world.gather(f"{type(error).__name__}: {error}")
    finally:
        weights.save_zip = save
    return []


def main() -> None:
    torch.set_num_threads(1)
    metrics_log.draw = lambda run: None
    out = Path(sys.argv[1])
    world = World.start(lambda local: CPU)
    found: dict[str, Any] = {"rank": world.rank, "size": world.size, "metrics": evaluate(world)}

    keep = Keep()
    result = tiny_run(tiny_config(out / "whole", stage__epochs=2), world=world, extra=(keep,))
    found |= {"hash": keep.hash, "loss": keep.epoch_loss, "best": result.metrics}

    steps = plain_run(out / "plain", world)
    found["plain"] = {"norms": steps.norms, "weights": steps.weights, "train": steps.train}

    config = tiny_config(out / "broken", stage__epochs=2, run__save_every=0)
    try:
        tiny_run(config, world=world, extra=(SignalToTheSecond(),))
    except RunInterrupted as error:
        found["interrupted"] = str(error)
    tiny_run(config, world=world, resume=True, extra=(keep,))
    found["resumed_hash"] = keep.hash

    model = TinyModel(seed=world.rank)
    model.backbone[1].running_mean += world.rank
    before = state_hash(model.state_dict())
    world.share_state(model)
    found["shared"] = {"before": before, "after": state_hash(model.state_dict())}

    found["full"] = full_disk(world, out)

    def fail() -> None:
        raise CheckpointError("the disk is full")

    try:
        world.on_main(fail)
    except CheckpointError as error:
        found["error"] = f"CheckpointError: {error}"
    except RunError as error:
        found["error"] = f"RunError: {error}"
    (out / f"rank{world.rank}.json").write_text(json.dumps(found))
    world.close()


if __name__ == "__main__":
    main()
