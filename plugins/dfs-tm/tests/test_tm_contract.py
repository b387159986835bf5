from dataclasses import replace
from typing import ClassVar

import pytest

import dfs_tm
from dfcore.data.clips import MemoryClip
from dfcore.errors import ModelError
from dfcore.plugins import Registry
from dfcore.testing.contract import SpecialistContract
from dfcore.testing.views import made_clip, made_views
from dfs_tm.abstain_reason import abstain_reason
from dfs_tm.module import CueModule


class TestContract(SpecialistContract):
    name: ClassVar[str] = "tm"


def test_the_numbers_of_the_design():
    spec = Registry().specialist("tm")
    assert [(cue.name, cue.channels) for cue in spec.cues] == [
        ("frame_consistency", 14),
        ("motion_flow", 13),
        ("temporal_artifacts", 12),
        ("optical_flow", 13),
    ]
    assert (spec.channels, spec.features, spec.features + 1792, CueModule.channels) == (52, 2548, 4340, 52)


def test_the_package_gives_its_cue_module_and_nothing_else():
    assert dfs_tm.CueModule is CueModule
    with pytest.raises(AttributeError, match="no attribute 'Cue'"):
        _ = dfs_tm.Cue


def test_a_view_of_another_shape_is_refused():
    views = made_views(Registry().specialist("tm"), 1)
    views["sequence"] = views["sequence"][:, :8]
    with pytest.raises(ModelError, match=r"'sequence' must have the shape \[B, 16, 3, 112, 112\]"):
        CueModule()(views)


def test_it_abstains_where_no_time_passes():
    clip = made_clip(1, frames=16)
    assert abstain_reason(MemoryClip(clip)) is None
    assert "1 frame; 16" in (abstain_reason(MemoryClip(made_clip(1, frames=1))) or "")
    still = made_clip(1, frames=16)
    still.y[:] = still.y[0]
    assert "still image" in (abstain_reason(MemoryClip(still)) or "")
    small = made_clip(1, frames=16)
    small.header = replace(small.header, boxes=((50.0, 50.0, 80.0, 90.0),) * 16)
    assert "40 px" in (abstain_reason(MemoryClip(small)) or "")


@pytest.mark.parametrize(("frames", "side", "reason"), [(15, 60.0, "15 frames"), (16, 48.0, ""), (16, 47.0, "47 px")])
def test_the_limits_are_16_frames_and_48_px(frames: int, side: float, reason: str):
    clip = made_clip(1, frames=frames)
    clip.header = replace(clip.header, boxes=((50.0, 50.0, 50.0 + side / 2, 50.0 + side),) * frames)
    found = abstain_reason(MemoryClip(clip))
    assert (reason in found) if reason and found else (found is None and not reason)


def test_the_usual_size_of_a_face_decides():
    clip = made_clip(1, frames=16)
    boxes = [(50.0, 50.0, 110.0, 110.0)] * 10 + [(50.0, 50.0, 60.0, 60.0)] * 6  # small in the last six frames
    clip.header = replace(clip.header, boxes=tuple(boxes))
    assert abstain_reason(MemoryClip(clip)) is None


@pytest.mark.parametrize("moves", [(8,), (15,), (0,)])
def test_a_video_that_changes_somewhere_is_no_still(moves: tuple[int, ...]):
    clip = made_clip(1, frames=16)
    clip.y[:] = clip.y[1]
    for frame in moves:
        clip.y[frame, 5, 5] ^= 255
    assert abstain_reason(MemoryClip(clip)) is None
