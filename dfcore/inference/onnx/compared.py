"""What an exported specialist is compared with PyTorch on: made views of several batch sizes, and extreme ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dfcore.models.specialist import Specialist
from dfcore.testing.views import made_views

__all__ = ["batches_of", "extreme_views"]

SIZES = (1, 2, 5)
EXTREMES = ("constant images", "missing evidence", "black images")


def batches_of(model: Specialist) -> list[tuple[str, dict[str, Tensor]]]:
    """Batches of what a specialist reads, each after the words for it."""
    found = []
    for size in SIZES:
        views = made_views(model.spec, size, image_size=model.image_size, seed=10 * size)
        found.append((f"a batch of {size}", views))
    return found + [(kind, extreme_views(views, kind)) for kind in EXTREMES]


def extreme_views(views: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """A batch of views with hardly anything in it.

    Args:
        views: made views.
        kind: ``constant images``: every value of a view is its first; ``missing evidence``: whatever may be absent is
            0, and the quantiser -1; ``black images``: every value is 0.
    """
    if kind == "black images":
        return {name: torch.zeros_like(view) for name, view in views.items()}
    if kind == "constant images":
        return {name: view.flatten(1)[:, :1].unflatten(1, [1] * (view.dim() - 1)).expand_as(view).contiguous()
                for name, view in views.items()}  # fmt: skip
    images = ("face", "context", "tiles", "sequence", "mouth")
    found = {name: view if name in images else torch.zeros_like(view) for name, view in views.items()}
    return {name: view - 1 if name == "qp" else view for name, view in found.items()}
