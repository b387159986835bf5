"""What weights say of validation videos, for what is learnt from these alone: calibration, fusion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TypeVar

from dfcore.assessment.identities import check_identities
from dfcore.assessment.targets import Target
from dfcore.config import TrainConfig
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.device import choose_device
from dfcore.errors import DatasetError
from dfcore.evaluation.genuine import GenuineVideo
from dfcore.evaluation.scored import ScoredVideo, score_videos
from dfcore.models import factory
from dfcore.plugins import registry
from dfcore.runs.hold import StoreHold
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import clip_plan, store_path
from dfcore.training.inputs.sharing import prepare_together
from dfcore.training.loaders import worker_count
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.machine import Machine, make_machine
from dfcore.training.runtime.time_limit import TimeLimit

__all__ = ["on_machine", "score_validation"]

T = TypeVar("T")


def on_machine(config: TrainConfig, work: Callable[[Machine], T]) -> T:
    """Do ``work`` on the device that is configured, on all processes that ``torchrun`` started."""
    world = World.start(lambda local_rank: choose_device(config.run.device, local_rank))
    try:
        with ExitStack() as stack:
            world.on_main(lambda: stack.enter_context(StoreHold(store_path(config), "calibrating")) and None)
            return work(make_machine(config, world, TimeLimit(config.run.time_limit)))
    except BaseException:
        world.let_speak()
        raise
    finally:
        world.close()


def score_validation(
    target: Target, config: TrainConfig, machine: Machine, genuine: dict[str, GenuineVideo] | None = None
) -> list[ScoredVideo]:
    """Score the validation split's videos; what the store lacks is prepared. Every process has the same result.

    Args:
        target: the weights.
        config: dataset, clips, samples, device.
        machine: what it runs on.
        genuine: filled with what the weights make of the genuine videos, by id.

    Raises:
        DatasetError: the dataset has no validation videos.
        DataError: it cannot be used, or the weights were trained on people in its validation split.
        ModelError: the weights cannot be read, or give what is no number.
    """
    spec, world = registry().specialist(target.specialist), machine.world
    chosen = world.on_main(lambda: choose_videos(config, [spec]))
    if not any(record.split == "val" for record in chosen.records):
        raise DatasetError(
            f"{chosen.dataset} in {config.data.root} has no validation videos, and nothing else may teach a "
            "calibration, a threshold or a fusion. Name a dataset that has some, or hold some out when training: "
            "data.val_share=0.2."
        )
    for warning in world.on_main(lambda: _check_seen(target, config, chosen.records)):
        machine.log.warn(warning)
    prepared = prepare_together(config, [spec], chosen, ("val",), machine)
    model = world.together(lambda: factory.load_to_judge(target.path, device=machine.device)[0])
    with closing(machine.log.bar(f"{target.label}, val", len(prepared.records))) as bar:
        return score_videos(
            model,
            ClipStore(prepared.store),
            [record for record in prepared.records if record.split == "val"],
            device=machine.device,
            precision=machine.precision,
            samples=config.data.eval_samples,
            clip_frames=clip_plan(config, [spec]).frames,
            batch_size=config.stage.batch_size,
            workers=worker_count(config.data.workers, machine.device, world.local_size),
            world=world,
            progress=lambda video: bar.update(world.size),
            genuine=genuine,
            check=machine.limit.check,
        )


def _check_seen(target: Target, config: TrainConfig, records: tuple[VideoRecord, ...]) -> list[str]:
    return check_identities(target.meta, target.label, config.stage.dataset, config.data.root, records, "val")
