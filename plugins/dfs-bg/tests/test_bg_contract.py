from dataclasses import replace
from typing import ClassVar

import pytest

import dfs_bg
from dfcore.data.clips import MemoryClip
from dfcore.errors import ModelError
from dfcore.plugins import Registry
from dfcore.testing.contract import SpecialistContract
from dfcore.testing.views import made_clip, made_views
from dfs_bg.abstain_reason import abstain_reason
from dfs_bg.module import CueModule


class TestContract(SpecialistContract):
    name: ClassVar[str] = "bg"


def test_the_numbers_of_the_design():
    spec = Registry().specialist("bg")
    assert [(cue.name, cue.channels) for cue in spec.cues] == [
        ("face_boundary", 14),
        ("lighting", 10),
        ("shadow", 8),
        ("background_consistency", 12),
    ]
    assert (spec.channels, spec.features, spec.features + 1792, CueModule.channels) == (44, 2156, 3948, 44)


def test_the_package_gives_its_cue_module_and_nothing_else():
    assert dfs_bg.CueModule is CueModule
    with pytest.raises(AttributeError, match="no attribute 'Cue'"):
        _ = dfs_bg.Cue


def test_a_view_of_another_shape_is_refused():
    views = made_views(Registry().specialist("bg"), 1)
    views["face_mask"] = views["face_mask"][:, 0]
    with pytest.raises(ModelError, match=r"'face_mask' must have the shape \[B, 1, any, any\]"):
        CueModule()(views)


def test_it_abstains_without_background_and_from_small_faces():
    clip = made_clip(1)
    assert abstain_reason(MemoryClip(clip)) is None
    for box, reason in (((0.0, 0.0, 192.0, 190.0), "fills its window"), ((50.0, 50.0, 80.0, 90.0), "40 px")):
        boxes = (box,) * len(clip.header.frames)
        object.__setattr__(clip.header, "boxes", boxes)
        assert reason in (abstain_reason(MemoryClip(clip)) or "")


@pytest.mark.parametrize(
    ("side", "reason"), [(47.0, "47 px"), (48.0, ""), (172.0, ""), (173.0, "no background to compare")]
)
def test_the_limits_of_a_face_are_48_px_and_nine_tenths_of_its_window(side: float, reason: str):
    clip = made_clip(1)  # a window of 192 px
    clip.header = replace(clip.header, boxes=((0.0, 0.0, side, side),) * 8)
    found = abstain_reason(MemoryClip(clip))
    assert (reason in found) if reason and found else (found is None and not reason)
