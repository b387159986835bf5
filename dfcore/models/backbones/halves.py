"""A batch through a network on a CPU: its halves at the same time, in place of every operator with all threads.

The threads of an operator wait for each other at its end, hundreds of times in a forward pass; where another process
takes one of the cores for a moment, all of them wait. Two halves of a batch wait for each other once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules

__all__ = ["in_halves", "pays"]


def pays(network: nn.Module, batch: Tensor) -> bool:
    """Whether halves of this batch can be computed at the same time, and it makes no difference that they are.

    On a CPU with threads for both, and in inference mode, so that nothing is remembered for a gradient. A network in
    training mode learns from the batch as a whole; and a caller who traces, counts, hooks into the network or asks for
    another precision has asked that of his own thread, once for a batch.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
        return False
    return (
        batch.device.type == "cpu"
        and batch.shape[0] > 1
        and torch.is_inference_mode_enabled()
        and torch.get_num_threads() > 1
        and not network.training
        and not torch.is_autocast_enabled("cpu")
        and not (torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack())
        and not has_hooks(network)
    )


def has_hooks(network: nn.Module) -> bool:
    return bool(modules._global_forward_hooks or modules._global_forward_pre_hooks) or any(
        one._forward_hooks or one._forward_pre_hooks for one in network.modules()
    )


def in_halves(network: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """What ``network`` gives of a batch, each half computed with half of torch's threads; at once where no thread can
    be started (there are too many, or the main one has ended).

    Args:
        network: computes each sample by itself, and can be called by two threads at once.
        batch: at least two samples.
    """
    threads, begun = torch.get_num_threads(), Event()

    def half(part: Tensor) -> Tensor:
        torch.set_num_threads(max(1, threads // 2))  # those of the thread that calls
        begun.set()
        with torch.inference_mode():
            return network(part)

    first, second = batch.tensor_split(2)
    with ThreadPoolExecutor(2, thread_name_prefix="half") as helpers:
        try:
            other = helpers.submit(half, second)
        except RuntimeError:
            return network(batch)
        try:
            torch.set_num_threads(max(1, threads // 2))
            begun.wait()
            with suppress(RuntimeError):  # what threads get that others start meanwhile, and for good
                helpers.submit(torch.set_num_threads, threads).result()
            with torch.inference_mode():
                return torch.cat([network(first), other.result()])
        finally:
            other.exception()  # whoever fails, both are done
            torch.set_num_threads(threads)
