"""What TM says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_tm import flow
from dfs_tm.finding import Finding
from dfs_tm.frame_consistency import ssim
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


def test_each_number_by_its_definition() -> None:
    rng = torch.Generator().manual_seed(0)
    smooth = torch.rand(2 * 16 * 3, 1, 14, 14, generator=rng)
    sequence = 250 * torch.nn.functional.interpolate(smooth, size=(112, 112), mode="bilinear")[:, 0]
    sequence = sequence.reshape(2, 16, 3, 112, 112)
    sequence[0, 5] = sequence[0, 4] + 0.4  # a frame that is nearly repeated
    sequence = sequence.byte()
    mask = torch.zeros(2, 16, 1, 112, 112)
    mask[:, :, :, 20:70, 40:90] = 1
    change = torch.rand(2, 16, 49, 3, 4, 4, generator=rng)
    change[:, 0] += 5  # before the first frame there was none
    found = Finding().measure({"sequence": sequence, "sequence_mask": mask, "change": change}, CueModule())
    luma = sequence[:, :, 0].float()
    face = mask.mean(1)[:, 0].unflatten(-1, (7, 16)).unflatten(-3, (7, 16)).mean((2, 4)).flatten(1)

    def apart(values: torch.Tensor) -> torch.Tensor:
        means = [(values * w).sum(1) / w.sum(1) for w in (face + 1e-3, 1.001 - face)]
        return means[0] - means[1]

    small = luma.unflatten(-1, (56, 2)).unflatten(-3, (56, 2)).mean((-3, -1))
    cells = small.unflatten(-1, (7, 8)).unflatten(-3, (7, 8))  # [B, T, 7, 8, 7, 8]
    first, second = (cells.diff(n=n, dim=1).square().mean((1, 3, 5)).flatten(1) for n in (1, 2))
    near = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(found["flicker_nepers"], apart(torch.log((second + 0.1) / (first + 0.1))), **near)
    residual = flow.measure(luma).residual.unflatten(-1, (7, 2)).unflatten(-3, (7, 2)).mean((1, 3, 5)).flatten(1)
    torch.testing.assert_close(found["warp_residual_nepers"], apart(residual), **near)
    torch.testing.assert_close(found["still_share"], apart(change[:, 1:, :, 0].mean((1, 3, 4))), **near)
    alike = ssim(small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)).unflatten(0, (2, 15))
    steps = torch.log((1 - alike).clamp(min=0) + 1e-3).mean((2, 3)).sort(1).values  # of 15: the median is the eighth
    torch.testing.assert_close(found["jump_nepers"], steps[:, -1] - steps[:, 7], **near)
    torch.testing.assert_close(found["repeat_nepers"], steps[:, 7] - steps[:, 0], **near)
