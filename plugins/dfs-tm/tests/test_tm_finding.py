"""What TM says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_tm.finding import Finding
from dfs_tm.module import CueModule
from dfs_tm.plugin import dfcore_specialist

FRAMES = dfcore_specialist().clip_frames


def numbers(clip: Clip) -> dict[str, float]:
    with torch.no_grad():
        found = Finding().measure(clip_views(dfcore_specialist(), clip), CueModule().eval())
    return {name: float(value[0]) for name, value in found.items()}


def test_a_face_that_flickers_flickers() -> None:
    clip = made_clip(3, frames=FRAMES)
    offsets = np.random.default_rng(0).normal(0, 15, len(clip.y))[:, None, None]
    before, after = numbers(clip), numbers(with_face(clip, clip.y + offsets))
    assert after["flicker_nepers"] > before["flicker_nepers"] + 0.05
    assert after["warp_residual_nepers"] > before["warp_residual_nepers"] + 0.2


def test_a_face_that_stands_still_is_still() -> None:
    clip = made_clip(3, frames=FRAMES)
    still = np.repeat(clip.y[:1], len(clip.y), axis=0)
    assert numbers(with_face(clip, still))["still_share"] > numbers(clip)["still_share"] + 0.1


def test_repeated_and_dropped_frames_are_told_apart() -> None:
    clip, y = made_clip(3, frames=FRAMES), made_clip(3, frames=FRAMES + 8).y
    steady = numbers(replace(clip, y=y[:FRAMES]))
    repeated = numbers(replace(clip, y=y[[*range(8), 7, *range(8, FRAMES - 1)]]))
    dropped = numbers(replace(clip, y=y[[*range(8), *range(16, FRAMES + 8)]]))
    assert repeated["repeat_nepers"] > steady["repeat_nepers"] + 1
    assert dropped["jump_nepers"] > steady["jump_nepers"] + 0.05
