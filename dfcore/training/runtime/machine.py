"""What a run runs on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dfcore.config import TrainConfig
from dfcore.console.progress import TERMINAL, Progress
from dfcore.device import Precision, choose_device, choose_precision
from dfcore.text import count_of
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.log import Log
from dfcore.training.runtime.memory import keep_freed_memory
from dfcore.training.runtime.time_limit import NO_LIMIT, TimeLimit

__all__ = ["Machine", "device_name", "make_machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run runs on, how it speaks, and how long it may take."""

    world: World
    device: torch.device
    precision: Precision
    log: Log
    limit: TimeLimit = NO_LIMIT


def make_machine(config: TrainConfig, world: World, limit: TimeLimit, progress: Progress = TERMINAL) -> Machine:
    """This process's device and precision as configured, and its log."""
    device = choose_device(config.run.device, world.local_rank)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # every batch has the same sizes
        torch.set_float32_matmul_precision("high")
    if device.type == "cpu" and config.run.keep_memory:
        keep_freed_memory()
    log = Log(speaks=world.is_main, progress=progress)
    return Machine(world, device, choose_precision(device, config.run.precision), log, limit)


def device_name(machine: Machine) -> str:
    """Processes, device and threads in words, for the log and the run's files."""
    device = machine.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    own = count_of(torch.get_num_threads(), "thread") if device.type == "cpu" else str(device)
    return f"{machine.world.size} x {name} ({own} each)" if machine.world.size > 1 else f"{name} ({own})"
