"""What BG says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_bg import finding
from dfs_bg.background_consistency import unexplained
from dfs_bg.face_boundary import coherence, polar, radial_steps
from dfs_bg.finding import Finding
from dfs_bg.module import CueModule
from dfs_bg.plugin import dfcore_specialist
from dfs_bg.regions import read_region
from dfs_bg.texture import expected, octaves

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


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def made_views() -> dict[str, torch.Tensor]:
    """Two windows: a face of some whole blocks and some at its rim, in tiles whose contrast differs."""
    share = (1.5 * random(2, 49, 4, 4, seed=1) + 3 * random(2, 49, 1, 1, seed=5) - 1.75).clamp(0, 1)
    tiles = 120 + (random(2, 49, 64, 64, seed=2) - 0.5) * (10 + 200 * random(2, 49, 1, 1, seed=3))
    mask = torch.zeros(2, 1, 112, 112)
    mask[0, 0, 30:80, 40:90], mask[1, 0, 20:70, 30:70] = 1, 0.8
    context = F.interpolate(random(2, 3, 14, 14, seed=4), size=(112, 112), mode="bilinear") * 3 - 1.5
    return {"context": context, "face_mask": mask, "tiles": tiles.byte(), "tile_face": share}


def measured(views: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return Finding().measure(views, CueModule().eval())


def test_the_bands_are_those_of_the_inner_face_against_its_rim_and_against_what_the_surround_foretells() -> None:
    views = made_views()
    energy = octaves(views["tiles"].flatten(0, 1).float()).unflatten(0, (2, 49)).transpose(1, 2).flatten(2)
    logs, share = torch.log(energy + 0.05), views["tile_face"].flatten(1)
    beyond = logs[:, :2] - expected(logs[:, :2], logs[:, 2:], (share < 0.01).float())
    found = measured(views)
    for b in range(2):
        core, rim = share[b] > 0.99, (share[b] >= 0.01) & (share[b] <= 0.99)
        mid = logs[b, 2, core].mean() - logs[b, 2, rim].mean()  # blocks of 8 pixels made of blocks of 4
        torch.testing.assert_close(found["mid_band_nepers"][b], mid, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(found["fine_detail_nepers"][b], beyond[b, 0, core].mean(), rtol=1e-3, atol=1e-3)


def test_noise_is_the_size_of_second_differences_beyond_what_contrast_explains() -> None:
    views = made_views()
    tiles, face = views["tiles"].float(), views["tile_face"].mean((-2, -1))
    size = (tiles[..., 2:-2, 1:-1].diff(n=2).abs() / 2).mean((-2, -1))
    contrast = torch.log(tiles.var((-2, -1), unbiased=False) + 1)
    left = unexplained(torch.log(size + 0.01)[:, None], contrast, 1 - face)[:, 0]
    means = [(left * w).sum(1) / w.sum(1) for w in (face + 1e-3, 1.001 - face)]
    torch.testing.assert_close(measured(views)["noise_nepers"], means[0] - means[1], rtol=1e-3, atol=1e-3)


def test_red_balance_is_log_red_over_green_of_the_mask_against_the_rest() -> None:
    views = made_views()
    region = read_region(views["context"], views["face_mask"])
    red = torch.log((region.rgb[:, 0].clamp(min=0) + 0.02) / (region.rgb[:, 1].clamp(min=0) + 0.02)).flatten(1)
    mask = region.mask.flatten(1)
    means = [(red * w).sum(1) / w.sum(1) for w in (mask + 1e-3, 1.001 - mask)]
    torch.testing.assert_close(measured(views)["red_balance_nepers"], means[0] - means[1], rtol=1e-3, atol=1e-3)


def test_the_outline_is_the_most_coherent_step_of_seven_radii(monkeypatch: pytest.MonkeyPatch) -> None:
    views = made_views()
    region = read_region(views["context"], views["face_mask"])
    steps = radial_steps(polar(region.chroma, region))[:, :, 7:14]  # rings from .85 to 1.15 of the outline
    torch.testing.assert_close(measured(views)["outline_coherence"], coherence(steps).amax(1))
    seen = []
    monkeypatch.setattr(finding, "coherence", lambda given: seen.append(given) or coherence(given))
    measured(views)
    torch.testing.assert_close(seen[0], steps)
