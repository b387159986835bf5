"""What BG says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_bg.finding import Finding
from dfs_bg.module import CueModule
from dfs_bg.plugin import dfcore_specialist

FRAMES = dfcore_specialist().clip_frames


def numbers(clip: Clip) -> dict[str, float]:
    with torch.no_grad():
        found = Finding().measure(clip_views(dfcore_specialist(), clip), CueModule().eval())
    return {name: float(value[0]) for name, value in found.items()}


def test_noise_in_the_face_is_noise_and_fine_detail() -> None:
    clip = made_clip(3, frames=FRAMES)
    noisy = with_face(clip, clip.y + np.random.default_rng(0).normal(0, 12, clip.y.shape))
    before, after = numbers(clip), numbers(noisy)
    for name in ("noise_nepers", "fine_detail_nepers"):
        assert after[name] > before[name] + 0.1


def test_a_redder_face_is_redder() -> None:
    clip = made_clip(3, frames=FRAMES)
    x0, y0, x1, y1 = (round(value) // 2 for value in clip.header.boxes[0])
    v = clip.v.copy()
    v[:, y0:y1, x0:x1] += 25
    redder = replace(clip, v=v)
    assert numbers(redder)["red_balance_nepers"] > numbers(clip)["red_balance_nepers"] + 0.1
    assert numbers(redder)["outline_coherence"] > numbers(clip)["outline_coherence"] + 0.2


def test_a_face_without_detail_of_a_few_pixels_has_less_of_the_middle_band_than_its_rim() -> None:
    clip = made_clip(3, frames=FRAMES)
    smooth = F.avg_pool2d(torch.from_numpy(clip.y).float()[:, None], 17, 1, 8, count_include_pad=False)[:, 0].numpy()
    assert numbers(with_face(clip, smooth))["mid_band_nepers"] < numbers(clip)["mid_band_nepers"] - 0.2
