"""Memory formats of views and backbones."""

from __future__ import annotations

import torch
from torch import nn

from dfcore.data.views.finish import move_views
from dfcore.models.backbones.device_views import use_channels_last

CPU = torch.device("cpu")


class Model(nn.Module):
    def __init__(self, backbone: object) -> None:
        super().__init__()
        self.backbone = backbone


def last(value: torch.Tensor) -> bool:
    return value.is_contiguous(memory_format=torch.channels_last) and not value.is_contiguous()


def test_images_alone_are_laid_out_for_the_convolutions_and_only_where_asked() -> None:
    views = {
        "face": torch.rand(2, 3, 8, 8),
        "tiles": torch.rand(2, 49, 8, 8),
        "sequence": torch.rand(2, 4, 3, 8, 8),
        "mouth": torch.rand(2, 3),
    }
    moved = move_views(views, CPU, channels_last=True)
    assert {name for name, view in moved.items() if view.ndim == 4 and last(view)} == {"face"}
    assert not last(move_views(views, CPU, channels_last=False)["face"])
    assert list(moved) == list(views)
    assert all(torch.equal(moved[name], view) for name, view in views.items())


def test_a_backbone_is_put_into_that_format_and_what_has_none_is_left() -> None:
    model = Model(nn.Conv2d(3, 4, 3))
    assert not use_channels_last(model, torch.device("mps"))
    assert not last(model.backbone.weight)  # type: ignore[union-attr]
    assert use_channels_last(model, CPU)
    assert last(model.backbone.weight)  # type: ignore[union-attr]
    assert not use_channels_last(Model(None), CPU)
    assert not use_channels_last(nn.Linear(1, 1), CPU)
