"""What the tests of every plugin's cue module ask of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from dfcore.errors import ModelError
from dfcore.specs import SpecialistSpec

__all__ = ["axes_of", "check_kept", "check_refused", "check_widths"]

Shapes = Mapping[str, tuple[int, ...]]


def axes_of(shapes: Shapes) -> list[tuple[str, int]]:
    """Every axis behind the batch, of views by name."""
    return [(name, axis) for name, shape in shapes.items() for axis in range(len(shape))]


def check_refused(module: nn.Module, views: Mapping[str, Tensor], name: str, axis: int) -> None:
    """A view that is longer or shorter by one along an axis (behind the batch) is refused by its name."""
    for change in (1, -1):
        size = list(views[name].shape)
        size[axis + 1] += change
        with pytest.raises(ModelError, match=rf"the view '{name}' must have the shape \[B, "):
            module.eval()({**views, name: torch.zeros(size)})


def check_widths(module: nn.Module, spec: SpecialistSpec, channels: int) -> None:
    """Each cue is as wide as announced, and they stand in that order."""
    widths = {name: cue.projection.outer.out_features for name, cue in module.named_children()}  # type: ignore[union-attr]
    assert list(widths.items()) == [(cue.name, cue.channels) for cue in spec.cues]
    assert sum(widths.values()) == module.channels == channels


def check_kept(module: nn.Module) -> None:
    """What is fixed is not kept with the weights."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    kept = {name for name in module.state_dict() if name.rpartition(".")[2] not in statistics}
    assert kept == {name for name, _ in module.named_parameters()}
