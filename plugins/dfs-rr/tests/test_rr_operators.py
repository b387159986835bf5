"""Every operator against a signal whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dfs_rr.edge_sharpness import gradient_power, reblur, smoothed, step_width
from dfs_rr.interpolation import line_spectrum, notch, p_map, predict_error, second_difference
from dfs_rr.multi_scale import SCALES, MultiScale, Pyramid, ladder
from dfs_rr.resample import area_down, bicubic_up, binomial, down_up
from dfs_rr.upscaling import BANDS, across, band_matrix, knee, npr, npr_wide, power

INNER = slice(8, 56)


def wave(frequency: float, *, vertical: bool = False) -> Tensor:
    """A tile [1, 64, 64] of a cosine of unit power."""
    line = math.sqrt(2) * torch.cos(2 * math.pi * frequency * torch.arange(64))
    tile = line.expand(1, 64, 64)
    return tile.mT if vertical else tile


def noise(count: int = 16, size: int = 64, seed: int = 0) -> Tensor:
    return torch.randn(count, size, size, generator=torch.Generator().manual_seed(seed))


def enlarged(factor: float, count: int = 16, mode: str = "bicubic") -> Tensor:
    small = round(64 / factor)
    options = {} if mode == "nearest" else {"align_corners": False}
    return F.interpolate(noise(count, small)[:, None], size=(64, 64), mode=mode, **options)[:, 0]


def edge(sigma: float) -> Tensor:
    """A vertical step of 100 grey levels, blurred by a Gaussian of ``sigma``."""
    x = torch.arange(64) - 31.5
    return (50 * torch.erf(x / (sigma * math.sqrt(2)))).expand(1, 64, 64)


def lost(tiles: Tensor) -> Tensor:
    """R(s) for each step of the ladder, the tiles' edges left out."""
    changes = ladder(rows_first(tiles), MultiScale().operators)
    return torch.stack([c[INNER, :, INNER].square().mean() for c in changes]) / tiles[:, INNER, INNER].var()


def rows_first(tiles: Tensor) -> Tensor:
    return tiles.movedim(0, 1).contiguous()


# -- resampling matrices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", [area_down(64, 45), bicubic_up(45, 64), binomial(64), binomial(64, 8)])
def test_resampling_keeps_a_constant(matrix: Tensor) -> None:
    torch.testing.assert_close(matrix.sum(1), torch.ones(len(matrix)))


def test_area_down_takes_means_of_what_each_pixel_covers() -> None:
    torch.testing.assert_close(area_down(6, 4)[0], torch.tensor([2 / 3, 1 / 3, 0, 0, 0, 0]))


def test_bicubic_up_reproduces_a_parabola() -> None:
    # Keys' kernel with a = -1/2 is exact for polynomials of degree two.
    small = (torch.arange(32) + 0.5) * 2
    parabola = bicubic_up(32, 64) @ (small**2)
    torch.testing.assert_close(parabola[8:56], (torch.arange(64) + 0.5)[8:56] ** 2, rtol=1e-5, atol=1e-2)


def test_bicubic_up_repeats_the_edge() -> None:
    """The first of twice as many pixels lies 1/4 before the first one's middle: of Keys' weights at 7/4, 3/4 and 1/4,
    -3/128, 29/128 and 111/128, all fall on that one, and at 5/4, -9/128, on the next.
    """
    matrix = bicubic_up(32, 64)
    for row in (matrix[0], matrix[63].flip(0)):
        assert row[:3].tolist() == pytest.approx([137 / 128, -9 / 128, 0])
    assert matrix[1, :4].tolist() == pytest.approx([102 / 128, 29 / 128, -3 / 128, 0])


def test_binomial_has_the_deviation_it_says() -> None:
    row = binomial(64, 2)[32]
    x = torch.arange(64) - 32.0
    assert float((row * x**2).sum()) == pytest.approx(4.0)


# -- multi_scale -----------------------------------------------------------------------------------------------------


def test_ladder_takes_all_of_the_finest_wave_and_nothing_of_a_coarse_one() -> None:
    assert lost(wave(0.02)).max() < 1e-3
    assert lost(wave(0.49))[-1] == pytest.approx(1.0, abs=0.15)
    assert bool((torch.diff(lost(noise())) > 0).all())


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0])
def test_ladder_finds_little_to_lose_down_to_the_scale_that_a_image_was_enlarged_from(factor: float) -> None:
    native, made = lost(noise()), lost(enlarged(factor))
    for scale, before, after in zip(SCALES, native, made, strict=True):
        if scale >= 1 / factor:
            assert after < 0.4 * before


