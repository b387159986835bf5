"""Octaves, what is expected of them, and what a reduced face lacks."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from dfs_bg.texture import TEXTURE, expected, octaves, texture

MEAN, BEYOND = slice(0, 4), slice(TEXTURE - 14, TEXTURE - 8)
"""Of the features: the core's mean log energies; what the two finest octaves have beyond, at core, outline, outside."""


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_octaves_of_a_block_add_up_to_its_variance() -> None:
    tiles = 128 + 20 * noise(3, 64, 64)
    blocks = tiles.unflatten(2, (4, 16)).unflatten(1, (4, 16))  # [3, 4, 16, 4, 16]
    torch.testing.assert_close(octaves(tiles).sum(1), blocks.var((2, 4), correction=0), rtol=1e-4, atol=1e-2)


def test_a_wave_lies_in_its_own_octave() -> None:
    for octave in range(4):
        run = 2**octave
        wave = (torch.arange(64) // run % 2 * 2.0 - 1).expand(1, 64, 64)
        found = octaves(wave).mean((0, 2, 3))
        assert found.argmax() == octave
        torch.testing.assert_close(found[octave], torch.tensor(1.0))


def test_the_regression_returns_the_plane_and_leaves_what_has_no_weight_alone() -> None:
    regressors = noise(2, 2, 300)
    values = 1 + torch.tensor([[0.5, -2.0]]) @ regressors  # [2, 1, 300]
    weight = torch.ones(2, 300)
    weight[:, 200:] = 0
    damaged = values.clone()
    damaged[:, :, 200:] += 3
    left = damaged - expected(damaged, regressors, weight)
    assert left[:, :, :200].abs().max() < 0.05
    assert (left[:, :, 200:] - 3).abs().max() < 0.05


def faces() -> tuple[torch.Tensor, torch.Tensor]:
    """Tiles of one texture, of another contrast in each; the middle 15 are the face's."""
    contrast = torch.linspace(5, 30, 49)[torch.randperm(49, generator=torch.Generator().manual_seed(2))]
    tiles = 128 + contrast[:, None, None] * F.avg_pool2d(noise(49, 1, 66, 66), 3, 1)[:, 0]
    share = torch.zeros(49, 4, 4)
    share[17:32] = 1
    return tiles, share


def test_contrast_is_no_sharpness_and_a_face_made_smaller_in_between_is_less_sharp() -> None:
    tiles, share = faces()
    dimmed, reduced = tiles.clone(), tiles.clone()
    dimmed[17:32] = 128 + (tiles[17:32] - 128) / 2
    small = F.avg_pool2d(tiles[17:32, None], 2)
    reduced[17:32] = F.interpolate(small, scale_factor=2.0, mode="bicubic")[:, 0]
    own, dim, soft = (texture(octaves(t)[None], share[None])[0] for t in (tiles, dimmed, reduced))
    assert own.shape == (TEXTURE,)
    assert (own[BEYOND].abs() < 0.1).all()
    assert abs(float(dim[MEAN][2] - own[MEAN][2]) + math.log(4)) < 0.05  # all octaves lose a factor of 4 ...
    assert (dim[BEYOND].abs() < 0.25).all()  # ... and none of them beyond what the others tell
    assert soft[BEYOND][0] < -1  # the core's finest octave is gone
    assert (soft[BEYOND][4:].abs() < 0.1).all()  # the surround's is there
