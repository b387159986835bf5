"""The descriptors of native tiles against their definitions, written out in NumPy and double precision.

The made tiles hold what the floors and clamps are for: flat ones, bright flat ones, faces of every share.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfs_bg import background_consistency
from dfs_bg.background_consistency import BackgroundConsistencyCue, autocorrelation, self_consistency, unexplained
from dfs_bg.texture import expected, octaves, texture

Array = NDArray[np.float64]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def made() -> tuple[Tensor, Tensor]:
    """Tiles ``[2, 49, 64, 64]`` of differing contrast, and the face's share of each block ``[2, 49, 4, 4]``."""
    soft = F.interpolate(random(98, 1, 20, 20), size=(64, 64), mode="bilinear")[:, 0]
    gain = 5 + 100 * random(98, 1, 1, seed=1)
    tiles = 128 + gain * (soft - 0.5) + 6 * (random(98, 64, 64, seed=2) - 0.5)
    tiles[5::11] = 60
    tiles[7::23], tiles[8::23] = 255, 254
    share = random(2, 49, 4, 4, seed=3)
    share[0, 15:33], share[0, 40:], share[1] = 1, 0, 0.02 * share[1]
    share[1, 20] = 1
    return tiles.clamp(0, 255).byte().unflatten(0, (2, 49)), share


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def near(found: Tensor, wanted: Array, tolerance: float = 2e-3) -> None:
    assert tuple(found.shape) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def filtered(tile: Array) -> list[Array]:
    """Second difference along x, along both axes, and the 5x5 square of SRM, each of gain 1: ``[60, 60]``."""
    five = np.array([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]])
    second = np.array([-1, 2, -1])
    one, two = np.zeros((5, 5)), np.zeros((5, 5))
    one[2, 1:4], two[1:4, 1:4] = second / 2, np.outer(second, second) / 4
    windows = np.lib.stride_tricks.sliding_window_view(tile, (5, 5))
    return [(windows * kernel).sum((2, 3)) for kernel in (one, two, five / -12)]


def correlated(residual: Array) -> Array:
    power = (residual**2).mean() + 0.01
    along = [(residual[:, lag:] * residual[:, :-lag]).mean() / power for lag in range(1, 5)]
    down = [(residual[lag:] * residual[:-lag]).mean() / power for lag in range(1, 5)]
    return np.array([*along, *down])


def haar(tile: Array) -> Array:
    """Energy of the Haar details of four octaves in each 16x16 block: what each 2x2 cell of means loses."""
    found, means = [], tile
    for octave in range(4):
        size = len(means) // 2
        groups = means.reshape(size, 2, size, 2)
        lost = groups.var((1, 3))
        side = 8 >> octave
        found.append(lost.reshape(4, side, 4, side).mean((1, 3)))
        means = groups.mean((1, 3))
    return np.stack(found)


def described(tile: Array) -> tuple[Array, Array, float]:
    residuals = filtered(tile)
    size = np.log([np.abs(part).mean() + 0.01 for part in residuals])
    spread = np.log([(part**2).mean() + 0.01 for part in residuals]) - 2 * size
    energy = haar(tile)
    bands = np.log(energy.mean((1, 2)) + 0.01)
    parts = [size, spread, correlated(residuals[1]), bands - bands.mean()]
    return np.concatenate(parts), energy, float(np.log(tile.var() + 1))


def regressed(values: Array, on: Array, weight: Array) -> Array:
    share = (weight + 1e-3) / (weight + 1e-3).sum()
    x, mean = on - (on * share).sum(), (values * share).sum(-1, keepdims=True)
    slope = ((values - mean) * x * share).sum(-1, keepdims=True) / ((x**2 * share).sum() + 0.05)
    return values - mean - slope * x


def alike(values: Array, face: Array) -> Array:
    """Mean similarity to the face's other tiles, to the surround's, and their difference: ``[3, 49]``."""
    scaled = values / (values.std(-1, keepdims=True, ddof=1) + 1e-3)
    distance = ((scaled[:, :, None] - scaled[:, None]) ** 2).sum(0)
    similar = np.exp(-distance / (2 * len(values)))
    np.fill_diagonal(similar, 0)
    to = []
    for weight in (face + 1e-3, 1 - face + 1e-3):
        to.append((similar * weight).sum(1) / (weight.sum() - weight + 1e-3))
    return np.stack([*to, to[0] - to[1]])


def face_minus_rest(values: Array, face: Array) -> Array:
    inside, outside = face + 1e-3, 1 - face + 1e-3
    return (values * inside).sum(-1) / inside.sum() - (values * outside).sum(-1) / outside.sum()


def predicted(values: Array, on: Array, weight: Array) -> Array:
    """Weighted ridge regression with a constant, of ``[K, N]`` on ``[R, N]``."""
    share = (weight + 1e-4) / (weight + 1e-4).sum()
    off, mean = on - (on * share).sum(1, keepdims=True), (values * share).sum(1, keepdims=True)
    gram = (off * share) @ off.T + 1e-3 * np.eye(len(on))
    return mean + np.linalg.solve(gram, (off * share) @ (values - mean).T).T @ off


