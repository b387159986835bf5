"""The cues of light and contour against their definitions, written out in NumPy and double precision.

The made region holds what the floors and clamps are for: black, faint faces, a face that fills nearly everything.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD
from dfs_bg.face_boundary import FaceBoundaryCue, coherence, polar, radial_steps
from dfs_bg.kinship import core_colour, kinship
from dfs_bg.lighting import LightingCue, light_fit
from dfs_bg.regions import Region, contrast, log_chromaticity, read_region
from dfs_bg.shadow import ShadowCue

Array = NDArray[np.float64]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def made() -> Region:
    """Two images of soft colours with black and out-of-range places; a faint mask, and one of nearly everything."""
    soft = F.interpolate(random(2, 3, 14, 14), size=(112, 112), mode="bilinear")
    rgb = 0.1 + 0.8 * soft + 0.05 * (random(2, 3, 112, 112, seed=1) - 0.5)
    rgb[:, :, :20, :40] = 0
    rgb[:, :, 60:80, 90:] = -0.015  # as the context's antialiased resize may leave it
    luma = 0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:]
    mask = torch.zeros(2, 1, 112, 112)
    mask[0, 0, 40:60, 50:90] = 0.004
    mask[1, 0, 3:] = 1
    mask[1, 0, 50:60] = random(10, 112, seed=2)
    chroma = torch.cat([rgb[:, :1] - luma, rgb[:, 2:] - luma], 1)
    centre, axes = torch.tensor([[0.1, -0.2], [-0.05, 0.15]]), torch.tensor([[0.4, 0.55], [0.5, 0.6]])
    return Region(rgb, luma, chroma, mask, centre, axes)


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def blocks(maps: Array, side: int) -> Array:
    size = maps.shape[-1] // side
    return maps.reshape(*maps.shape[:-2], side, size, side, size).mean((-3, -1))


def cells(maps: Array) -> Array:
    return blocks(maps, 7).reshape(*maps.shape[:-2], 49)


def mean_under(values: Array, weight: Array, floor: float) -> Array:
    raised = (weight + floor)[:, None]
    return (values * raised).sum(-1) / raised.sum(-1)


def face_minus_rest(values: Array, weight: Array) -> Array:
    return mean_under(values, weight, 1e-3) - mean_under(values, 1 - weight, 1e-3)


def ratios(rgb: Array) -> Array:
    """Log R/G and log B/G, with .02 added to each."""
    logs = np.log(np.maximum(rgb, 0) + 0.02)
    return np.stack([logs[:, 0] - logs[:, 1], logs[:, 2] - logs[:, 1]], 1)


def everywhere(values: Array) -> Array:
    return np.repeat(values[..., None], 49, -1)


def near(found: Tensor, expected: Array, tolerance: float = 1e-3) -> None:
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def grid(side: int) -> tuple[Array, Array]:
    """x and y of each pixel's middle in -1..1."""
    places = (np.arange(side) + 0.5) * 2 / side - 1
    x, y = np.meshgrid(places, places)
    return x, y


# -- the region --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [112, 224, 56])
def test_colour_is_brought_back_from_imagenets_scale_and_split_into_luma_and_chroma(size: int) -> None:
    rgb = torch.tensor([0.7, 0.4, 0.2])[:, None, None].expand(2, 3, size, size)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    found = read_region((rgb - mean) / std, torch.ones(2, 1, size, size))
    luma = 0.299 * 0.7 + 0.587 * 0.4 + 0.114 * 0.2
    for values, expected in (
        (found.rgb, (0.7, 0.4, 0.2)),
        (found.luma, (luma,)),
        (found.chroma, (0.7 - luma, 0.2 - luma)),
    ):
        near(values[0], np.broadcast_to(np.array(expected)[:, None, None], (len(expected), 112, 112)), 1e-5)


