"""Loaders over the samples. No sample depends on which process reads it, nor on how many there are."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Subset

from dfcore.data.workers.machine import usable_cores
from dfcore.training.inputs.data import EpochSampler
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.signals import ignore_stop_signals

__all__ = ["evaluation_loader", "training_loader", "worker_count"]


class _Rest:
    """What is left of an epoch's draw from sample ``start`` on."""

    def __init__(self, sampler: EpochSampler, start: int) -> None:
        self._sampler, self._start = sampler, start

    def __len__(self) -> int:
        return len(self._sampler) - self._start

    def __iter__(self) -> Iterator[int]:
        return iter(self._sampler)


def training_loader(
    data: Dataset[Any],
    sampler: EpochSampler,
    *,
    epoch: int,
    start: int,
    batch_size: int,
    workers: int,
    device: torch.device,
) -> DataLoader[Any]:
    """Batches of ``epoch`` from sample ``start`` on. A new loader for each epoch: its workers copy the samples as
    they are now, drawn for this epoch.
    """
    set_epoch = getattr(data, "set_epoch", None)
    if set_epoch is not None:
        set_epoch(epoch)
    sampler.set_epoch(epoch, start)
    return _loader(data, batch_size, workers, device, sampler=_Rest(sampler, start))


def evaluation_loader(
    data: Dataset[Any], *, batch_size: int, workers: int, device: torch.device, world: World
) -> DataLoader[Any]:
    """This process's share of the samples: ``rank, rank + size, ...``, none twice and none left out."""
    share = Subset(data, range(world.rank, len(data), world.size))  # type: ignore[arg-type]
    return _loader(share, batch_size, workers, device)


def _loader(data: Dataset[Any], batch_size: int, workers: int, device: torch.device, **how: Any) -> DataLoader[Any]:
    return DataLoader(
        data,
        batch_size=batch_size,
        num_workers=workers,
        multiprocessing_context=_start_method() if workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=ignore_stop_signals if workers else None,
        # A loader draws a seed for its workers when it starts. From the global generator, that would shift the
        # dropout of a resumed epoch, which starts its loader once more than an unbroken one.
        generator=torch.Generator(),
        **how,
    )


def _start_method() -> Any:
    """How loader processes start: from a server process on Linux, else as Python does it on that system.

    A fork of this process would copy locks that threads of torch, CUDA or a decoder hold, and might hang; Python warns
    of it from 3.12 on. The server runs no threads and has imported what samples need (if it was not running before),
    so a start costs a fork and the unpickling of the samples. ``spawn`` would import torch in each process, for each
    loader: about 2 s, twice an epoch.
    """
    if not sys.platform.startswith("linux"):
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dfcore.data.samples", __name__])
    # SIGTERM to the whole group would end the server, and a loader takes the death of its server for that of its
    # workers. A blocked signal stays blocked in new processes, here also until a worker has set its handlers.
    resource_tracker.ensure_running()  # the server wants it, and its start unblocks both signals
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


def worker_count(requested: int, device: torch.device, local_size: int = 1) -> int:
    """Loader processes of each of ``local_size`` on this machine: as asked, or (-1) by device and cores.

    A GPU is kept busy by up to 8 processes; on a CPU the model wants the cores itself.
    """
    if requested >= 0:
        return requested
    cores = usable_cores()
    if device.type == "cpu":
        return 0 if cores <= 4 * local_size else 2
    return max(1, min(8, cores // local_size - 1))
