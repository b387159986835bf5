"""Filling a clip store ahead of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dfcore.errors import UsageError
from dfcore.progress import TERMINAL, Guarded, Progress

if TYPE_CHECKING:
    from dfcore.config import TrainConfig
    from dfcore.specs import SpecialistSpec
    from dfcore.training.inputs.prepare import Prepared

__all__ = ["prepare", "trainable_specialists"]


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
    progress: Progress = TERMINAL,
) -> Prepared:
    """Make the clip store of the configured dataset; training finds it there.

    All splits are prepared, the test split included. What is prepared already is kept.

    Args:
        config: which dataset, from where, into which store; see :func:`dfcore.configure`.
        specialists: what is prepared serves all of these; () means ``config.specialist`` alone.
        workers: processes; None means one per core.
        retry_failed: try again the videos listed in ``failed.jsonl``.
        progress: shows a bar, and warns when the disk is not likely to hold all clips; ``dfcore.SILENT`` says nothing.

    Returns:
        The records that can be used, the store's folder, and the report: what failed, and why.

    Raises:
        UsageError: an option, name or combination that cannot be; a specialist without a cue module.
        DataError: the dataset cannot be used.
        WriteError: the disk is full or not writable; what was done is kept.
    """
    from dfcore.plugins import registry
    from dfcore.runs.hold import StoreHold
    from dfcore.training.inputs import prepare as inputs
    from dfcore.training.inputs.choose import choose_videos
    from dfcore.training.inputs.names import check_names
    from dfcore.training.inputs.store_watch import StoreWatch

    progress = Guarded(progress)
    specs: list[SpecialistSpec] = [registry().trainable(name) for name in specialists or (config.specialist,)]
    check_names(config, specs)
    chosen = choose_videos(config, specs)
    store = inputs.store_path(config)
    watch = StoreWatch(store, chosen.records, progress.warn, chunked=bool(chosen.chunks))
    with StoreHold(store, "preparing"):
        return inputs.prepare_data(
            config,
            specs,
            chosen=chosen,
            workers=workers,
            retry_failed=retry_failed,
            check=watch.count,
            progress=progress,
        )