def test_an_ellipse_away_from_the_middle_is_found_and_a_larger_image_is_resized_without_aliases() -> None:
    x, y = grid(224)
    mask = torch.from_numpy((np.hypot((x - 0.2) / 0.3, (y + 0.3) / 0.5) < 1).astype(np.float32))
    stripes = torch.zeros(1, 3, 224, 224)
    stripes[..., ::2] = 1
    found = read_region(stripes, mask[None, None])
    near(found.centre[0], np.array([0.2, -0.3]), 0.005)
    near(found.axes[0], np.array([0.3, 0.5]), 0.01)
    inner = found.rgb[0, 0, :, 2:-2]
    assert (inner - inner.mean()).abs().max() < 0.02  # every second column: grey
    faint = read_region(stripes, 0.02 * mask[None, None])
    near(faint.axes[0], np.array([0.3, 0.5]), 0.01)
    point = torch.zeros(1, 1, 112, 112)
    point[..., 56, 56] = 1.0
    near(read_region(stripes, point).axes[0], np.array([0.02, 0.02]), 1e-4)  # not narrower than a pixel or so
    for share in (0.9, 0.0):  # hardly any face: as if there were none
        few = read_region(stripes, share * point)
        assert few.centre.tolist() == [[0, 0]]
        assert few.axes[0].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_a_contrast_is_the_difference_of_two_weighted_means() -> None:
    values, weight = random(2, 3, 49), 0.01 * random(2, 49, seed=1)
    near(contrast(values, weight), face_minus_rest(np64(values), np64(weight)), 1e-5)
    near(log_chromaticity(made().rgb), ratios(np64(made().rgb)), 1e-4)


# -- face_boundary -----------------------------------------------------------------------------------------------------


def rings(maps: Array, centre: Array, axes: Array) -> Array:
    """Bilinear values along the ellipses, the edge repeated: ``[K, 22, 64]``."""
    angle = 2 * np.pi * np.arange(64) / 64
    radius = 0.4 + 0.05 * np.arange(22)[:, None]
    size = maps.shape[-1]
    x = ((centre[0] + axes[0] * radius * np.cos(angle) + 1) * size - 1) / 2
    y = ((centre[1] + axes[1] * radius * np.sin(angle) + 1) * size - 1) / 2
    x, y = np.clip(x, 0, size - 1), np.clip(y, 0, size - 1)
    left, top = np.minimum(x.astype(int), size - 2), np.minimum(y.astype(int), size - 2)
    right, low = x - left, y - top
    upper = maps[:, top, left] * (1 - right) + maps[:, top, left + 1] * right
    lower = maps[:, top + 1, left] * (1 - right) + maps[:, top + 1, left + 1] * right
    return upper * (1 - low) + lower * low


def steps(values: Array) -> Array:
    """Two rings outside minus two inside: ``[K, 22, 64]`` to ``[K, 19, 64]``."""
    return np.stack([values[:, n + 2 : n + 4].mean(1) - values[:, n : n + 2].mean(1) for n in range(19)], 1)


def test_rings_are_looked_up_along_the_faces_own_ellipses() -> None:
    region = made()
    for b in range(2):
        expected = rings(np64(region.rgb[b]), np64(region.centre[b]), np64(region.axes[b]))
        near(polar(region.rgb, region)[b], expected)
        near(radial_steps(polar(region.rgb, region))[b], steps(expected))


def test_coherence_is_the_mean_vectors_length_over_the_mean_length() -> None:
    values = 0.01 * (random(2, 2, 3, 8) - 0.3)
    given = np64(values)
    length = np.sqrt((given**2).sum(1)).mean(-1)
    near(coherence(values), np.sqrt((given.mean(-1) ** 2).sum(1)) / (length + 1e-3), 1e-4)


