"""The renderer's image operators, on inputs whose answer is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dfcore.testing.demo.texture import blob, blur, fractal, mix, paint, sample, shifted, smoothstep, strands, to_linear


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return 2 * x + 3 * y


def test_smoothstep_rises_and_falls_between_its_limits() -> None:
    x = np.asarray([-1, 0, 0.5, 1, 2], np.float32)
    np.testing.assert_allclose(smoothstep(0, 1, x), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(smoothstep(1, 0, x), [1, 1, 0.5, 0, 0])


def test_mix_and_paint_agree() -> None:
    rng = np.random.default_rng(0)
    under, over = rng.random((2, 3, 4, 5), dtype=np.float32)
    weight = rng.random((4, 5), dtype=np.float32)
    mixed = mix(under, over, weight)
    np.testing.assert_allclose(mixed, (1 - weight) * under + weight * over, rtol=1e-5)
    paint(under, over, weight)
    np.testing.assert_allclose(under, mixed)


def test_blob_has_its_peak_and_widths_where_asked() -> None:
    u, v = np.asarray([1.0, 3.0, 1.0], np.float32), np.asarray([2.0, 2.0, 2.5], np.float32)
    np.testing.assert_allclose(blob(u, v, (1, 2), (2, 0.5)), [1, np.exp(-0.5), np.exp(-0.5)], rtol=1e-6)
    turned = blob(u, v, (1, 2), (0.5, 2), angle=np.pi / 2)
    np.testing.assert_allclose(turned, [1, np.exp(-0.5), np.exp(-0.5)], rtol=1e-5)


def test_blur_spreads_a_point_by_its_sigma_and_keeps_its_sum() -> None:
    point = np.zeros((2, 41, 41), np.float32)
    point[:, 20, 20] = 1
    spread = blur(point, 2.5)
    offsets = (np.arange(41) - 20) ** 2
    np.testing.assert_allclose(spread.sum(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose((spread[0].sum(axis=0) * offsets).sum(), 2.5**2, rtol=0.03)
    np.testing.assert_allclose((spread[1].sum(axis=1) * offsets).sum(), 2.5**2, rtol=0.03)


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.6])
def test_fractal_noise_has_the_slope_of_its_spectrum(slope: float) -> None:
    field = fractal(np.random.default_rng(1), 256, 256, slope)
    assert field.std() == pytest.approx(1, rel=1e-3)
    power = np.abs(np.fft.fft2(field)) ** 2
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :]) * 256
    edges = np.geomspace(4, 100, 12)
    rings = [(radius >= low) & (radius < high) for low, high in pairwise(edges)]
    fit = np.polyfit(
        np.log([radius[ring].mean() for ring in rings]), np.log([power[ring].mean() for ring in rings]) / 2, 1
    )
    assert fit[0] == pytest.approx(-slope, abs=0.08)


def test_strands_run_down() -> None:
    field = strands(np.random.default_rng(2), 128, 128, 12.0)
    power = np.abs(np.fft.fft2(field)) ** 2
    short = np.abs(np.fft.fftfreq(128)) > 3 / 12
    assert power[short].sum() < 0.02 * power.sum()
    assert power[:, short].sum() > 0.1 * power.sum()


def test_sampling_and_shifting_are_exact_on_a_ramp() -> None:
    image = np.stack([ramp(20, 30), -ramp(20, 30)])
    x, y = np.asarray([[3.25, 7.0]], np.float32), np.asarray([[4.5, 11.75]], np.float32)
    expected = 2 * x + 3 * y
    np.testing.assert_allclose(sample(image, x, y), [expected, -expected], rtol=1e-5)
    cut = shifted(image, 3.25, 4.5, 10, 6)
    assert cut.shape == (2, 6, 10)
    np.testing.assert_allclose(cut[0], ramp(6, 10) + 2 * 3.25 + 3 * 4.5, rtol=1e-5)


def test_sampling_repeats_the_edge() -> None:
    image = ramp(20, 30)
    outside = sample(image, np.asarray([-5.0, 90.0], np.float32), np.asarray([0.0, 90.0], np.float32))
    np.testing.assert_allclose(outside, [image[0, 0], image[-1, -1]], atol=0.02)


def test_linear_light() -> None:
    np.testing.assert_allclose(to_linear((0, 255, 127.5)), [0, 1, 0.5**2.2], rtol=1e-5)
