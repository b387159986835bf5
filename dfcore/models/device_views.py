"""Views and backbones on the device where the model is, in the memory format that it computes fastest."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["move_views", "use_channels_last"]


def move_views(views: Mapping[str, Tensor], device: torch.device, *, channels_last: bool) -> dict[str, Tensor]:
    """The views on ``device``; images (3 channels) in ``channels_last`` memory format if asked."""
    moved = {}
    for name, view in views.items():
        image = channels_last and view.ndim == 4 and view.shape[1] == 3
        layout = torch.channels_last if image else torch.preserve_format
        moved[name] = view.to(device, non_blocking=True, memory_format=layout)
    return moved


def use_channels_last(model: nn.Module, device: torch.device) -> bool:
    """Put a specialist's backbone into channels-last memory format where that is faster: not on Apple GPUs.

    Convolutions then compute in that format whatever the format of the images; values change in their last bits.

    Returns:
        Whether it was.
    """
    backbone = getattr(model, "backbone", None)
    if device.type == "mps" or not isinstance(backbone, nn.Module):
        return False
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return True
