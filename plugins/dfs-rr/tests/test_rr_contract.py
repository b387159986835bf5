"""What every specialist must do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dfcore.data.clips import MemoryClip
from dfcore.testing.contract import SpecialistContract
from dfcore.testing.views import made_clip
from dfs_rr.abstain_reason import abstain_reason


class TestContract(SpecialistContract):
    name = "rr"


@pytest.mark.parametrize(("side", "abstains"), [(63.0, True), (64.0, False)])
def test_a_face_must_be_as_large_as_a_tile(side: float, abstains: bool) -> None:
    clip = made_clip(1)
    clip.header = replace(clip.header, boxes=((50.0, 50.0, 50.0 + side, 80.0),) * 8)
    found = abstain_reason(MemoryClip(clip))
    assert (found is not None and "63 px" in found) if abstains else found is None