def test_ladder_reduces_and_enlarges_both_axes_of_every_tile() -> None:
    tiles = noise(3)
    changes = ladder(rows_first(tiles), MultiScale().operators)
    assert len(changes) == len(SCALES)
    for scale, change in zip(SCALES, changes, strict=True):
        both = down_up(64, scale)
        torch.testing.assert_close(change[:, 1], both @ tiles[1] @ both.mT - tiles[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("frequency", "octave"), [(0.4, 0), (0.15, 1), (0.07, 2), (0.035, 3)])
def test_each_octave_answers_to_its_own_waves(frequency: float, octave: int) -> None:
    bands = Pyramid()(rows_first(wave(frequency)))
    assert [band.shape[-1] for band in bands] == [64, 32, 16, 8]
    energy = [float(band[2:-2, :, 2:-2].square().mean()) for band in bands]
    assert energy.index(max(energy)) == octave


# -- upscaling -------------------------------------------------------------------------------------------------------


def test_npr_of_a_image_enlarged_by_repetition_is_zero() -> None:
    made = enlarged(2, mode="nearest")
    assert npr(made).abs().max() == 0
    assert all(float(part.square().mean()) == pytest.approx(2.0, rel=0.15) for part in across(made))
    assert float(npr(noise()).square().mean()) == pytest.approx(2.0, rel=0.05)  # differences of variance 2


def test_npr_subtracts_the_top_left_pixel() -> None:
    tile = torch.zeros(1, 64, 64)
    tile[0, 10, 20] = 1.0
    assert npr(tile)[:, 0, 5, 10].tolist() == [-1.0, -1.0, -1.0]
    tile[0, 10, 21], tile[0, 11, 20], tile[0, 11, 21] = 3.0, 5.0, 7.0
    assert npr(tile)[:, 0, 5, 10].tolist() == [2.0, 4.0, 6.0]


def test_npr_of_wide_cells_is_the_mean_square_about_the_top_left_pixel() -> None:
    tile = noise(1)
    cell = tile[0, 8:12, 20:24]
    torch.testing.assert_close(npr_wide(tile)[0, 2, 5], (cell - cell[0, 0]).square().mean())


def test_differences_across_cells_start_at_an_odd_pixel() -> None:
    ramp = torch.arange(64.0).square().expand(1, 64, 64)
    right, down = across(ramp)
    assert right[0, 0, :2].tolist() == [3.0, 7.0]  # 2^2 - 1^2, 4^2 - 3^2
    assert down.abs().max() == 0


def test_white_noise_fills_the_rings_by_their_area() -> None:
    taper = torch.hann_window(64)[:, None] * torch.hann_window(64)
    rings = band_matrix()
    energy = (power(noise(64), taper).flatten(1) @ rings).mean(0)
    torch.testing.assert_close(energy / rings.sum(0), torch.ones(BANDS), rtol=0.1, atol=0)
    assert rings.sum() == pytest.approx(math.pi / 4, rel=0.03)  # the disc of radius 1/2 in the unit square


@pytest.mark.parametrize("cut", [0.22, 0.30, 0.38])
def test_the_knee_is_where_the_spectrum_ends(cut: float) -> None:
    fy, fx = torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)
    radius = torch.hypot(fy, fx)
    shaped = torch.fft.irfft2(torch.fft.rfft2(noise(32) * 30) * (radius < cut) / radius.clamp(min=1 / 64), (64, 64))
    taper = torch.hann_window(64)[:, None] * torch.hann_window(64)
    rings = band_matrix()
    at, depth = knee((power(shaped, taper).flatten(1) @ rings).mean(0), rings.sum(0))
    assert float(at) == pytest.approx(cut, abs=0.03)
    assert float(depth) > 1


# -- edge_sharpness --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [1.0, 1.5])
def test_step_width_is_2_89_sigma(sigma: float) -> None:
    top, bottom = step_width(edge(sigma), -1)
    # The central difference widens the gradient by a box of two pixels: a variance of 1/3.
    assert float(top.sum() / bottom.sum()) == pytest.approx(2.894 * math.sqrt(sigma**2 + 1 / 3), rel=0.03)


def test_step_width_does_not_depend_on_contrast() -> None:
    faint, strong = (step_width(edge(1.5) * gain, -1) for gain in (0.1, 1.0))
    assert float(faint[0].sum() / faint[1].sum()) == pytest.approx(float(strong[0].sum() / strong[1].sum()), rel=1e-4)


