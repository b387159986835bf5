"""The cue module: which shapes it refuses, how wide each cue is, and what is kept with its weights."""

from __future__ import annotations

import pytest
import torch

from dfcore.errors import ModelError
from dfs_cm.module import CueModule
from dfs_cm.plugin import dfcore_specialist

SHAPES: dict[str, tuple[int, ...]] = {
    "tiles": (49, 64, 64),
    "tile_face": (49, 4, 4),
    "qp": (49, 4, 4),
    "ghost": (49, 18, 4, 4),
}
"""Of each view, after the batch."""


@pytest.mark.parametrize(("name", "axis"), [(name, axis) for name in SHAPES for axis in range(len(SHAPES[name]))])
def test_a_view_of_another_size_is_refused(name: str, axis: int) -> None:
    module = CueModule().eval()
    for change in (1, -1):
        views = {name: torch.zeros(1, *shape) for name, shape in SHAPES.items()}
        size = list(views[name].shape)
        size[axis + 1] += change
        views[name] = torch.zeros(size)
        with pytest.raises(ModelError, match=rf"the view '{name}' must have the shape \[B, "):
            module(views)


def test_each_cue_is_as_wide_as_announced_and_they_stand_in_that_order() -> None:
    module, spec = CueModule(), dfcore_specialist()
    widths = {name: cue.projection.outer.out_features for name, cue in module.named_children()}
    assert list(widths.items()) == [(cue.name, cue.channels) for cue in spec.cues]
    assert sum(widths.values()) == module.channels == 40


def test_what_is_fixed_is_not_kept_with_the_weights() -> None:
    module = CueModule()
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    kept = {name for name in module.state_dict() if name.rpartition(".")[2] not in statistics}
    assert kept == {name for name, _ in module.named_parameters()}
