"""One specialist through the whole curriculum, stage after stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dfcore.config import TrainConfig
from dfcore.console.progress import TERMINAL, Progress
from dfcore.device import choose_device
from dfcore.errors import UsageError
from dfcore.plugins import registry
from dfcore.runs.folder import RunFolder
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.names import check_names
from dfcore.training.result import RunResult
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.memory import release_memory
from dfcore.training.runtime.time_limit import TimeLimit
from dfcore.training.trainer import train

__all__ = ["train_curriculum"]


def train_curriculum(
    configs: Sequence[TrainConfig], *, overwrite: bool = False, progress: Progress = TERMINAL
) -> list[RunResult]:
    """Train each stage in turn: finished ones are left as they are, an unfinished one is resumed.

    Args:
        configs: one for each stage, in their order, all with the same specialist and ``run.out``.
        overwrite: discard the runs that are there and begin again.
        progress: as :func:`~dfcore.training.trainer.train`.

    Raises:
        UsageError, DataError: a stage's dataset, or a chunk of it, is not there; said before anything is trained.
        DfcoreError: whatever :func:`~dfcore.training.trainer.train` raises; the stages before keep their results.
    """
    limit = TimeLimit(configs[0].run.time_limit)  # one for all stages
    _on_main(configs[0], lambda: _require_data(configs))
    results = []
    for config in configs:
        if limit.text:
            _on_main(config, partial(_require_time, config, limit))
        results.append(train(config, resume=not overwrite, overwrite=overwrite, limit=limit, progress=progress))
        release_memory()  # the next stage's model comes before this one's would be collected by itself
    return results


def _on_main(config: TrainConfig, action: Callable[[], None]) -> None:
    """Between the stages, which join the other processes each for itself: one process decides for all."""
    world = World.start(lambda local_rank: choose_device(config.run.device, local_rank))
    try:
        world.on_main(action)
    except BaseException:
        world.let_speak()
        raise
    finally:
        world.close()


def _require_time(config: TrainConfig, limit: TimeLimit) -> None:
    if not RunFolder.of(config).summary.exists():
        limit.check(f"before stage {config.stage.number} began")


def _require_data(configs: Sequence[TrainConfig]) -> None:
    """Look for everything now that a later stage would miss hours from here."""
    for config in configs:
        check_names(config, [registry().specialist(config.specialist)])
    datasets = registry().datasets()
    given = [config for config in configs if not datasets[config.stage.dataset].generated]
    gone = [
        f"  stage {config.stage.number}: {datasets[config.stage.dataset].title} in {config.data.root}"
        for config in given
        if not Path(config.data.root).exists()
    ]
    if gone:
        raise UsageError(
            "the whole curriculum needs the data of each stage, and these folders are not there:\n"
            + "\n".join(gone)
            + "\nCorrect the paths (`dfcore datasets` shows them), or train one stage with stage=N."
        )
    for config in given:
        if not RunFolder.of(config).summary.exists():
            choose_videos(config, [registry().specialist(config.specialist)])