def sharpness(energy: Array, share: Array) -> Array:
    """The 66 numbers of one image, of energies ``[49, 4, 4, 4]`` and shares ``[49, 4, 4]``."""
    share, power = share.ravel(), energy.transpose(1, 0, 2, 3).reshape(4, 784)
    logs = np.log(power + 0.05)
    core, outside = (share > 0.99).astype(float), (share < 0.01).astype(float)
    places = np.stack([core, 1 - core - outside, outside]) + 1e-4
    places /= places.sum(1, keepdims=True)
    means, strong = places @ logs.T, np.log(places @ power.T + 0.05)
    found = [means.ravel(), strong.ravel()]
    for values in (means, strong):
        for other in (1, 2):
            step = values[0] - values[other]
            found += [step, step[:-1] - step[1:]]
    beyond = logs[:2] - predicted(logs[:2], logs[2:], outside)
    mean = places @ beyond.T
    spread = np.sqrt(np.maximum(places @ (beyond**2).T - mean**2, 0))
    detailed = core * (logs[2] > means[0, 2]) + 1e-4
    return np.concatenate([*found, mean.ravel(), spread.ravel(), (beyond * detailed).sum(1) / detailed.sum()])


def test_each_step_by_its_definition() -> None:
    values, face = random(2, 5, 49), 0.02 * random(2, 49, seed=1)
    on, more = random(2, 49, seed=2), random(2, 3, 49, seed=3)
    weight = random(2, 49, seed=4) ** 6 / 50
    for b in range(2):
        v, w = np64(values[b]), np64(weight[b])
        near(unexplained(values, on, weight)[b], regressed(v, np64(on[b]), w), 1e-4)
        near(expected(values, more, weight)[b], predicted(v, np64(more[b]), w), 1e-4)
        near(self_consistency(0.01 * values, face)[b], alike(0.01 * v, np64(face[b])), 1e-4)
    noise = 0.2 * random(1, 60, 60)
    near(autocorrelation(noise)[0], correlated(np64(noise[0])), 1e-4)


def test_octaves_are_what_each_halving_loses() -> None:
    tiles = random(3, 64, 64) * 40
    near(octaves(tiles), np.stack([haar(np64(tile)) for tile in tiles]))


def test_texture_is_compared_at_core_outline_and_outside() -> None:
    tiles, share = made()
    energy = torch.stack([octaves(part.float()) for part in tiles])
    found = texture(energy, share)
    near(found, np.stack([sharpness(np64(energy[b]), np64(share[b])) for b in range(2)]))


def test_where_there_is_no_face_the_spread_of_its_texture_is_finite() -> None:
    energy = torch.full((1, 49, 4, 4, 4), 3.7)
    assert torch.isfinite(texture(energy, torch.zeros(1, 49, 4, 4))).all()
    assert texture(energy, torch.zeros(1, 49, 4, 4))[0, -14:].abs().max() < 1e-3


def test_consistency_is_each_tiles_descriptors_what_contrast_does_not_explain_and_what_is_alike() -> None:
    tiles, share = made()
    wanted = []
    for b in range(2):
        parts = [described(tile) for tile in np64(tiles[b])]
        values, activity = np.stack([part[0] for part in parts], 1), np.array([part[2] for part in parts])
        face = np64(share[b]).mean((1, 2))
        left = regressed(values, activity, 1 - face)
        whole = np.concatenate(
            [face_minus_rest(left, face), sharpness(np.stack([p[1] for p in parts]), np64(share[b]))]
        )
        own = np.stack([activity, face])
        wanted.append(np.concatenate([values, left, np.repeat(whole[:, None], 49, 1), alike(left, face), own]))
    near(BackgroundConsistencyCue(12).describe(tiles, share), np.stack(wanted), 5e-3)


def test_a_compiled_graph_reads_all_tiles_at_once_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles, face = made()
    expected = BackgroundConsistencyCue(8).describe(tiles, face)
    monkeypatch.setattr(background_consistency, "is_compiling", lambda: True)
    monkeypatch.setattr(Tensor, "as_strided", None)  # what the rows of all tiles are read with
    assert torch.allclose(BackgroundConsistencyCue(8).describe(tiles, face), expected, atol=1e-3)


def test_the_contrast_of_a_bright_tile_that_is_nearly_flat_is_no_rounding() -> None:
    tiles = torch.full((1, 49, 64, 64), 254, dtype=torch.uint8)
    for place in range(49):
        tiles[0, place, :, : place + 1] = 255
        tiles[0, place, :, 5] = 251
    described = BackgroundConsistencyCue(8).describe(tiles, torch.zeros(1, 49, 4, 4))
    variance = tiles[0].double().var((-2, -1), correction=0)
    np.testing.assert_allclose(described[0, -2], np.log(variance.numpy() + 1), atol=1e-5)
