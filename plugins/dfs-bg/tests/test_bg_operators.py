"""Each operator on a signal whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD
from dfs_bg.background_consistency import (
    KERNELS,
    BackgroundConsistencyCue,
    autocorrelation,
    residuals,
    self_consistency,
    unexplained,
)
from dfs_bg.face_boundary import RADII, FaceBoundaryCue, coherence, polar, radial_steps
from dfs_bg.kinship import KINSHIP, KINSHIP_CELL, WIDTHS, ZONES, core_colour, kinship
from dfs_bg.lighting import LightingCue, harmonics, light_fit
from dfs_bg.regions import SIDE, Region, contrast, log_chromaticity, polar_coordinates, read_region
from dfs_bg.shadow import gradients, shadow_edges

AXES = (0.4, 0.5)


def region(rgb: Tensor, axes: tuple[float, float] = AXES) -> Region:
    """The region of an image ``[3, S, S]`` in 0..1 with a centred ellipse."""
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


def test_coherence_is_1_of_one_vector_and_nothing_of_all_directions():
    angle = torch.arange(64) * (2 * math.pi / 64)
    around = torch.stack([angle.cos(), angle.sin()])
    same = torch.tensor([0.3, -0.4])[:, None].expand(2, 64)
    assert coherence(torch.stack([around, same])[:, :, None]).flatten().tolist() == pytest.approx([0, 1], abs=0.01)


def test_a_paste_of_another_colour_is_coherent_and_an_edge_on_one_side_is_not():
    generator = torch.Generator().manual_seed(1)
    ring = torch.full((3, SIDE, SIDE), 0.5)
    ring[0, radius() < 0.9] = 0.4
    side = torch.full((3, SIDE, SIDE), 0.5)
    side[0, :, : SIDE // 2] = 0.4
    noise = 0.02 * torch.rand(3, SIDE, SIDE, generator=generator)
    cue = FaceBoundaryCue(14)
    whole, half = (cue.describe(region(image + noise))[0, :, 0] for image in (ring, side))
    at = slice(30, 40)  # coherence of the chroma's steps, radius by radius
    assert whole[at].max() > 0.9
    assert whole[at].argmax().item() in (4, 5)  # 0.875 and 0.975, either side of 0.9
    assert half[at].max() < 0.6


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


def test_polar_coordinates_are_those_of_the_ellipse():
    found, angle = polar_coordinates(region(torch.rand(3, SIDE, SIDE)), 56)
    torch.testing.assert_close(found[0], radius(56), atol=0.03, rtol=0)
    assert angle[0, 55, 28].item() == pytest.approx(math.pi / 2, abs=0.05)  # downwards
    assert angle[0, 28, 55].item() == pytest.approx(0, abs=0.05)  # to the right


def test_a_change_of_the_lights_colour_moves_the_log_ratios_by_its_logarithm():
    rgb = 0.2 + 0.5 * torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    warmer = rgb * torch.tensor([1.2, 1.0, 0.8])[:, None, None]
    moved = (log_chromaticity(warmer) - log_chromaticity(rgb)).mean((0, 2, 3))
    assert moved.tolist() == pytest.approx([math.log(1.2), math.log(0.8)], abs=0.02)


# -- kinship of colour -------------------------------------------------------------------------------------------------

SKIN, BLUE = (0.6, 0.45, 0.35), (0.2, 0.3, 0.7)


def painted(face: tuple[float, ...], neck: tuple[float, ...]) -> Tensor:
    """A face up to its outline, a neck below it, a blue wall about both."""
    image = torch.tensor(BLUE)[:, None, None].expand(3, SIDE, SIDE).clone()
    rows = torch.arange(SIDE)
    neck_at = ((rows[:, None] > SIDE // 2) & ((rows[None] - SIDE / 2).abs() < 0.15 * SIDE)).expand(SIDE, SIDE)
    for where, colour in ((neck_at, neck), (radius() < 1, face)):
        image[:, where] = torch.tensor(colour)[:, None]
    return image


def test_a_face_of_the_necks_colour_is_akin_and_a_tinted_one_lies_as_far_off_as_its_tint():
    tinted = tuple(value * factor for value, factor in zip(SKIN, (1.06, 1.0, 1.0), strict=True))
    darker = tuple(value * 0.9 for value in SKIN)
    place = ZONES // 3 + 4  # the ring from 1.2 to 1.4, below the face
    found = {}
    for name, face in (("own", SKIN), ("tinted", tinted), ("darker", darker)):
        whole, cells = kinship(region(painted(face, SKIN)))
        assert whole.shape == (1, KINSHIP)
        assert cells.shape == (1, KINSHIP_CELL, 49)
        found[name] = whole.reshape(ZONES, len(WIDTHS), 4)[place, 1]  # shift (2), its length, log share
    assert found["own"][:3].abs().max() < 0.02
    assert found["darker"][:3].abs().max() < 0.1  # less light is no other colour
    expected = -math.log((1.06 * 0.6 + 0.02) / (0.6 + 0.02)) / WIDTHS[1]
    share = math.exp(-(expected**2) / 2)
    assert found["tinted"][0].item() == pytest.approx(expected, abs=0.1)
    assert found["tinted"][1].abs() < 0.02
    assert found["tinted"][2].item() == pytest.approx(abs(expected), abs=0.1)
    assert (found["tinted"][3] - found["own"][3]).item() == pytest.approx(math.log(share), abs=0.03)


def test_the_wall_has_no_say_and_the_necks_cells_are_akin():
    whole, cells = kinship(region(painted(SKIN, SKIN)))
    shares = whole.reshape(ZONES, len(WIDTHS), 4)[:, 0, 3].exp() - 0.01
    beside = shares[2 * ZONES // 3 + 3 :]  # beyond the outline, at the flanks
    assert beside.max() < 0.01
    grid = cells[0, 0].reshape(7, 7)  # share of what is alike, at the narrower width
    assert grid[6, 3] > 0.99
    assert grid[6, 0] < 0.01


def test_the_cores_colour_is_the_skins_and_not_the_mean_with_the_eyes():
    colour = torch.zeros(1, 2, 100)
    colour[:, 0, :30] = 0.9
    assert core_colour(colour, torch.ones(1, 100)).abs().max() < 0.02


# -- shadow ------------------------------------------------------------------------------------------------------------


def test_a_dimmed_half_is_a_shadow_and_another_colour_is_not():
    rgb = torch.tensor([0.6, 0.4, 0.3])[:, None, None].expand(3, 16, 16)[None].clone()
    shaded, painted = rgb.clone(), rgb.clone()
    shaded[..., 8:] *= 0.5
    painted[0, 0, :, 8:] = 0.2
    for image, share in ((shaded, 1.0), (painted, 0.02)):
        slope, found, _ = shadow_edges(image)
        assert slope[0, 0, :, 7:9].abs().min() > 0.05
        assert found[0, 0, :, 7:9].mean().item() == pytest.approx(share, abs=0.07)


def test_gradients_of_a_ramp():
    across, down = gradients((torch.arange(8.0)[:, None] * 3 + torch.arange(8.0) * 2)[None, None])
    assert across[0, 0, :, 1:-1].unique().tolist() == [2.0]
    assert down[0, 0, 1:-1].unique().tolist() == [3.0]


# -- background_consistency --------------------------------------------------------------------------------------------


def test_residuals_of_a_ramp_are_nothing_and_of_an_impulse_the_kernels():
    ramp = (torch.arange(64.0)[:, None] * 2 + torch.arange(64.0))[None]
    assert torch.stack(residuals(ramp)).abs().max() < 1e-3
    impulse = torch.zeros(1, 64, 64)
    impulse[0, 32, 32] = 1
    found = torch.cat(residuals(impulse))
    assert found.shape == (3, 60, 60)
    torch.testing.assert_close(found[:, 28:33, 28:33], KERNELS[:, 0])
    assert found.sum().abs() < 1e-4


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


def test_a_colour_below_black_is_black() -> None:
    """Antialiased resizing overshoots."""
    rgb = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    below = rgb.clone()
    rgb[0, :, 0], below[0, 0, 0], below[0, 1:, 0] = 0, -0.004, 0
    torch.testing.assert_close(log_chromaticity(below), log_chromaticity(rgb), rtol=0, atol=0)
