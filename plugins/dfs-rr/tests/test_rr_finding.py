"""What RR says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_rr.finding import Finding
from dfs_rr.module import CueModule
from dfs_rr.plugin import dfcore_specialist

FRAMES = dfcore_specialist().clip_frames


def numbers(clip: Clip) -> dict[str, float]:
    with torch.no_grad():
        found = Finding().measure(clip_views(dfcore_specialist(), clip), CueModule().eval())
    return {name: float(value[0]) for name, value in found.items()}


def test_a_face_that_was_made_small_and_enlarged_has_a_lower_resolution() -> None:
    clip = made_clip(3, frames=FRAMES)
    size = clip.y.shape[-2:]
    small = F.interpolate(torch.from_numpy(clip.y).float()[:, None], scale_factor=0.4, mode="bilinear", antialias=True)
    enlarged = F.interpolate(small, size=size, mode="bicubic")[:, 0].numpy()
    before, after = numbers(clip), numbers(with_face(clip, enlarged))
    assert after["half_size_nepers"] < before["half_size_nepers"] - 0.2
    assert after["finest_octave_nepers"] < before["finest_octave_nepers"] - 0.2
    assert after["edge_width_nepers"] > before["edge_width_nepers"] + 0.05


def test_an_enlarged_face_that_was_never_compressed_is_periodic() -> None:
    clip = made_clip(3, frames=FRAMES)
    half = torch.from_numpy(clip.y).float()[:, None, ::2, ::2]
    enlarged = F.interpolate(half, size=clip.y.shape[-2:], mode="bilinear")[:, 0].numpy()
    assert numbers(with_face(clip, enlarged))["periodicity_nepers"] > numbers(clip)["periodicity_nepers"] + 0.1
