"""What CM says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

import numpy as np
import torch

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_cm.dct import block_dct
from dfs_cm.finding import Finding
from dfs_cm.module import CueModule, comparisons
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


def made_views() -> dict[str, torch.Tensor]:
    """Two windows whose tiles differ in contrast and in their blocks' grid; in some blocks the ghost stands out."""
    rng = torch.Generator().manual_seed(0)
    face = (torch.rand(2, 49, 4, 4, generator=rng) * 3 - 1).clamp(0, 1)
    smooth = torch.rand(98, 1, 10, 10, generator=rng)
    tiles = torch.nn.functional.interpolate(smooth, size=(64, 64), mode="bicubic")[:, 0].unflatten(0, (2, 49))
    steps = torch.rand(2, 49, 8, 8, generator=rng).repeat_interleave(8, -1).repeat_interleave(8, -2)
    tiles = (120 + 60 * (tiles - 0.5) + 20 * steps).clamp(0, 255).byte()
    ghost = torch.rand(2, 49, 18, 4, 4, generator=rng) * 4
    ghost[:, ::5, :12] += 9
    return {"tiles": tiles, "tile_face": face, "ghost": ghost}


def test_each_number_is_the_mean_over_the_face_of_what_the_surround_does_not_explain() -> None:
    views = made_views()
    found = Finding().measure(views, CueModule())
    blocks, cells = comparisons(views["ghost"], views["tile_face"])
    reference = views["ghost"][:, :, :6].transpose(1, 2).flatten(2)  # the ghosts of the frames that others refer to
    change = blocks.residual(reference)
    assert change.abs().max() > 3.2  # beyond 3 nepers it counts as 3
    change = change.clamp(-3, 3)
    torch.testing.assert_close(found["recompression_nepers"], blocks.in_face(change)[..., 0].mean(1))
    magnitudes = block_dct(views["tiles"].float(), 8).abs()
    total = torch.arange(8)[:, None] + torch.arange(8)
    zeros = (magnitudes[:, :, (total >= 7) & (total <= 9)] < 1.5).float().mean((2, 3, 4))
    torch.testing.assert_close(found["zeroed_share"], cells.in_face(cells.residual(zeros[:, None]))[:, 0, 0])
    luma = views["tiles"].float()
    logs = []
    for steps in (luma.diff(dim=-1).abs().mean(-2), luma.diff(dim=-2).abs().mean(-1)):
        phases = torch.stack([steps[..., (phase - 1) % 8 :: 8].mean(-1) for phase in range(8)], -1)
        logs.append(torch.log((phases[..., 0] + 0.05) / (phases.mean(-1) + 0.05)))
    grid = (logs[0] + logs[1]) / 2
    torch.testing.assert_close(found["grid_step_nepers"], cells.in_face(cells.residual(grid[:, None]))[:, 0, 0])
