"""What the cues make of a window, against its definition written out in NumPy and double precision.

The made window holds what the floors and clamps are for: flat blocks, clipped ones, unknown quantisers, a face of every
share.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfs_rr.edge_sharpness import _SIDE, EdgeSharpness, gradient_power, reblur, smoothed, step_width
from dfs_rr.interpolation import Interpolation, line_spectrum
from dfs_rr.multi_scale import MultiScale, Pyramid, ladder
from dfs_rr.upscaling import Upscaling, across, band_matrix, knee, npr, npr_wide
from dfs_rr.window import CELLS, BlockMean, Operator, Places, Window, WindowReader, ranks

Array = NDArray[np.float64]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def views() -> dict[str, Tensor]:
    """Two windows of tiles whose contrast and level differ."""
    smooth = torch.nn.functional.interpolate(random(98, 1, 24, 24), size=(64, 64), mode="bilinear")[:, 0]
    level, gain = 40 + 190 * random(98, 1, 1, seed=1), 10 + 90 * random(98, 1, 1, seed=2)
    tiles = level + gain * (smooth - 0.5) + 8 * (random(98, 64, 64, seed=3) - 0.5)
    tiles[::7, :32] = tiles[::7, :1, :1]  # flat blocks
    share = random(2, 49, 4, 4, seed=4)
    share[0], share[1] = 1 - 0.2 * share[0], 0.05 * share[1]  # nearly all face, hardly any
    share[0, :9], share[1, 40:] = 1, 0
    quantiser = torch.round(15 + 30 * random(2, 49, 4, 4, seed=5))
    quantiser[:, 3:6] = -1
    quantiser[:, 6, 0] = 0
    return {
        "tiles": tiles.clamp(0, 255).byte().unflatten(0, (2, 49)),
        "tile_face": share,
        "qp": quantiser,
    }


def window() -> Window:
    return WindowReader()(views())


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def cells(values: Array) -> Array:
    return values if values.shape[1] == 49 else values.reshape(len(values), 49, 16, -1).mean(2)


def block_means(maps: Array, rows: range = range(64), columns: range = range(64)) -> Array:
    """Means in each 16x16 block of what lies at least 4 pixels from the tile's edge: ``[B, 784]``."""
    found = np.zeros((len(maps), 4, 4))
    for i in range(4):
        for j in range(4):
            down = [n for n, at in enumerate(rows) if at // 16 == i and 4 <= at < 60]
            right = [n for n, at in enumerate(columns) if at // 16 == j and 4 <= at < 60]
            found[:, i, j] = maps[:, down][:, :, right].mean((1, 2))
    return found.reshape(-1, 784)


def left_over(places: Places, values: Array) -> Array:
    """What a ridge regression over the surround leaves of ``[B, 49, K]``."""
    found = []
    for b in range(len(values)):
        weight = cells(np64(places.surround)[..., None])[b, :, 0] + 1e-3
        weight = weight / weight.sum()
        x = np.column_stack([np.ones(49), cells(np64(places.regressors))[b]])
        ridge = np.diag([1e-6, *[0.05] * (x.shape[1] - 1)])
        slopes = np.linalg.solve(x.T @ (weight[:, None] * x) + ridge, x.T @ (weight[:, None] * values[b]))
        found.append(values[b] - x @ slopes)
    return np.stack(found)


def ranked(cell: Array) -> Array:
    apart = np.clip((cell[:, :, None] - cell[:, None]) * 100, -1, 1)
    return apart.sum(2) / 48 / 2


def pooled(energy: Array, weight: Array, against: Array) -> Array:
    floor = weight.sum(1) / 12 + 1e-3
    return np.log(((energy * weight).sum(1) + floor) / ((against * weight).sum(1) + floor))


def compared(places: Places, energy: Array, against: Array) -> Array:
    contrast = np64(places.contrast)
    floor = cells(contrast**2) / 12 + 1e-3
    ratio = np.log((cells(energy * contrast**2) + floor) / (cells(against * contrast**2) + floor))
    cell = left_over(places, ratio)
    face, surround = np64(places.face)[..., None], np64(places.surround)[..., None]
    broad = []
    for power in (2, 3):
        inside = pooled(energy, face * contrast**power, against)
        broad += [inside, inside - pooled(energy, surround * contrast**power, against)]
    wide = np.repeat(np.concatenate(broad, -1)[:, None], 49, 1)
    return np.concatenate([cell, ranked(cell), wide], -1)


def near(found: Tensor, expected: Array, tolerance: float = 2e-3) -> None:
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# -- the window --------------------------------------------------------------------------------------------------------


def test_a_window_is_its_tiles_without_their_means_and_what_each_block_is_like() -> None:
    given, found = views(), window()
    raw = np64(given["tiles"]).reshape(98, 64, 64)
    pixels = raw - raw.mean((1, 2), keepdims=True)
    near(found.pixels, pixels)
    variance = block_means(raw**2) - block_means(raw) ** 2
    near(found.variance, variance[..., None], 1e-2)
    share, quantiser = np64(given["tile_face"]).reshape(2, 784), np64(given["qp"]).reshape(2, 784)
    activity, level = (np.log(variance + 1 / 12) - 3) / 2, (block_means(raw) - 110) / 50
    known = (quantiser >= 0).astype(float)
    told = known * (quantiser - 26) / 8
    clipped = block_means(((raw < 17) | (raw > 234)).astype(float))
    contrast = variance / (variance.mean(1, keepdims=True) + 1 / 12)
    regressors = np.stack([activity, level, told, activity**2], -1)
    for places, pool in ((found.blocks, lambda values: values), (found.cells, cells)):
        part = pool(share[..., None])[..., 0]
        near(places.face, part**2)
        near(places.surround, (1 - part) ** 2)
        near(places.contrast, pool(contrast[..., None]))
        near(places.regressors, pool(regressors))
    columns = cells(np.stack([activity, level, told, known, 2 * share - 1, clipped], -1))
    weight = (1 - cells(share[..., None])) ** 2 + 1e-3
    seen = (columns * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
    near(found.confounders, np.concatenate([np.repeat(seen[..., :4], 49, 1), columns[..., 4:]], -1))


@pytest.mark.parametrize(("level", "clipped"), [(16, 1), (17, 0), (234, 0), (235, 1)])
def test_clipped_pixels_lie_beyond_the_range_of_video(level: int, clipped: int) -> None:
    given = views() | {"tiles": torch.full((2, 49, 64, 64), level, dtype=torch.uint8)}
    assert WindowReader()(given).confounders[..., 5].unique().tolist() == [clipped]


def test_flat_tiles_have_no_negative_variance() -> None:
    given = views()
    for level in (83, 171, 249):
        given["tiles"][:, :, :40] = level
        assert (WindowReader()(given).variance >= 0).all()


def test_ratios_are_compared_by_their_definition() -> None:
    places = window().blocks
    energy, against = 30 * random(2, 784, 3, seed=6), 40 * random(2, 784, 3, seed=7)
    energy[:, :50] = 0
    near(places.compare(energy, against), compared(places, np64(energy), np64(against)))
    values = random(2, 49, 3, seed=8)
    near(window().cells.unexplained(values), left_over(window().cells, np64(values)))
    near(ranks(values / 20), ranked(np64(values / 20)))


@pytest.mark.parametrize(("rows", "columns"), [(range(64), range(5, 59)), (range(0, 64, 2), range(2, 64, 2))])
def test_block_means_are_of_the_pixels_that_the_maps_stand_for(rows: range, columns: range) -> None:
    maps = random(49, len(rows), len(columns))
    near(BlockMean(rows, columns)(maps), block_means(np64(maps), rows, columns))
    near(BlockMean(rows, columns).of_rows(maps.movedim(0, 1)), block_means(np64(maps), rows, columns))


# -- the cues ----------------------------------------------------------------------------------------------------------


def described(operator: Operator) -> tuple[Window, Array, Tensor]:
    read = window()
    found = operator(read)
    assert found.shape == (2, CELLS, operator.descriptors)
    return read, np64(read.variance), found


def test_multi_scale_is_each_steps_loss_and_each_octave_over_the_variance() -> None:
    operator = MultiScale()
    read, variance, found = described(operator)
    rows = read.pixels.movedim(0, 1).contiguous()
    energy = [block_means(np64(part.movedim(0, 1)) ** 2) for part in ladder(rows, operator.operators)]
    for level, band in enumerate(Pyramid()(rows)):
        at = range(0, 64, 2**level)
        energy.append(block_means(np64(band.movedim(0, 1)) ** 2, at, at))
    near(found, compared(read.blocks, np.stack(energy, -1), variance), 5e-3)


def test_edge_sharpness_is_widths_reblur_and_the_gradients_under_two_blurs() -> None:
    read, _, found = described(EdgeSharpness())
    x, inner = read.pixels, range(5, 59)
    energy, against = [], []
    for measure, scale in ((step_width, 16), (reblur, 1)):
        for dim, at in ((-1, (range(64), inner)), (-2, (inner, range(64)))):
            top, bottom = measure(x.clone(), dim)
            energy.append(block_means(np64(top), *at) / scale)
            against.append(block_means(np64(bottom), *at) / scale)
    once = smoothed(x.clone())
    powers = []
    for lost, image in ((1, x), (3, once), (7, smoothed(once.clone(), 2))):
        at_pixels = range(lost, 64 - lost)
        powers.append(block_means(np64(gradient_power(image.clone())), at_pixels, at_pixels))
    expected = compared(read.blocks, np.stack([*energy, *powers[1:]], -1), np.stack([*against, *powers[:-1]], -1))
    near(found, expected, 5e-3)


def test_upscaling_is_the_neighbours_relations_the_rings_and_the_knee() -> None:
    operator = Upscaling()
    read, variance, found = described(operator)
    pairs, fours, borders = range(0, 64, 2), range(0, 64, 4), range(2, 64, 2)
    right, down, diagonal = (block_means(np64(part) ** 2, pairs, pairs) for part in npr(read.pixels))
    wide = block_means(np64(npr_wide(read.pixels)), fours, fours)
    over = [np64(part) ** 2 for part in across(read.pixels)]
    over_right, over_down = block_means(over[0], pairs, borders), block_means(over[1], borders, pairs)
    energy = np.stack([right, down, diagonal, wide, right + down, right, down], -1)
    against = np.stack([*[variance[..., 0]] * 4, wide, over_right, over_down], -1)
    taper = np.sin(np.pi * np.arange(64) / 64) ** 2
    taper = taper * taper[:, None]
    spectrum = np.abs(np.fft.rfft2(np64(read.pixels) * taper)) ** 2 / (taper**2).sum()
    rings = np64(band_matrix())
    bands = (spectrum.reshape(98, -1) @ rings).reshape(2, 49, 12)
    ends = compared(read.cells, bands[..., :7], bands.sum(-1, keepdims=True))
    level = left_over(read.cells, np64(knee(torch.from_numpy(bands[..., :7]), torch.from_numpy(rings.sum(0)[:7]))))
    weight = np64(read.cells.face)[..., None] * np64(read.cells.contrast)
    face = (level * weight).sum(1, keepdims=True) / (weight.sum(1, keepdims=True) + 1e-3)
    parts = [compared(read.blocks, energy, against), ends, level, np.repeat(face, 49, 1)]
    near(found, np.concatenate(parts, -1), 5e-3)


def test_rings_and_knee_by_their_definition() -> None:
    edges = np.linspace(1 / 64, 0.5, 13)
    rows = np.minimum(np.arange(64), 64 - np.arange(64))[:, None]
    radius = np.hypot(rows, np.arange(33)) / 64
    twice = np.where(np.isin(np.arange(33), (0, 32)), 1, 2)
    inside = (radius[..., None] > edges[:-1] - 1e-6) & (radius[..., None] <= edges[1:] + 1e-6)
    near(band_matrix(), (inside * twice[:, None] / 64**2).reshape(-1, 12), 1e-6)
    density = np64(band_matrix()).sum(0)[:7]
    bands = np64(random(5, 7)) * density / np.arange(1, 8) ** 3 * 40
    bands[0, 4:], bands[1, 5:] = 0, bands[1, 5:] * 1e4  # cut off; above the line, which counts as filled
    x, y = np.log((edges[1:8] + edges[:7]) / 2), np.log(bands / density + 1 / 12)
    expected = []
    for row in y:
        slope, level = np.polyfit(x[:4], row[:4], 1)
        below = (level + slope * x - row)[4:]
        filled = (np.exp(-np.maximum(below, 0)) * np.diff(edges)[4:7]).sum()
        expected.append([edges[4] + filled, below.mean()])
    near(knee(torch.from_numpy(bands).float(), torch.from_numpy(density).float()), np.array(expected), 1e-3)


# -- interpolation -----------------------------------------------------------------------------------------------------

PLANE = np.array([[-1, 2, -1], [2, 0, 2], [-1, 2, -1]]) / 4
"""Kirchner's predictor."""


def on_lattice(number: int) -> bool:
    return min(number % 8, -number % 8) <= 1


def kept() -> Array:
    """Where a peak of the plane may count: its frequencies, in 64ths of a cycle."""
    rows = [n if n < 32 else n - 64 for n in range(64)]
    return np.array(
        [[not (on_lattice(v) and on_lattice(u)) and 6 <= np.hypot(u, v) <= 32 for u in range(33)] for v in rows]
    )


KEPT = kept()


def peaks(plane: Array, lines: Array) -> Array:
    """Log peak over mean of one plane ``[64, 33]`` and two lines ``[2, 33]``: four, then the axes' profiles."""
    counted = KEPT
    ratio = np.where(counted, np.log(plane / (plane[counted].mean() + 1e-3) + 0.1), -2.3)
    bins = np.array([u >= 6 and not on_lattice(u) for u in range(33)])
    base = lines[:, bins].mean(1, keepdims=True) + 1e-3
    line = np.where(bins, np.log(lines / base + 0.1), -2.3)
    across, down = ratio[0, :32], ratio[:32, 0]
    profiles = [axis.reshape(8, 4).max(1) for axis in (across, down)]
    return np.array([ratio.max(), across.max(), down.max(), line.max(), *profiles[0], *profiles[1]])


def test_interpolation_is_the_predictors_error_and_the_peaks_of_three_spectra() -> None:
    read, variance, found = described(Interpolation())
    x = np64(read.pixels)
    predicted = sum(PLANE[i, j] * x[:, i : 62 + i, j : 62 + j] for i in range(3) for j in range(3))
    probable = np.exp(-np.minimum((x[:, 1:-1, 1:-1] - predicted) ** 2, 40))
    rows, columns = (np.abs(np.diff(x, 2, axis=axis)) for axis in (2, 1))
    inner = range(1, 63)
    energy = np.stack([block_means(rows**2, range(64), inner), block_means(columns**2, inner, range(64))], -1)
    hann = np.sin(np.pi * np.arange(62) / 61) ** 2
    centred = (probable - probable.mean((1, 2), keepdims=True)) * hann * hann[:, None]
    planes = np.abs(np.fft.rfft2(centred, s=(64, 64))).reshape(2, 49, 64, 33)
    profiles = np.stack([rows.mean(1), columns.mean(2)], 1)
    profiles = (profiles - profiles.mean(-1, keepdims=True)) * hann
    lines = np.abs(np.fft.rfft(profiles, n=64)).reshape(2, 49, 2, 33)
    own = np.array([[peaks(planes[b, n], lines[b, n])[:4] for n in range(49)] for b in range(2)])
    broad = []
    for b in range(2):
        places = []
        for weight in (np64(read.cells.face)[b], np64(read.cells.surround)[b]):
            part = weight / (weight.sum() + 1e-3)
            places.append(peaks(np.tensordot(part, planes[b], 1), np.tensordot(part, lines[b], 1)))
        broad.append(np.concatenate([*places, places[0] - places[1]]))
    level = cells(block_means(probable, inner, inner)[..., None])
    parts = [compared(read.blocks, energy, variance), level, own, np.repeat(np.stack(broad)[:, None], 49, 1)]
    near(found, np.concatenate(parts, -1), 5e-3)


@pytest.mark.parametrize("size", [1.0, 2e-3, 0.0])
def test_peaks_are_told_against_the_mean_of_what_counts_and_a_small_floor(size: float) -> None:
    plane, lines = size * random(64, 33) ** 4, size * random(2, 33, seed=1) ** 4
    near(Interpolation()._peaks(plane, lines), peaks(np64(plane), np64(lines)), 1e-3)


def test_a_line_spectrum_is_of_the_tapered_line_without_its_mean() -> None:
    line, taper = random(3, 62), torch.hann_window(62, periodic=False)
    expected = np.abs(np.fft.rfft((np64(line) - np64(line).mean(-1, keepdims=True)) * np64(taper), n=64))
    near(line_spectrum(line, taper), expected, 1e-4)


def test_an_axis_needs_a_pixel_beyond_both_sides() -> None:
    shortest = 2 * _SIDE + 1
    assert step_width(torch.zeros(1, 1, shortest, shortest), 2)[0].shape[2] == 1
    with pytest.raises(ValueError, match=f"an axis of {shortest - 1} pixels is too short"):
        step_width(torch.zeros(1, 1, shortest - 1, shortest), 2)
