"""The processes that train together, as ``torchrun`` starts them; or one alone."""

from __future__ import annotations

import gc
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dfcore.errors import DfcoreError, RunError, RunInterrupted, TimeLimitReached
from dfcore.training.runtime.taking_part import TakingPart, may_be_left_out

__all__ = ["World"]

T = TypeVar("T")
E = TypeVar("E", bound=DfcoreError)

_PATIENCE = timedelta(days=1)
"""How long the others wait while the first process looks through a dataset. A process that dies ends the wait."""
_LOOK = 0.2
"""Seconds between two looks of a process that waits for the others."""
_FAREWELL = 5.0
"""Seconds that a process which leaves with an error waits for the first one, which may not know of it."""
_starts = itertools.count()
_parts = itertools.count()


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run.

    Attributes:
        rank: this process's number, 0 for the one that writes and prints.
        size: how many there are.
        local_rank: its number on its own machine.
        local_size: how many there are on its machine.
        key_value_store: where the processes leave word for each other without waiting; None for one alone.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    key_value_store: Any = field(default=None, repr=False, compare=False)

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
            rank, size, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
            local_size = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        except (KeyError, ValueError) as error:
            raise RunError(
                f"WORLD_SIZE is set but not what belongs to it ({error}). Start several processes with "
                "`torchrun --standalone --nproc-per-node N -m dfcore train ...`, or unset WORLD_SIZE for one."
            ) from error
        if size == 1:
            return cls()
        from torch.distributed.distributed_c10d import PrefixStore  # not in every build of PyTorch
        from torch.distributed.rendezvous import rendezvous

        chosen = device(local_rank)
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
        # A store of its own for each start: that of torchrun outlives the group, and the addresses that an earlier
        # stage's group left there must not be taken for this one's.
        shared, _, _ = next(rendezvous("env://", rank, size, timeout=_PATIENCE))
        key_value_store = PrefixStore(f"dfcore/{next(_starts)}", shared)
        dist.init_process_group(backend, store=key_value_store, rank=rank, world_size=size, timeout=_PATIENCE)
        return cls(rank, size, local_rank, local_size, key_value_store)

    def let_speak(self) -> None:
        """Before leaving with an error: ``torchrun`` ends all processes as soon as one is gone, so the first one, which
        prints what happened, goes first.
        """
        if self.size == 1:
            return
        with suppress(RuntimeError):  # torchrun itself may be gone
            if self.is_main:
                self.key_value_store.set("leaving", "")
                return
            end = time.monotonic() + _FAREWELL
            while not self.key_value_store.check(["leaving"]) and time.monotonic() < end:
                time.sleep(_LOOK)
        time.sleep(1)

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
            DfcoreError: ``action`` raised it; the other processes raise one with its message.
        """
        if self.size == 1:
            return action()
        outcome: list[Any] = [None, None]
        failure: DfcoreError | None = None
        if self.is_main:
            try:
                outcome[0] = action()
            except DfcoreError as error:
                failure, outcome[1] = error, _described(error)
        with _meeting():
            dist.broadcast_object_list(outcome, src=0)
        if failure is not None:
            raise failure
        if outcome[1]:
            raise self._reported(0, outcome[1])
        return cast("T", outcome[0])

    def together(self, action: Callable[[], T]) -> T:
        """Do ``action`` on every process, each for itself; where one fails, all do.

        Raises:
            DfcoreError: ``action`` raised it here, or on another process, which the message names.
        """
        if self.size == 1:
            return action()
        result, failure = None, None
        try:
            result = action()
        except Exception as error:  # raised again when the others know of it
            failure = error
        self._agree(failure)
        return cast("T", result)

    def side_by_side(self, part: Callable[[Callable[[], None]], T], check: Callable[[], None]) -> list[T]:
        """Do a long part of some work on every process, each at its own pace; what each returned, by rank.

        Where one fails, the others stop at their next look; no time limit of a collective call is in force meanwhile.

        Args:
            part: the work, called with a function that it must call now and then, and that raises to stop it.
            check: called at each look, also while waiting for the others; may raise to stop all.

        Raises:
            DfcoreError: ``part`` or ``check`` raised it here, or on another process, which the message names.
        """
        if self.size == 1:
            return [part(check)]
        number = next(_parts)
        stop, done = f"stop-{number}", f"done-{number}"

        def look() -> None:
            check()
            if self.key_value_store.check([stop]):
                raise _StoppedElsewhere

        result, failure = None, None
        try:
            result = part(look)
            self.key_value_store.add(done, 1)
            while self.key_value_store.add(done, 0) < self.size:
                look()
                time.sleep(_LOOK)
        except _StoppedElsewhere:
            pass  # the reason comes below
        except Exception as error:
            failure = error
            with suppress(RuntimeError):  # torchrun itself may be gone
                self.key_value_store.set(stop, "")
        self._agree(failure)
        return self.gather(cast("T", result))

    def _agree(self, failure: Exception | None) -> None:
        """Tell all processes of each one's failure, and raise it.

        Raises:
            Exception: ``failure``.
            DfcoreError: another process has one, or is gone.
        """
        try:
            reasons = self.gather(_described(failure))
        except RunError:
            if failure is not None:
                raise failure from None
            raise
        if failure is not None:
            raise failure
        for rank, reason in enumerate(reasons):
            if reason is not None:
                raise self._reported(rank, reason)

    def _reported(self, rank: int, reason: tuple[str, str]) -> DfcoreError:
        """Another process's failure, as this one raises it."""
        kind, text = reason
        return self.repeated(_KINDS.get(kind, RunError)(f"process {rank} of {self.size} ended: {text}"))

    def repeated(self, error: E) -> E:
        """An error that every process raises: only the first one prints it."""
        error.told = not self.is_main
        return error

    def gather(self, value: T) -> list[T]:
        """Every process's value, by rank, on every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _meeting():
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
            with _meeting():
                dist.all_reduce(result, operation)
        return result

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model as it is called in training: gradients are averaged over the processes.

        A specialist may leave a branch unused (no audio in any clip of the batch), on one process and not on another;
        see :mod:`dfcore.training.runtime.taking_part`.
        """
        if self.size == 1:
            return model
        devices = [device.index] if device.type == "cuda" else None
        whole = TakingPart(model, may_be_left_out(model, device))
        return nn.parallel.DistributedDataParallel(whole, device_ids=devices)

    def accumulating(self, network: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """The context of one batch's passes: only a group's last batch exchanges gradients."""
        if isinstance(network, nn.parallel.DistributedDataParallel) and not last:
            return network.no_sync()
        return nullcontext()

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's buffers (batch-norm statistics), so that all evaluate one model."""
        self._share(model.buffers())

    def share_state(self, model: nn.Module) -> None:
        """Give every process the first one's parameters and buffers: weights that it alone has loaded."""
        self._share(itertools.chain((parameter.data for parameter in model.parameters()), model.buffers()))

    def _share(self, tensors: Iterable[Tensor]) -> None:
        if self.size > 1:
            with _meeting():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)


@contextmanager
def _meeting() -> Iterator[None]:
    """A call in which all processes meet: one that is gone is an error in words."""
    try:
        yield
    except RuntimeError as error:
        raise RunError(
            "another process of this run has ended; see what it said. If it was killed (for want of memory, perhaps), "
            f"start again with resume=True to go on. ({str(error).splitlines()[0]})"
        ) from error


class _StoppedElsewhere(Exception):  # noqa: N818 - says where the error is
    """Another process has failed."""


_KINDS: dict[str, type[DfcoreError]] = {kind.__name__: kind for kind in (RunInterrupted, TimeLimitReached)}
"""Failures that keep their kind, and with it the exit code, on the processes that repeat them."""


def _described(error: Exception | None) -> tuple[str, str] | None:
    if error is None:
        return None
    kind = type(error).__name__
    return kind, (str(error) or kind) if isinstance(error, DfcoreError) else f"{kind}: {error}"
