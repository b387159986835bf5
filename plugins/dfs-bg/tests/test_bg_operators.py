"""Each operator on a signal whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD
from dfs_bg.background_consistency import (
    BackgroundConsistencyCue,
    autocorrelation,
    residuals,
    self_consistency,
    unexplained,
)
from dfs_bg.face_boundary import RADII, FaceBoundaryCue, polar, radial_steps
from dfs_bg.lighting import LightingCue, harmonics, light_fit, log_chromaticity
from dfs_bg.regions import SIDE, Region, contrast, read_region
from dfs_bg.shadow import gradients, shadow_edges

AXES = (0.4, 0.5)


def region(rgb: Tensor, axes: tuple[float, float] = AXES) -> Region:
    """The region of a picture ``[3, S, S]`` in 0..1 with a centred ellipse."""
    size = rgb.shape[-1]
    places = (torch.arange(size) + 0.5) * 2 / size - 1
    mask = ((places[None] / axes[0]) ** 2 + (places[:, None] / axes[1]) ** 2 < 1).float()[None, None]
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return read_region(((rgb - mean) / std)[None], mask)


def radius(size: int = SIDE, axes: tuple[float, float] = AXES) -> Tensor:
    places = (torch.arange(size) + 0.5) * 2 / size - 1
    return torch.sqrt((places[None] / axes[0]) ** 2 + (places[:, None] / axes[1]) ** 2)


def test_the_ellipse_is_found_and_the_colours_come_back():
    rgb = torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(0))
    found = region(rgb)
    assert found.centre[0].tolist() == pytest.approx([0, 0], abs=1e-4)
    assert found.axes[0].tolist() == pytest.approx(AXES, rel=0.02)
    small = region(torch.full((3, 56, 56), 0.25))
    assert small.rgb.shape == (1, 3, SIDE, SIDE)
    torch.testing.assert_close(small.luma, torch.full((1, 1, SIDE, SIDE), 0.25), atol=1e-5, rtol=0)
    torch.testing.assert_close(small.chroma, torch.zeros(1, 2, SIDE, SIDE), atol=1e-5, rtol=0)
    empty = read_region(torch.zeros(1, 3, 56, 56), torch.zeros(1, 1, 56, 56))
    assert empty.axes[0].tolist() == pytest.approx([1 / 3, 1 / 3])


# -- face_boundary -----------------------------------------------------------------------------------------------------


def test_a_function_of_the_radius_is_constant_along_each_ring():
    rings = polar(radius()[None, None], region(torch.rand(3, SIDE, SIDE)))
    torch.testing.assert_close(rings[0, 0].mean(-1), torch.tensor(RADII), atol=0.02, rtol=0)
    assert rings[0, 0].std(-1).max() < 0.02


def test_a_step_at_the_contour_shows_at_its_radius_with_its_sign():
    darker = torch.where(radius() < 0.925, 0.3, 0.5).expand(3, -1, -1)
    steps = radial_steps(polar(region(darker).luma, region(darker)))[0, 0].mean(-1)
    place = 0.5 * (RADII[2] + RADII[1]) + 0.05 * torch.arange(len(steps))
    assert steps.max().item() == pytest.approx(0.2, abs=0.02)
    assert place[steps.argmax()].item() == pytest.approx(0.925, abs=0.001)
    assert steps[place > 1.1].abs().max() < 0.01


def test_a_coherent_step_is_more_certain_than_an_edge_on_one_side():
    ring = torch.where(radius() < 0.9, 0.3, 0.5).expand(3, -1, -1)
    side = ring.clone()
    side[:, :, : SIDE // 2] = 0.5
    noise = 0.01 * torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    cue = FaceBoundaryCue(14)
    whole, half = (cue.describe(region(picture + noise))[0, 76:95, 0].max() for picture in (ring, side))
    assert whole > 4 * half


# -- lighting ----------------------------------------------------------------------------------------------------------


def test_the_fit_returns_the_coefficients_that_made_the_light():
    wanted = torch.tensor([0.3, -0.5, 0.2, 0.1, 0.0, -0.2])
    light = (harmonics(28) @ wanted)[None]
    for weight in (torch.ones(1, 784), torch.rand(1, 784, generator=torch.Generator().manual_seed(0))):
        torch.testing.assert_close(light_fit(light, weight)[0], wanted, atol=0.01, rtol=0)


def test_light_from_the_left_on_the_face_alone_is_the_difference_of_the_coefficients():
    x = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    lit = torch.where(radius() < 1, 0.4 * torch.exp(-0.8 * x).expand(SIDE, -1), torch.tensor(0.4))
    described = LightingCue(10).describe(region(lit.expand(3, -1, -1)))[0, :, 0]
    assert described[13].item() == pytest.approx(-0.7, abs=0.1)  # inside - outside, along x
    assert described[14].abs() < 0.05  # along y


def test_a_change_of_the_lights_colour_moves_the_log_ratios_by_its_logarithm():
    rgb = 0.2 + 0.5 * torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    warmer = rgb * torch.tensor([1.2, 1.0, 0.8])[:, None, None]
    moved = (log_chromaticity(warmer) - log_chromaticity(rgb)).mean((0, 2, 3))
    assert moved.tolist() == pytest.approx([math.log(1.2), math.log(0.8)], abs=0.02)


# -- shadow ------------------------------------------------------------------------------------------------------------


def test_a_dimmed_half_is_a_shadow_and_another_colour_is_not():
    rgb = torch.tensor([0.6, 0.4, 0.3])[:, None, None].expand(3, 16, 16)[None].clone()
    shaded, painted = rgb.clone(), rgb.clone()
    shaded[..., 8:] *= 0.5
    painted[0, 0, :, 8:] = 0.2
    for picture, share in ((shaded, 1.0), (painted, 0.02)):
        slope, found, _ = shadow_edges(picture)
        assert slope[0, 0, :, 7:9].abs().min() > 0.05
        assert found[0, 0, :, 7:9].mean().item() == pytest.approx(share, abs=0.07)


def test_gradients_of_a_ramp():
    across, down = gradients((torch.arange(8.0)[:, None] * 3 + torch.arange(8.0) * 2)[None, None])
    assert across[0, 0, :, 1:-1].unique().tolist() == [2.0]
    assert down[0, 0, 1:-1].unique().tolist() == [3.0]


# -- background_consistency --------------------------------------------------------------------------------------------


def test_residuals_of_a_ramp_are_nothing_and_of_an_impulse_the_kernel():
    ramp = (torch.arange(64.0)[:, None] * 2 + torch.arange(64.0))[None]
    assert residuals(ramp).abs().max() < 1e-3
    impulse = torch.zeros(1, 64, 64)
    impulse[0, 32, 32] = 1
    assert residuals(impulse)[0, :, 30, 30].tolist() == pytest.approx([1, 1, 1])


def test_autocorrelation_of_white_and_of_averaged_noise():
    noise = torch.randn(1, 200, 200, generator=torch.Generator().manual_seed(0)) * 5
    assert autocorrelation(noise).abs().max() < 0.03
    pairs = (noise[:, :, 1:] + noise[:, :, :-1]) / 2  # along x neighbours share half
    assert autocorrelation(pairs)[0, :2].tolist() == pytest.approx([0.5, 0.0], abs=0.03)
    assert autocorrelation(pairs)[0, 4].item() == pytest.approx(0, abs=0.03)


def test_what_activity_explains_is_taken_off_and_the_rest_stays():
    activity = torch.linspace(-2, 2, 49)[None]
    face = torch.zeros(1, 49)
    face[0, 20:25] = 1
    values = 3 + 0.7 * activity + 0.5 * face
    left = unexplained(values[:, None], activity, 1 - face)[0, 0]
    torch.testing.assert_close(left, 0.5 * face[0], atol=0.06, rtol=0)


def test_foreign_tiles_agree_with_each_other_and_not_with_the_rest():
    face = torch.zeros(1, 49)
    face[0, 20:28] = 1
    values = torch.randn(1, 6, 49, generator=torch.Generator().manual_seed(0)) * 0.1 + 2 * face[:, None]
    to_face, to_rest, difference = self_consistency(values, face)[0]
    assert to_face[20:28].min() > to_face[:20].max()
    assert to_rest[:20].min() > to_rest[20:28].max()
    assert (difference > 0).float()[20:28].min() == 1


def test_a_smoother_face_shows_in_the_contrast():
    generator = torch.Generator().manual_seed(0)
    tiles = 128 + 10 * torch.randn(1, 49, 64, 64, generator=generator)
    tiles[:, 17:32] = 128 + (tiles[:, 17:32] - 128) * 0.3
    face = torch.zeros(1, 49, 4, 4)
    face[:, 17:32] = 1
    described = BackgroundConsistencyCue(12).describe(tiles.clamp(0, 255).byte(), face)
    size = described[0, 2 * 17 : 2 * 17 + 3, 0]  # log mean residual, face minus surround, activity taken off
    assert (contrast(described[:, :3], face.mean((-2, -1))) < -1).all()
    assert torch.isfinite(size).all()