def test_reblur_takes_more_of_what_is_sharp() -> None:
    sharp, soft = (reblur(edge(sigma), -1) for sigma in (0.5, 3.0))
    blur = [1 - float(taken.sum() / before.sum()) for taken, before in (sharp, soft)]
    assert blur[0] < 0.4 < 0.6 < blur[1]


def test_columns_are_measured_as_rows_are() -> None:
    for measure in (step_width, reblur):
        rows, columns = measure(edge(1.0), -1), measure(edge(1.0).mT, -2)
        for a, b in zip(rows, columns, strict=True):
            torch.testing.assert_close(a, b.mT)


def test_gradients_fall_under_another_blur_as_theory_says() -> None:
    # A Gaussian edge of sigma has a steepest gradient of 1/sigma; the blur adds its variance of 1.
    plain, once = gradient_power(edge(2.0)), gradient_power(edge(2.0) @ binomial(64).mT)
    assert float(once[0, 32].max() / plain[0, 32].max()) ** 0.25 == pytest.approx(math.sqrt(4 / 5), rel=0.02)
    assert float(gradient_power(3 * torch.arange(64.0).expand(1, 64, 64))[0, 5, 5]) == pytest.approx(81.0)


# -- interpolation ---------------------------------------------------------------------------------------------------


def test_predictor_is_exact_on_a_plane_and_keeps_the_noise_that_it_must() -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    assert predict_error((3 * x - 2 * y)[None]).abs().max() < 1e-3
    error = predict_error(noise())
    assert float(error.var()) == pytest.approx(1 + 4 / 4 + 4 / 16, rel=0.05)
    assert float(p_map(torch.zeros(1))) == 1.0


@pytest.mark.parametrize(("factor", "peak"), [(64 / 43, 43), (64 / 49, 49)])
def test_second_difference_peaks_at_one_over_xi(factor: float, peak: int) -> None:
    made = F.interpolate(20 * noise(32, round(64 / factor))[:, None], size=(64, 64), mode="bilinear")[:, 0]
    spectrum = line_spectrum(second_difference(made, -1).mean(1), torch.ones(62)).mean(0)
    assert int(spectrum[2:].argmax()) + 2 == 64 - peak  # 1/xi = peak/64 cycles per pixel, folded to 0..1/2


def test_p_map_of_an_enlarged_image_peaks_on_the_axes() -> None:
    made = F.interpolate(4 * noise(32, 43)[:, None], size=(64, 64), mode="bilinear")[:, 0]
    probable = p_map(predict_error(made).square())
    taper = torch.hann_window(62)[:, None] * torch.hann_window(62)
    centred = (probable - probable.mean((1, 2), keepdim=True)) * taper
    plane = torch.fft.rfft2(centred, s=(64, 64)).abs().mean(0) * notch()
    row, column = divmod(int(plane.argmax()), 33)
    assert (row, column) in {(0, 21), (21, 0), (43, 0)}


def test_the_codec_lattice_is_notched_and_the_axes_are_not() -> None:
    kept = notch()
    assert not kept[8, 8]
    assert not kept[9, 15]
    assert not kept[0, 24]
    assert kept[0, 20]
    assert kept[20, 0]
    assert kept[8, 20]


def test_smoothing_is_the_binomial_filter_along_both_axes() -> None:
    tile = noise(1)
    for dilation, lost_pixels in ((1, 2), (2, 4)):
        matrix, inner = binomial(64, dilation), slice(lost_pixels, 64 - lost_pixels)
        expected = (matrix @ tile @ matrix.mT)[:, inner, inner]
        torch.testing.assert_close(smoothed(tile, dilation), expected, rtol=1e-4, atol=1e-5)


def test_the_ladder_without_the_margin_is_the_ladder() -> None:
    rows, operators = rows_first(noise(3)), MultiScale().operators
    for whole, inner in zip(ladder(rows, operators), ladder(rows, operators, 4), strict=True):
        torch.testing.assert_close(whole[4:60, :, 4:60], inner, rtol=1e-4, atol=1e-5)


def test_the_p_map_has_no_subnormal_numbers() -> None:
    found = p_map(torch.tensor([0.0, 1.0, 95.0, 1e6]))
    torch.testing.assert_close(found[:2], torch.tensor([1.0, math.exp(-1)]))
    assert found.min() > torch.finfo(torch.float32).tiny
