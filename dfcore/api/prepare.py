"""Filling a clip store ahead of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dfcore.console.progress import TERMINAL, Guarded, Progress
from dfcore.errors import UsageError

if TYPE_CHECKING:
    from dfcore.config import TrainConfig
    from dfcore.specs import SpecialistSpec
    from dfcore.training.inputs.choose import Chosen
    from dfcore.training.inputs.estimate import Estimate
    from dfcore.training.inputs.prepare import Prepared

__all__ = ["estimate_store", "prepare", "trainable_specialists"]


def trainable_specialists() -> list[str]:
    """Names of the installed specialists that have a cue module and load."""
    from dfcore.plugins import registry

    known = registry()
    broken = known.load_all()
    names = [name for name in known.specialist_names() if name not in broken and known.specialist(name).trainable]
    if not names:
        raise UsageError("no specialist with a cue module is installed; for example: pip install dfs-cm.")
    return names


def prepare(
    config: TrainConfig,
    specialists: Sequence[str] = (),
    *,
    workers: int | None = None,
    retry_failed: bool = False,
    shard: str = "",
    progress: Progress = TERMINAL,
) -> Prepared:
    """Make the clip store of the configured dataset; training finds it there.

    All splits are prepared, the test split included. What is prepared already is kept.

    Args:
        config: which dataset, from where, into which store; see :func:`dfcore.configure`.
        specialists: what is prepared serves all of these; () means ``config.specialist`` alone.
        workers: processes; None means one per core.
        retry_failed: try again the videos listed in ``failed.jsonl``.
        shard: ``"I/N"`` prepares only share I of N, from 1; which videos are in it follows from their ids. Shares may
            be prepared at the same time, on several machines, into one store on a shared disk.
        progress: shows a bar, and warns when the disk is not likely to hold all clips; ``dfcore.SILENT`` says nothing.

    Returns:
        The records that can be used, the store's folder, and the report: what failed, and why.

    Raises:
        UsageError: an option, name or combination that cannot be; a specialist without a cue module.
        DataError: the dataset cannot be used.
        WriteError: the disk is full or not writable; what was done is kept.
        TimeLimitReached: ``run.time_limit`` came; what was done is kept.
    """
    from dfcore.runs.hold import StoreHold
    from dfcore.training.inputs import prepare as inputs
    from dfcore.training.inputs.shards import Shard
    from dfcore.training.inputs.store_watch import StoreWatch
    from dfcore.training.runtime.time_limit import TimeLimit

    limit, progress = TimeLimit(config.run.time_limit), Guarded(progress)
    share = Shard.parse(shard) if shard else None
    specs, chosen = _chosen(config, specialists)

    def check() -> None:
        watch.count()
        limit.check(again="prepare again")

    store = inputs.store_path(config)
    watch = StoreWatch(store, chosen.records, progress.warn, chunked=bool(chosen.chunks))
    with StoreHold(store, "preparing"):
        return inputs.prepare_data(
            config,
            specs,
            chosen=chosen,
            workers=workers,
            retry_failed=retry_failed,
            shard=share,
            check=check,
            progress=progress,
        )


def estimate_store(
    config: TrainConfig,
    specialists: Sequence[str] = (),
    *,
    sample: int = 8,
    workers: int | None = None,
    shard: str = "",
    progress: Progress = TERMINAL,
) -> Estimate:
    """What :func:`prepare` is likely to take, in space and time, from a few of the videos; nothing stays of them.

    Args:
        config: as for :func:`prepare`.
        specialists: likewise.
        sample: how many videos are prepared at most to find out.
        workers: processes; None means one per core.
        shard: as for :func:`prepare`.
        progress: shows a bar.

    Raises:
        DatasetError: not one of the sampled videos can be used.
        DfcoreError: as :func:`prepare`.
    """
    from dfcore.training.inputs.estimate import estimate
    from dfcore.training.inputs.shards import Shard

    share = Shard.parse(shard) if shard else None
    specs, chosen = _chosen(config, specialists)
    guarded = Guarded(progress)
    return estimate(config, specs, chosen, sample=sample, workers=workers or 0, shard=share, progress=guarded)


def _chosen(config: TrainConfig, specialists: Sequence[str]) -> tuple[list[SpecialistSpec], Chosen]:
    from dfcore.plugins import registry
    from dfcore.training.inputs.choose import choose_videos
    from dfcore.training.inputs.names import check_names

    specs = [registry().trainable(name) for name in specialists or (config.specialist,)]
    check_names(config, specs)
    return specs, choose_videos(config, specs)