def sharpness(luma: Array) -> Array:
    """Log mean over 5x5 pixels of the squared Laplacian, of ``[112, 112]`` and of its half: ``[2, 112, 112]``."""

    def laplacian(image: Array) -> Array:
        p = np.pad(image, 1, mode="edge")
        return (4 * image - p[:-2, 1:-1] - p[2:, 1:-1] - p[1:-1, :-2] - p[1:-1, 2:]) / 4

    coarse = np.repeat(np.repeat(laplacian(blocks(luma, 56)) ** 2, 2, 0), 2, 1)
    found = np.zeros((2, 112, 112))
    for number, energy in enumerate((laplacian(luma) ** 2, coarse)):
        for row in range(112):
            for column in range(112):
                part = energy[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
                found[number, row, column] = math.log(part.mean() + 1e-5)
    return found


def test_the_boundary_is_each_radius_mean_step_and_its_coherence() -> None:
    region = made()
    expected = []
    for b in range(2):
        rgb, luma = np64(region.rgb[b]), np64(region.luma[b])
        sharp = sharpness(luma[0])
        signals = np.concatenate([luma, np64(region.chroma[b]), ratios(rgb[None])[0], sharp])
        around = steps(rings(signals, np64(region.centre[b]), np64(region.axes[b])))[:, ::2]
        around = around.reshape(7, 10, 32, 2).mean(-1)
        overall = []
        for first, last in ((0, 1), (1, 3), (3, 5), (5, 6), (6, 7)):
            mean, size = around[first:last].mean(-1), np.sqrt((around[first:last] ** 2).sum(0)).mean(-1)
            length = np.sqrt((mean**2).sum(0))
            overall += [mean[0] if last - first == 1 else length, length / (size + 1e-3)]
        local = np.concatenate([sharp, np64(region.chroma[b]), luma, np64(region.mask[b])])
        expected.append(np.concatenate([everywhere(np.concatenate(overall)), cells(local)]))
    near(FaceBoundaryCue(14).describe(region), np.stack(expected), 3e-3)


# -- lighting ----------------------------------------------------------------------------------------------------------


def waves(side: int) -> Array:
    x, y = (part.ravel() for part in grid(side))
    return np.column_stack([np.ones(side**2), x, y, x * y, x**2 - y**2, x**2 + y**2 - 2 / 3])


def fit(values: Array, weight: Array) -> Array:
    """Weighted least squares on the harmonics, with a ridge on all but the constant."""
    basis = waves(math.isqrt(values.shape[1]))
    found = []
    for value, share in zip(values, weight + 1e-4, strict=True):
        share = share / share.sum()
        gram = basis.T @ (share[:, None] * basis) + np.diag([1e-6, *[1e-3] * 5])
        found.append(np.linalg.solve(gram, basis.T @ (share * value)))
    return np.stack(found)


def test_light_is_a_weighted_fit_with_a_small_ridge() -> None:
    values, weight = random(2, 784), random(2, 784, seed=1) ** 8
    weight[:, :600] = 0
    near(light_fit(values, weight), fit(np64(values), np64(weight)))


def test_lighting_is_both_fits_both_balances_and_how_each_cell_departs() -> None:
    region = made()
    rgb, mask = blocks(np64(region.rgb), 28), blocks(np64(region.mask), 28)[:, 0]
    light = np.log(np.maximum(blocks(np64(region.luma), 28)[:, 0], 0) + 0.02)
    flat_mask, flat_light = mask.reshape(2, -1), light.reshape(2, -1)
    inside, outside = fit(flat_light, flat_mask), fit(flat_light, 1 - flat_mask)
    colour = np.concatenate([ratios(rgb), light[:, None]], 1)
    flat = colour.reshape(2, 3, -1)
    widened = np.zeros_like(mask)
    for row in range(28):
        for column in range(28):
            part = mask[:, max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
            widened[:, row, column] = part.max((1, 2))
    ring = np.clip(widened - mask, 0, 1).reshape(2, -1)
    core = np.where(flat_mask > 0.99, flat_mask, 0)
    mean = mean_under(flat, core, 1e-4)
    spread = np.sqrt(np.maximum(mean_under(flat**2, core, 1e-4) - mean**2, 0))
    broad = [inside, outside, inside - outside, face_minus_rest(flat, flat_mask)]
    broad += [mean - mean_under(flat, ring, 1e-4), spread]
    off = light - (outside @ waves(28).T).reshape(2, 28, 28)
    whole, own = kinship(region)
    parts = [everywhere(np.concatenate([*broad, np64(whole)], 1)), cells(np.concatenate([colour, off[:, None]], 1))]
    near(LightingCue(10).describe(region), np.concatenate([*parts, np64(own)], 1), 3e-3)


# -- kinship of colour -------------------------------------------------------------------------------------------------


def shifted(colour: Array, core: Array) -> Array:
    """The core's mean colour ``[B, 2]`` after two steps of mean shift."""
    mean = mean_under(colour, core, 1e-6)
    for width in (0.3, 0.15):
        distance = ((colour - mean[..., None]) ** 2).sum(1)
        alike = (core + 1e-6) * np.exp(-distance / (2 * width**2))
        mean = (colour * alike[:, None]).sum(-1) / alike.sum(-1)[:, None]
    return mean


def test_kinship_is_what_is_alike_in_each_zone_and_how_far_off() -> None:
    region = made()
    colour = ratios(blocks(np64(region.rgb), 56)).reshape(2, 2, -1)
    x, y = (part.ravel() for part in grid(56))
    whole, local = [], []
    for b in range(2):
        dx, dy = (
            (x - np64(region.centre)[b, 0]) / np64(region.axes)[b, 0],
            (y - np64(region.centre)[b, 1]) / np64(region.axes)[b, 1],
        )
        radius, angle = np.hypot(dx, dy) + 1e-4, np.degrees(np.arctan2(dy, dx) + 1e-4)
        core = (radius < 0.6).astype(float)[None]
        near(
            core_colour(torch.from_numpy(colour[b : b + 1]), torch.from_numpy(core))[..., 0],
            shifted(colour[b : b + 1], core),
        )
        off = colour[b] - shifted(colour[b : b + 1], core)[0][:, None]
        edges = (0.6, 0.75, 0.9, 1.05, 1.2, 1.4, 1.7)
        within = [(radius >= low) & (radius < high) for low, high in pairwise(edges)]
        below, above = (angle > 45) & (angle < 135), (angle < -30) & (angle > -150)
        zones = [*within, *(part & below for part in within), *(part & ~below & ~above for part in within)]
        of_zones, maps = [], []
        for width in (0.06, 0.15):
            alike = np.exp(-(off**2).sum(0) / (2 * width**2))
            found = []
            for zone in zones:
                count = max(zone.sum(), 1)
                share, shift = alike[zone].sum() / count, (alike * off / width)[:, zone].sum(1) / count
                shift = shift / (share + 0.02)
                found.append([*shift, np.hypot(*shift), math.log(share + 0.01)])
            of_zones.append(found)
            share, shift = cells(alike.reshape(1, 56, 56)), cells((alike * off / width).reshape(2, 56, 56))
            maps += [share, shift / (share + 0.05)]
        whole.append(np.concatenate(of_zones, 1).ravel())
        local.append(np.concatenate([*maps, cells(off.reshape(2, 56, 56))]))
    found_whole, found_cells = kinship(region)
    near(found_whole, np.stack(whole), 3e-3)
    near(found_cells, np.stack(local), 3e-3)


# -- shadow ------------------------------------------------------------------------------------------------------------


def test_shadow_is_how_much_of_each_edge_has_no_colour() -> None:
    region = made()
    rgb = blocks(np64(region.rgb), 56)

    def slopes(maps: Array) -> list[Array]:
        p = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
        return [(p[:, :, 1:-1, 2:] - p[:, :, 1:-1, :-2]) / 2, (p[:, :, 2:, 1:-1] - p[:, :, :-2, 1:-1]) / 2]

    slope = np.concatenate(slopes(np.log(np.maximum(rgb.mean(1, keepdims=True), 0) + 0.02)), 1)
    chroma = np.sqrt(sum((part**2).sum(1, keepdims=True) for part in slopes(ratios(rgb))))
    share = 1 / (1 + (chroma / 0.04) ** 2)
    size = np.sqrt((slope**2).sum(1, keepdims=True))
    means = cells(np.concatenate([size * share, size * (1 - share), chroma, slope * share], 1))
    local = np.concatenate([np.log(means[:, :3] + 1e-4), means[:, 3:]], 1)
    overall = means.mean(-1)
    broad = [face_minus_rest(local, cells(np64(region.mask))[:, 0]), overall[:, 3:] / (overall[:, :1] + 1e-4)]
    broad.append(np.log(overall[:, :2] + 1e-4))
    near(ShadowCue(8).describe(region), np.concatenate([local, everywhere(np.concatenate(broad, 1))], 1), 3e-3)
