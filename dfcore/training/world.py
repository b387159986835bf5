"""The processes that train together, as ``torchrun`` starts them; or one alone."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dfcore.errors import DfcoreError, RunError

__all__ = ["World"]

T = TypeVar("T")

_PATIENCE = timedelta(days=7)
"""How long the others wait while the first process prepares data. A process that dies ends the wait at once."""


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run.

    Attributes:
        rank: this process's number, 0 for the one that writes and prints.
        size: how many there are.
        local_rank: its number on its own machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def start(cls, device: Callable[[int], torch.device]) -> World:
        """Join the processes that ``torchrun`` started, or be alone.

        Args:
            device: from the local rank to this process's device; decides between NCCL and gloo.

        Raises:
            RunError: the variables that ``torchrun`` sets are incomplete.
        """
        if "WORLD_SIZE" not in os.environ:
            return cls()
        try:
            world = cls(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        except (KeyError, ValueError) as error:
            raise RunError(
                f"WORLD_SIZE is set but not what belongs to it ({error}). Start several processes with "
                "`torchrun --standalone --nproc-per-node N -m dfcore train ...`, or unset WORLD_SIZE for one."
            ) from error
        if world.size == 1:
            return world
        chosen = device(world.local_rank)
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=_PATIENCE)
        return world

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1 and dist.is_initialized():
            # A wrapped network lies in reference cycles and holds the group: drop it now, not at the interpreter's end,
            # where the group's threads may still run (a finished process was once seen to end with an abort).
            gc.collect()
            dist.destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def on_main(self, action: Callable[[], T]) -> T:
        """Do ``action`` on the first process and give its result to all.

        Raises:
            DfcoreError: ``action`` raised it; the other processes raise a RunError with its message.
        """
        if self.size == 1:
            return action()
        outcome: list[Any] = [None, ""]
        failure: DfcoreError | None = None
        if self.is_main:
            try:
                outcome[0] = action()
            except DfcoreError as error:
                failure, outcome[1] = error, str(error) or type(error).__name__
        dist.broadcast_object_list(outcome, src=0)
        if failure is not None:
            raise failure
        if outcome[1]:
            raise RunError(f"the first process stopped: {outcome[1]}")
        return cast("T", outcome[0])

    def gather(self, value: T) -> list[T]:
        """Every process's value, by rank, on every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def total(self, values: Tensor) -> Tensor:
        """The sum of every process's values; a new tensor."""
        return self._reduce(values, dist.ReduceOp.SUM)

    def greatest(self, values: Tensor) -> Tensor:
        """The greatest of every process's values, element by element; a new tensor."""
        return self._reduce(values, dist.ReduceOp.MAX)

    def _reduce(self, values: Tensor, operation: Any) -> Tensor:
        result = values.clone()
        if self.size > 1:
            dist.all_reduce(result, operation)
        return result

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model as it is called in training: gradients are averaged over the processes.

        A specialist may leave a branch unused (no sound in any clip of the batch), which DDP must look for. Where
        none does, PyTorch says once that the search was not needed; that is no fault.
        """
        if self.size == 1:
            return model
        devices = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices, find_unused_parameters=True)

    def accumulating(self, network: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """The context of one batch's passes: only a group's last batch exchanges gradients."""
        if isinstance(network, nn.parallel.DistributedDataParallel) and not last:
            return network.no_sync()
        return nullcontext()

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's buffers (batch-norm statistics), so that all evaluate one model."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)
