"""Evidence of a clip, as it is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dfcore.data.clips import Clip
from dfcore.data.clips.part import cut_part
from dfcore.data.clips.plan import own_part
from dfcore.data.prepare.evidence import run_extractor
from dfcore.specs import EvidenceSpec


def test_a_clip_that_is_longer_for_another_specialist_has_the_same_evidence(make_clip: Callable[..., Clip]) -> None:
    clip = make_clip(frames=6, height=32, width=48)
    spec = EvidenceSpec("ranked", 1, "made_evidence:ranked", 1, frames=3)
    whole = run_extractor(spec, clip)
    alone = run_extractor(replace(spec, frames=0), cut_part(clip, 3))
    assert whole.shape == (6, 1, 2, 3)
    part = own_part(6, 3)
    np.testing.assert_array_equal(whole[part.start : part.stop], alone)
    np.testing.assert_array_equal(whole[: part.start], alone[:1].repeat(part.start, axis=0))
    np.testing.assert_array_equal(whole[part.stop :], alone[-1:].repeat(6 - part.stop, axis=0))
