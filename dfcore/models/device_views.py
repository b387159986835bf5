"""Views on the device where the model is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["move_views"]


def move_views(views: Mapping[str, Tensor], device: torch.device, *, channels_last: bool) -> dict[str, Tensor]:
    """The views on ``device``; images (3 channels) in ``channels_last`` memory format if asked."""
    moved = {}
    for name, view in views.items():
        image = channels_last and view.ndim == 4 and view.shape[1] == 3
        layout = torch.channels_last if image else torch.preserve_format
        moved[name] = view.to(device, non_blocking=True, memory_format=layout)
    return moved
