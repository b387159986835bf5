"""The cue module: which shapes it refuses, how wide each cue is, and what is kept with its weights."""

from __future__ import annotations

import pytest
import torch
from cue_modules import axes_of, check_kept, check_refused, check_widths

from dfcore.errors import ModelError
from dfs_bg.module import CueModule
from dfs_bg.plugin import dfcore_specialist

SHAPES: dict[str, tuple[int, ...]] = {"tiles": (49, 64, 64), "tile_face": (49, 4, 4)}
"""Of each view, after the batch; those of the images may have any."""


@pytest.mark.parametrize(("name", "axis"), axes_of(SHAPES))
def test_a_view_of_another_size_is_refused(name: str, axis: int) -> None:
    views = {view: torch.zeros(1, *shape) for view, shape in SHAPES.items()}
    views |= {"context": torch.zeros(1, 3, 9, 9), "face_mask": torch.zeros(1, 1, 9, 9)}
    check_refused(CueModule(), views, name, axis)


def test_each_cue_is_as_wide_as_announced_and_they_stand_in_that_order() -> None:
    check_widths(CueModule(), dfcore_specialist(), 44)


def test_what_is_fixed_is_not_kept_with_the_weights() -> None:
    check_kept(CueModule())


@pytest.mark.parametrize(("context", "mask"), [((4, 9, 9), (1, 9, 9)), ((3, 9, 9), (2, 9, 9)), ((3, 9), (1, 9, 9))])
def test_images_have_three_channels_and_masks_one(context: tuple[int, ...], mask: tuple[int, ...]) -> None:
    views = {name: torch.zeros(1, *shape) for name, shape in SHAPES.items()}
    views |= {"context": torch.zeros(1, *context), "face_mask": torch.zeros(1, *mask)}
    with pytest.raises(ModelError, match=r"must have the shape \[B, \d, any, any\]"):
        CueModule()(views)
