"""Backbones in the memory format that their device computes fastest."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["use_channels_last"]


def use_channels_last(model: nn.Module, device: torch.device, *, keep: bool = True) -> bool:
    """Put a specialist's backbone into channels-last memory format where that is faster: not on Apple GPUs.

    Convolutions then compute in that format whatever the format of the images; values change in their last bits.

    Args:
        model: the specialist.
        device: where it computes.
        keep: keep its parameters' values. Without, none is copied: for a model that gets its values afterwards.

    Returns:
        Whether it was.
    """
    backbone = getattr(model, "backbone", None)
    if device.type == "mps" or not isinstance(backbone, nn.Module):
        return False
    if not keep:
        for parameter in backbone.parameters():
            if parameter.dim() == 4:
                parameter.data = torch.empty_like(parameter, memory_format=torch.channels_last)
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return True
