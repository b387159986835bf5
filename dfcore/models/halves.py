"""A batch through a network on a CPU: its halves at the same time, in place of every operator with all threads.

The threads of an operator wait for each other at its end, hundreds of times in a forward pass; where another process
takes one of the cores for a moment, all of them wait. Two halves of a batch wait for each other once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

__all__ = ["in_halves", "pays"]


def pays(batch: Tensor) -> bool:
    """Whether halves of this batch can be computed at the same time: on a CPU with threads for both, and in inference
    mode, so that nothing is traced or remembered for a gradient.
    """
    return (
        batch.device.type == "cpu"
        and len(batch) > 1
        and torch.is_inference_mode_enabled()
        and torch.get_num_threads() > 1
    )


def in_halves(network: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """What ``network`` gives of a batch, each half computed with half of torch's threads.

    Args:
        network: computes each sample by itself, and can be called by two threads at once.
        batch: at least two samples.
    """
    threads = torch.get_num_threads()

    def half(part: Tensor) -> Tensor:
        torch.set_num_threads(max(1, threads // 2))  # those of the thread that calls
        with torch.inference_mode():
            return network(part)

    first, second = batch.tensor_split(2)
    with ThreadPoolExecutor(1, thread_name_prefix="half") as helper:
        other = helper.submit(half, second)
        try:
            return torch.cat([half(first), other.result()])
        finally:
            other.exception()  # whoever fails, both are done
            torch.set_num_threads(threads)
