"""What CM says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

import numpy as np
import torch

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_cm.finding import Finding
from dfs_cm.module import CueModule
from dfs_cm.plugin import dfcore_specialist

FRAMES = dfcore_specialist().clip_frames


def numbers(clip: Clip) -> dict[str, float]:
    with torch.no_grad():
        found = Finding().measure(clip_views(dfcore_specialist(), clip), CueModule().eval())
    return {name: float(value[0]) for name, value in found.items()}


def test_a_face_whose_middle_frequencies_were_zeroed_has_more_zeros() -> None:
    clip = made_clip(3, frames=FRAMES, size=320)
    waves = np.cos(np.pi * (2 * np.arange(8)[None] + 1) * np.arange(8)[:, None] / 16) / 2
    waves[0] /= np.sqrt(2)
    frames, height, width = clip.y.shape
    blocks = clip.y.reshape(frames, height // 8, 8, width // 8, 8).transpose(0, 1, 3, 2, 4).astype(float)
    found = waves @ blocks @ waves.T
    found[..., np.add.outer(np.arange(8), np.arange(8)) > 6] = 0
    coded = (waves.T @ found @ waves).transpose(0, 1, 3, 2, 4).reshape(clip.y.shape)
    before, after = numbers(clip), numbers(with_face(clip, coded))
    # Such blocks are unlike all of the surround, so that they count for little: the share that is left is small.
    assert after["zeroed_share"] > before["zeroed_share"] + 0.004


def test_a_block_grid_in_the_face_is_found() -> None:
    clip = made_clip(3, frames=FRAMES, size=320)
    steps = 8.0 * ((np.arange(320)[:, None] // 8 + np.arange(320)[None] // 8) % 2)
    before, after = numbers(clip), numbers(with_face(clip, clip.y + steps[None]))
    assert after["grid_step_nepers"] > before["grid_step_nepers"] + 0.01
