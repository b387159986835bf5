"""Which device, and which number format on it: chosen by what the device gains, with the reason in words."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from dfcore.errors import ConfigError, UnknownNameError

__all__ = ["DEVICES", "PRECISIONS", "Precision", "choose_device", "choose_precision"]

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Precision:
    """How a forward pass computes.

    Attributes:
        name: ``fp32``, ``bf16`` or ``fp16``.
        device_type: ``cpu``, ``cuda`` or ``mps``.
        reason: why, for people.
    """

    name: str
    device_type: str
    reason: str = ""

    @property
    def scaled(self) -> bool:
        """Whether gradients need loss scaling, because small ones vanish in the format."""
        return self.name == "fp16"

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass; does nothing for fp32."""
        if self.name == "fp32":
            return nullcontext()
        return torch.autocast(self.device_type, dtype=_DTYPES[self.name])

    def scaler(self) -> torch.amp.GradScaler:
        """A gradient scaler, which passes everything through unless :attr:`scaled`."""
        return torch.amp.GradScaler(self.device_type, enabled=self.scaled)


def choose_device(requested: str = "auto", local_rank: int = 0) -> torch.device:
    """The device named, or the best there is.

    Args:
        requested: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        local_rank: this process's number on its machine; with several processes each takes its own GPU.

    Raises:
        UnknownNameError: no such kind of device.
        ConfigError: this machine, or this build of PyTorch, has not got it.
    """
    kind, _, number = requested.partition(":")
    if kind not in DEVICES or (number and not number.isdigit()):
        raise UnknownNameError("device", requested, DEVICES)
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("run.device=mps, but PyTorch sees no Apple GPU here. Use run.device=auto or cpu.")
    if kind != "cuda":
        return torch.device(kind)
    index, count = int(number) if number else local_rank, torch.cuda.device_count()
    if not torch.cuda.is_available() or index >= count:
        raise ConfigError(
            f"run.device={requested} needs CUDA GPU number {index}, but PyTorch sees {count} here "
            f"(PyTorch {torch.__version__}). Use run.device=auto, or start at most {max(count, 1)} processes."
        )
    return torch.device("cuda", index)


def choose_precision(device: torch.device, requested: str = "auto") -> Precision:
    """The number format for ``device``, or the one asked for, with the reason.

    Raises:
        UnknownNameError: no such format.
        ConfigError: bf16 is asked of a GPU that has none.
    """
    if requested not in PRECISIONS:
        raise UnknownNameError("precision", requested, PRECISIONS)
    if requested == "auto":
        name, reason = _best(device)
        return Precision(name, device.type, reason)
    if requested == "bf16" and device.type == "cuda" and not _gpu_has_bf16():
        raise ConfigError(f"run.precision=bf16, but {torch.cuda.get_device_name(device)} has none. Use fp16 or auto.")
    slow = requested != "fp32" and device.type == "cpu"
    return Precision(requested, device.type, "as asked; on a CPU it is slower than fp32" if slow else "as asked")


def _best(device: torch.device) -> tuple[str, str]:
    if device.type == "cpu":
        return "fp32", "reduced precision is slower on a CPU, bf16 about ten times"
    if device.type != "cuda":
        return "fp32", f"reduced precision gains little on {device.type}"
    if _gpu_has_bf16():
        return "bf16", "this GPU computes it natively, and its range needs no loss scaling"
    return "fp16", "this GPU has no bf16; gradients are scaled against underflow"


def _gpu_has_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)
