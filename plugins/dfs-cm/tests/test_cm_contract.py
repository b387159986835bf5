from dataclasses import replace
from typing import ClassVar

import pytest
import torch

import dfs_cm
from dfcore.data.clips import MemoryClip
from dfcore.errors import ModelError
from dfcore.plugins import Registry
from dfcore.testing.contract import SpecialistContract
from dfcore.testing.views import made_clip, made_views
from dfs_cm.abstain_reason import abstain_reason
from dfs_cm.module import CueModule


class TestContract(SpecialistContract):
    name: ClassVar[str] = "cm"


def test_the_numbers_of_the_design():
    spec = Registry().specialist("cm")
    assert [(cue.name, cue.channels) for cue in spec.cues] == [
        ("dct", 12),
        ("quantization", 10),
        ("block_boundaries", 10),
        ("compression_level", 8),
    ]
    assert (spec.channels, spec.features, CueModule.channels) == (40, 1960, 40)


def test_the_package_gives_its_cue_module_and_nothing_else():
    assert dfs_cm.CueModule is CueModule
    with pytest.raises(AttributeError, match="no attribute 'Cue'"):
        _ = dfs_cm.Cue


def test_a_view_of_another_shape_is_refused():
    views = made_views(Registry().specialist("cm"), 1)
    views["tiles"] = views["tiles"][:, :48]
    with pytest.raises(ModelError, match=r"'tiles' must have the shape \[B, 49, 64, 64\], not \[1, 48, 64, 64\]"):
        CueModule()(views)


def test_the_quantiser_is_hidden_in_training_only():
    views = made_views(Registry().specialist("cm"), 1)
    unknown = {**views, "qp": torch.full_like(views["qp"], -1.0)}
    cue = CueModule().eval()
    assert not torch.equal(cue(views), cue(unknown))
    assert torch.equal(cue(views)[:, :32], cue(unknown)[:, :32])  # only compression_level reads it

    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        cue.compression_level.train()
        cue.compression_level.projection.eval()
        seen.add(cue(views)[0, 32:].sum().item())
    assert seen == {cue.eval()(views)[0, 32:].sum().item(), cue(unknown)[0, 32:].sum().item()}


@pytest.mark.parametrize(("side", "fills"), [(182.0, False), (182.4, True), (192.0, True)])
def test_a_face_fills_its_window_from_19_twentieths_on(side: float, fills: bool):
    clip = made_clip(1)  # a window of 192 px
    clip.header = replace(clip.header, boxes=((0.0, 0.0, side, side),) * 8)
    assert (abstain_reason(MemoryClip(clip)) is not None) == fills
