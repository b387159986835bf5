"""Each operator of a clip against its definition, written out in NumPy and double precision.

The made clip holds what the floors and clamps are for: blocks that stay still, a face that is hardly there and one that
fills nearly everything, a peak above 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfs_tm.clip_view import ClipView, against_surround, cells, read_clip, regularity, summary
from dfs_tm.flow import Flow
from dfs_tm.frame_consistency import FrameConsistencyCue, ssim
from dfs_tm.motion_flow import MotionFlowCue
from dfs_tm.optical_flow import OpticalFlowCue
from dfs_tm.temporal_artifacts import TemporalArtifactsCue, flicker, roughness

Array = NDArray[np.float64]
NEAR = {"rtol": 2e-4, "atol": 2e-4}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def made() -> tuple[Tensor, Tensor]:
    """``sequence`` ``[2, 16, 3, 112, 112]`` and its mask: texture that changes in parts, and faces of little weight."""
    smooth = F.interpolate(random(32, 3, 14, 14), size=(112, 112), mode="bilinear").unflatten(0, (2, 16))
    sequence = (40 + 150 * smooth + 20 * random(2, 16, 3, 112, 112, seed=1)).byte()
    sequence[:, 5:9, :, :48, :64] = sequence[:, 5:6, :, :48, :64]  # still for three steps
    sequence[:, :, :, 64:96, 96:] = sequence[:, :1, :, 64:96, 96:]  # always still
    mask = torch.zeros(2, 16, 1, 112, 112)
    for t in range(16):
        mask[0, t, 0, 40 + t : 60 + t, 30 : 50 + 2 * t] = 0.02
        mask[1, t, 0, t:112, :] = 1
    return sequence, mask


def clip() -> ClipView:
    return read_clip(*made())


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def blocks(maps: Array, side: int = 7) -> Array:
    """Means over ``side`` x ``side`` equal parts of the last two axes."""
    size = maps.shape[-1] // side
    return maps.reshape(*maps.shape[:-2], side, size, side, size).mean((-3, -1))


def in_cells(maps: Array) -> Array:
    return blocks(maps).reshape(*maps.shape[:-2], 49)


def lower_median(series: Array) -> Array:
    return np.sort(series, 1)[:, (series.shape[1] - 1) // 2]


def of_series(series: Array) -> Array:
    middle = lower_median(series)
    return np.stack([series.mean(1), series.std(1, ddof=1), series.max(1) - middle, middle - series.min(1)], 1)


def regular(series: Array) -> Array:
    ordered, middle = np.sort(series, 1), lower_median(series)[:, None]
    parts = [ordered[:, -3:] - middle, middle - ordered[:, :3], series.std(1, ddof=1)[:, None]]
    return np.concatenate([*parts, np.abs(np.diff(series, axis=1)).mean(1)[:, None]], 1)


def weighted(values: Array, weight: Array) -> Array:
    """Mean over the last axis; every weight raised by a thousandth."""
    raised = (weight + 1e-3)[:, None]
    return (values * raised).sum(-1) / raised.sum(-1)


def face_minus_rest(values: Array, face: Array) -> Array:
    return weighted(values, face) - weighted(values, 1 - face)


def everywhere(values: Array) -> Array:
    return np.repeat(values[..., None], 49, -1)


def length(vectors: Array, axis: int) -> Array:
    return np.sqrt((vectors**2).sum(axis))


# -- what all four read ------------------------------------------------------------------------------------------------


def test_a_clip_is_luma_halved_chroma_and_a_face_that_moves() -> None:
    sequence, mask = made()
    found = clip()
    np.testing.assert_array_equal(found.luma, sequence[:, :, 0].float())
    np.testing.assert_allclose(found.chroma, blocks(np64(sequence[:, :, 1:]), 56), rtol=1e-6)
    np.testing.assert_allclose(found.face, in_cells(np64(mask[:, :, 0])).mean(1), atol=1e-6)
    expected = [[(30 + 50 + 2 * t) / 2, (100 + 2 * t) / 2] for t in range(16)]  # the middle of the rectangle
    np.testing.assert_allclose(found.centre[0], expected, rtol=1e-5)
    np.testing.assert_allclose(found.centre[1], [[56, (112 + t) / 2] for t in range(16)], rtol=1e-5)


def test_a_clip_without_a_face_has_no_centre_but_is_finite() -> None:
    sequence, mask = made()
    assert read_clip(sequence, 0 * mask).centre.abs().max() == 0
    trace = torch.zeros_like(mask)
    trace[:, :, 0, 10, 20] = 2e-3
    np.testing.assert_allclose(read_clip(sequence, trace).centre[0, 0], [20.5, 10.5], rtol=1e-5)


def test_series_are_summed_up_by_their_definition() -> None:
    series = random(2, 14, 49)  # an even number: the median is the lower one of the two in the middle
    np.testing.assert_allclose(summary(series), of_series(np64(series)), **NEAR)
    np.testing.assert_allclose(regularity(series[..., 0]), regular(np64(series[..., 0])), **NEAR)
    face = 0.01 * random(2, 49, seed=2)
    values = random(2, 5, 49, seed=3)
    np.testing.assert_allclose(against_surround(values, face), face_minus_rest(np64(values), np64(face)), **NEAR)
    maps = random(2, 3, 28, 28)
    np.testing.assert_allclose(cells(maps), in_cells(np64(maps)), **NEAR)


# -- frame_consistency -------------------------------------------------------------------------------------------------


def test_ssim_is_wangs_formula_in_windows_of_eight() -> None:
    first, second = 60 * random(1, 32, 32), 60 * random(1, 32, 32, seed=1)
    first[0, 12:28, 12:28], second[0, 12:28, 12:28] = 0.5, 2.0  # dark and flat: the constants decide
    second[0, :8, :16] = first[0, :8, :16]
    found = ssim(first, second)
    a, b = np64(first[0]), np64(second[0])
    c1, c2 = 2.55**2, 7.65**2
    for row in range(8):
        for column in range(8):
            rows, columns = slice(max(0, 4 * row - 2), 4 * row + 6), slice(max(0, 4 * column - 2), 4 * column + 6)
            p, q = a[rows, columns], b[rows, columns]
            shared = ((p - p.mean()) * (q - q.mean())).mean()
            expected = (2 * p.mean() * q.mean() + c1) * (2 * shared + c2)
            expected /= (p.mean() ** 2 + q.mean() ** 2 + c1) * (p.var() + q.var() + c2)
            assert abs(found[0, row, column].item() - expected) < 1e-3


def test_frame_consistency_is_the_distance_and_the_change_of_each_cell() -> None:
    view = clip()
    small = blocks(np64(view.luma), 56)
    similar = ssim(*(torch.from_numpy(part).flatten(0, 1) for part in (small[:, :-1], small[:, 1:])))
    distance = in_cells(np.log(np.maximum(1 - np64(similar), 0) + 1e-3).reshape(2, 15, 14, 14))
    moved = in_cells(np.log(blocks(np.abs(np.diff(small, axis=1)), 28) + 0.1))
    local = np.concatenate([of_series(distance), of_series(moved)], 1)
    face = np64(view.face)[:, None]
    inside = (moved * face).sum(-1) / (face.sum(-1) + 1e-3)
    outside = (moved * (1 - face)).sum(-1) / ((1 - face).sum(-1) + 1e-3)
    parts = [face_minus_rest(local, face[:, 0]), regular(distance.mean(-1)), regular(inside), regular(outside)]
    expected = np.concatenate([local, everywhere(np.concatenate(parts, 1))], 1)
    np.testing.assert_allclose(FrameConsistencyCue(14).describe(view), expected, rtol=1e-3, atol=2e-3)


# -- motion_flow -------------------------------------------------------------------------------------------------------


def made_flow() -> Flow:
    vectors = 3 * random(2, 15, 2, 14, 14) - 1.5
    vectors[:, 4:8] = vectors[:, 4:5]  # no turn for three steps
    peak = 0.5 + 0.5 * random(2, 15, 14, 14, seed=1)
    peak[:, 3:6, :4], peak[:, :, 8:10] = 1.0, 1.02
    rest = [random(2, 15, 14, 14, seed=seed) for seed in range(2, 6)]
    rest[2][:, :, :2] = 0
    return Flow(vectors, peak, *rest)


def test_motion_is_told_of_each_cell_and_of_the_face_against_its_surround() -> None:
    view, flow = clip(), made_flow()
    codec = 4 * random(2, 16, 3, 28, 28, seed=7) - 2
    codec[:, :, 2] = (random(2, 16, 28, 28, seed=8) < 0.5).float()
    codec[:, 3:7, 2], codec[:, 10, 2, :14], codec[:, 10, 2, 14:] = 1, 1, 0  # of a frame just half is known
    codec[:, :, :2, :8] = 0  # nothing moves: the floor
    vectors, face = np64(flow.vectors), blocks(np64(view.mask).mean(1), 14)

    def mean_of(field: Array, weight: Array) -> Array:
        raised = (weight + 1e-3) / (weight + 1e-3).sum((1, 2), keepdims=True)
        return (field * raised[:, None, None]).sum((3, 4))

    inside, outside = mean_of(vectors, face), mean_of(vectors, 1 - face)
    speed = np.log(length(vectors - outside[..., None, None], 2) + 0.05)
    turn = np.log(length(np.diff(vectors, axis=1), 2) + 0.05)
    box = np.diff(np64(view.centre), axis=1)
    broad = [regular(np.log(length(part, -1) + 0.05)) for part in (inside - outside, inside, inside - box)]
    told = np64(codec)
    both = told[:, 1:, 2] * told[:, :-1, 2]
    change = length(np.diff(told[:, :, :2], axis=1), 2) * both
    maps = [np.log(length(told[:, :, :2], 2).mean(1) + 0.05), np.log(change.mean(1) + 0.05), told[:, :, 2].mean(1)]
    known = (told[:, :, 2].mean((2, 3)) > 0.5).mean(1)
    wide = np.repeat(np.repeat(face, 2, 1), 2, 2)
    apart = mean_of(told[:, :, :2], wide) - mean_of(told[:, :, :2], 1 - wide)
    off = length(apart, -1)
    steps = np.abs(np.diff(apart, axis=1)).mean((1, 2))
    broad.append(np.stack([off.mean(1), off.std(1, ddof=1), off.max(1) - lower_median(off), known, steps], 1))
    local = [of_series(in_cells(speed)), of_series(in_cells(turn)), in_cells(np.stack(maps, 1))]
    expected = np.concatenate([*local, everywhere(np.concatenate(broad, 1))], 1)
    np.testing.assert_allclose(MotionFlowCue(13).describe(view, flow, codec), expected, **NEAR)


# -- optical_flow ------------------------------------------------------------------------------------------------------


def test_the_cost_volume_is_told_of_each_cell_and_of_the_face_against_its_surround() -> None:
    view, flow = clip(), made_flow()
    certain = np.log(np.maximum(1 - np64(flow.peak), 0) + 0.01)
    maps = [certain, np64(flow.entropy), np64(flow.second), np.log(np64(flow.back) + 0.1), np64(flow.residual)]
    series = [in_cells(part) for part in maps]
    local = np.concatenate([of_series(part) for part in series], 1)
    face = np64(view.face)[:, None]
    inside = (series[4] * face).sum(-1) / (face.sum(-1) + 1e-3)
    broad = [face_minus_rest(local, face[:, 0]), regular(series[4].mean(-1)), regular(inside)]
    expected = np.concatenate([local, everywhere(np.concatenate(broad, 1))], 1)
    np.testing.assert_allclose(OpticalFlowCue(13).describe(view, flow), expected, **NEAR)


# -- temporal_artifacts ------------------------------------------------------------------------------------------------


def powers(series: Array) -> Array:
    """Bins 1 to 8 of ``[B, 16, N]``: sums of cosines and sines under a Hann window."""
    time = np.arange(16)
    window = np.sin(np.pi * time / 16) ** 2
    centred = (series - series.mean(1, keepdims=True)) * window[:, None]
    found = []
    for number in range(1, 9):
        angle = 2 * np.pi * number * time / 16
        real, imaginary = ((centred * wave(angle)[:, None]).sum(1) for wave in (np.cos, np.sin))
        found.append((real**2 + imaginary**2) / 6)  # the window's squares add up to 3/8 of 16
    return np.log(np.stack(found, 1) + 1e-3)


def test_flicker_is_the_power_of_each_frequency_over_its_floor() -> None:
    series = 0.1 * random(2, 16, 5)
    series[:, :, 0] = 7
    np.testing.assert_allclose(flicker(series), powers(np64(series)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(flicker(series + 100)[..., 1:], flicker(series)[..., 1:], atol=0.01)


def rough(series: Array) -> Array:
    first, second = (in_cells(np.diff(series, n, axis=1) ** 2).mean(1) for n in (1, 2))
    return np.log(second + 0.1) - np.log(first + 0.1)


def test_roughness_is_the_ratio_of_two_differences() -> None:
    series = random(2, 16, 28, 28)
    np.testing.assert_allclose(roughness(series), rough(np64(series)), **NEAR)


def test_temporal_artifacts_are_told_of_each_cell_and_of_the_face_against_its_surround() -> None:
    view, change = clip(), random(2, 16, 49, 3, 4, 4)
    u, v = np64(view.chroma[:, :, 0]), np64(view.chroma[:, :, 1])
    spectra = [powers(in_cells(part)) for part in (np64(view.luma), u, v)]
    ratios = np.stack([rough(part) for part in (blocks(np64(view.luma), 56), u, v)], 1)
    native = np64(change).mean((-2, -1))
    still = of_series(native[:, 1:, :, 0])[:, :2]
    excess = of_series(native[:, 2:, :, 2] - native[:, 2:, :, 1])
    local = np.concatenate([*spectra, ratios, still, excess], 1)
    expected = np.concatenate([local, everywhere(face_minus_rest(local, np64(view.face)))], 1)
    np.testing.assert_allclose(TemporalArtifactsCue(12).describe(view, change), expected, rtol=1e-3, atol=1e-3)
    assert math.isclose(expected[0, 0, 7 * 4 + 6], math.log(1e-3), abs_tol=1e-6)  # a cell that stays still
