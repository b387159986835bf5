"""The cue module: which shapes it refuses, how wide each cue is, and what is kept with its weights."""

from __future__ import annotations

import pytest
import torch
from cue_modules import axes_of, check_kept, check_refused, check_widths

from dfs_av.module import CueModule
from dfs_av.plugin import dfcore_specialist

SHAPES: dict[str, tuple[int, ...]] = {
    "mouth": (60, 96, 96),
    "mouth_present": (60,),
    "log_mel": (80, 240),
    "audio_present": (60,),
    "mouth_openings": (60, 4),
    "video_mouth_present": (8, 60),
    "video_log_mel": (8, 80, 240),
    "video_audio_present": (8, 60),
    "video_mouth_openings": (8, 60, 4),
}
"""Of each view, after the batch."""


@pytest.mark.parametrize(("name", "axis"), axes_of(SHAPES))
def test_a_view_of_another_size_is_refused(name: str, axis: int) -> None:
    views = {view: torch.zeros(1, *shape) for view, shape in SHAPES.items()}
    check_refused(CueModule(), views, name, axis)


def test_each_cue_is_as_wide_as_announced_and_they_stand_in_that_order() -> None:
    check_widths(CueModule(), dfcore_specialist(), 48)


def test_what_is_fixed_is_not_kept_with_the_weights() -> None:
    check_kept(CueModule())


def test_the_invariant_module_is_a_switch() -> None:
    module = CueModule(invariant=True).eval()
    views = {view: torch.zeros(1, *shape) for view, shape in SHAPES.items()}
    assert module(views).shape == (1, 48, 7, 7)
    assert module.lip_sync.invariant
    assert not CueModule().lip_sync.invariant
