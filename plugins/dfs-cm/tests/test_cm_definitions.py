"""The cues of compression against their definitions, written out in NumPy and double precision.

The made window holds what the floors and clamps are for: flat tiles, unknown quantisers, a face that fills nearly
everything.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfs_cm.block_boundaries import BlockBoundariesCue, agreement, boundary_steps, fold, phase_profile
from dfs_cm.comparison import Comparison, curve, unexplained, whiten
from dfs_cm.compression_level import CompressionLevelCue, grid_excess, quantiser_features, zero_shares
from dfs_cm.dct import DctCue, band_energies, block_dct, block_histograms, block_logs, zigzag
from dfs_cm.module import comparisons
from dfs_cm.quantization import QuantizationCue, soft_argmin
from dfs_cm.surround import weighted_mean

Array = NDArray[np.float64]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def tiles() -> Tensor:
    """``[2, 49, 64, 64]``: soft texture of differing contrast with steps on a grid of 8 pixels; some tiles flat."""
    soft = F.interpolate(random(98, 1, 20, 20), size=(64, 64), mode="bilinear")[:, 0]
    blocks = (3 * random(98, 8, 8, seed=1)).repeat_interleave(8, 1).repeat_interleave(8, 2)
    made = 60 + 10 * blocks + (5 + 60 * random(98, 1, 1, seed=2)) * soft
    made[4::9] = 77
    return made.round().clamp(0, 255).unflatten(0, (2, 49))


def tile_face() -> Tensor:
    share = random(2, 49, 4, 4, seed=3)
    share[0, :15], share[0, 30:], share[1] = 0, 0, 1 - 0.01 * share[1]
    return share


def tile_parts() -> Tensor:
    parts = random(2, 49, 2, 4, 4, seed=9)
    parts[0, :20, 0], parts[0, 20:, 1] = 0, 0
    return parts


def ghost() -> Tensor:
    return 2 * normal(2, 49, 18, 4, 4, seed=4)


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def near(found: Tensor, expected: Array, tolerance: float = 1e-3) -> None:
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def mean_under(values: Array, weight: Array) -> Array:
    """Mean of ``[K, N]`` over N, every weight raised by a thousandth: ``[K, 1]``."""
    raised = weight + 1e-3
    return (values * raised).sum(-1, keepdims=True) / raised.sum()


# -- comparison --------------------------------------------------------------------------------------------------------


def curved(a: Array, weight: Array) -> Array:
    a = a - mean_under(a, weight)
    a = np.clip(a / np.sqrt(mean_under(a**2, weight) + 0.1), -3, 3)
    products = [a[i] * a[j] for i in range(len(a)) for j in range(i, len(a))]
    return np.concatenate([a, np.stack(products)])


def white(values: Array, weight: Array, noise: float = 0.02) -> Array:
    centred, raised = values - mean_under(values, weight), weight + 1e-3
    scatter = (raised * centred) @ centred.T / raised.sum() + noise * np.eye(len(values))
    return np.linalg.inv(np.linalg.cholesky(scatter)) @ centred


def left_over(values: Array, design: Array, weight: Array, ridge: float = 1.0) -> Array:
    raised = weight + 1e-3
    a, g = design - mean_under(design, weight), values - mean_under(values, weight)
    scatter = (raised * a) @ a.T + ridge * np.eye(len(a))
    return g - np.linalg.solve(scatter, (raised * a) @ g.T).T @ a


class Compared:
    """A :class:`Comparison` of one window."""

    def __init__(self, confounders: Array, share: Array, *, bent: bool) -> None:
        self.share, self.surround = share, 1 - share
        whitened = white(confounders, self.surround)
        self.comparable = np.exp(np.minimum(1 - (whitened**2).mean(0), 0))
        self.design = curved(whitened, self.surround) if bent else whitened

    def residual(self, values: Array) -> Array:
        return left_over(values, self.design, self.surround) * self.comparable

    def in_face(self, residual: Array) -> Array:
        counted = (self.share * (self.comparable + 0.02)).sum()
        return (residual * self.share).sum(-1, keepdims=True) / (counted + 1e-3)


def faint() -> tuple[Tensor, Tensor]:
    """Few places of hardly any weight: the floors decide."""
    return 0.3 * normal(2, 3, 20), 0.002 * random(2, 20, seed=5)


def test_each_step_of_the_comparison_by_its_definition() -> None:
    confounders, weight = faint()
    confounders[:, :, 0] = 30
    values = normal(2, 4, 20, seed=6)
    for b in range(2):
        a, w, g = np64(confounders[b]), np64(weight[b]), np64(values[b])
        near(weighted_mean(values, weight)[b], mean_under(g, w), 1e-4)
        near(whiten(confounders, weight)[b], white(a, w))
        near(curve(confounders, weight)[b], curved(a, w))
        near(unexplained(values, confounders, weight)[b], left_over(g, a, w))
        near(unexplained(values, confounders, weight, 0.01)[b], left_over(g, a, w, 0.01), 5e-3)


@pytest.mark.parametrize("bent", [False, True])
def test_what_is_left_counts_as_far_as_places_are_comparable(bent: bool) -> None:
    confounders, share = normal(2, 3, 60), random(2, 60, seed=1)
    share[1] *= 0.004
    values = normal(2, 4, 60, seed=6)
    found = Comparison.of(confounders, share, curved=bent)
    left = found.residual(values)
    for b in range(2):
        expected = Compared(np64(confounders[b]), np64(share[b]), bent=bent)
        near(found.comparable[b], expected.comparable)
        near(found.surround[b], expected.surround)
        near(left[b], expected.residual(np64(values[b])))
        near(found.in_face(left)[b], expected.in_face(expected.residual(np64(values[b]))))


def whole_window(b: int) -> tuple[Compared, Compared]:
    """The window's 784 blocks and its 49 tiles, under equal activity and spectrum."""
    maps, share = np64(ghost())[b], np64(tile_face())[b]
    confounders = np.concatenate([maps[:, 12:13], maps[:, 14:]], 1).transpose(1, 0, 2, 3).reshape(5, 784)
    cells = confounders.reshape(5, 49, 16).mean(-1)
    return Compared(confounders, share.ravel(), bent=True), Compared(cells, share.mean((1, 2)), bent=False)


# -- the four cues -----------------------------------------------------------------------------------------------------


def everywhere(values: Array) -> Array:
    return np.repeat(values, 49, -1)


def places_of(found: Array) -> Array:
    """Least position under softmax(-4 values): ``[6, N]`` to ``[1, N]``."""
    raised = np.exp(-4 * (found - found.min(0)))
    return (raised / raised.sum(0) * np.arange(6)[:, None]).sum(0, keepdims=True)


def test_quantization_is_what_the_spectrum_does_not_explain_of_the_ghost() -> None:
    blocks, _ = comparisons(ghost(), tile_face())
    share = tile_face().mean((-2, -1))
    found = QuantizationCue.features(ghost(), blocks, share, tile_parts())
    values = normal(2, 6, 5)
    for b in range(2):
        compared = whole_window(b)[0]
        maps = np64(ghost())[b].transpose(1, 0, 2, 3).reshape(18, 784)
        residual = np.clip(compared.residual(maps[:12]), -3, 3)
        assert (np.abs(residual) == 3).any()
        face, cells = compared.in_face(residual), residual.reshape(12, 49, 16).mean(-1)
        least = [places_of(part[half]) for part in (cells, face) for half in (slice(6), slice(6, 12))]
        weights = np64(tile_parts())[b].transpose(1, 0, 2, 3).reshape(2, 784) ** 4
        inner, rim = ((maps * weight).sum(1, keepdims=True) / weight.sum() for weight in weights)
        broad = [face, *least[2:], mean_under(maps[:14], compared.surround), inner - rim, np.ones((1, 1))]
        expected = [cells, *least[:2], *(everywhere(part) for part in broad), np64(share[b])[None]]
        near(found[b], np.concatenate(expected), 3e-3)
        near(soft_argmin(values)[b], places_of(np64(values[b])), 1e-4)


def spectra(size: int) -> Array:
    """|C| of the tiles' blocks, ``[2, 49, size, size, 64 / size, 64 / size]``."""
    k, n = np.mgrid[:size, :size]
    matrix = np.cos(np.pi * (2 * n + 1) * k / (2 * size)) * np.sqrt(np.where(k == 0, 1, 2) / size)
    blocks = (np64(tiles()) - 128).reshape(2, 49, 64 // size, size, 64 // size, size)
    return np.abs(np.einsum("ia,btyaxc,jc->btijyx", matrix, blocks, matrix))


def per_block(values: Array) -> Array:
    """Means over each 16x16 block of what ``[49, K, n, n]`` says of smaller ones: ``[K, 784]``."""
    side = values.shape[-1] // 4
    means = values.reshape(49, -1, 4, side, 4, side).mean((3, 5))
    return means.transpose(1, 0, 2, 3).reshape(-1, 784)


def triangles(values: Array) -> Array:
    """Weights of the bins about 0 .. 20, the last of all above: ``[...]`` to ``[..., 21]``."""
    return np.maximum(1 - np.abs(np.minimum(values, 20)[..., None] - np.arange(21)), 0)


def bands(magnitudes: Array) -> Array:
    """Log mean square of i + j in 1..2, 3..4 and above 4, ``[49, 3]``."""
    total = np.add.outer(np.arange(8), np.arange(8))
    power = (magnitudes**2).mean((-2, -1))
    picked = [(total > 0) & (total < 3), (total > 2) & (total < 5), total > 4]
    return np.log(np.stack([power[:, part].mean(1) for part in picked], 1) + 0.05)


def test_dct_is_log_magnitudes_and_histograms_by_block_and_the_surrounds_bands() -> None:
    eight, four, share = spectra(8), spectra(4), tile_face().mean((-2, -1))
    blocks, _ = comparisons(ghost(), tile_face())
    given = block_dct(tiles(), 8).abs(), block_dct(tiles(), 4).abs()
    found = DctCue.features(*given, blocks, share)
    near(block_histograms(given[0]).sum(1), np.full((2, 784), 5.0))
    for b in range(2):
        low = np.stack([eight[b][:, i, j] for i, j in zigzag(8)[1:21]], 1)
        small = np.stack([four[b][:, i, j] for i, j in zigzag(4)[1:]], 1)
        logs = np.concatenate([per_block(np.log1p(low)), per_block(np.log1p(small))])
        near(torch.cat([block_logs(given[0], 20), block_logs(given[1], 15)], 1)[b], logs)
        histograms = []
        for diagonal in range(1, 6):
            picked = [(i, j) for i in range(8) for j in range(8) if i + j == diagonal]
            counted = triangles(np.stack([eight[b][:, i, j] for i, j in picked], 1)).mean(1)  # [49, 8, 8, 21]
            histograms.append(per_block(counted.transpose(0, 3, 1, 2)))
        near(block_histograms(given[0])[b], np.concatenate(histograms), 5e-3)
        near(band_energies(given[0])[b], bands(eight[b]))
        compared = whole_window(b)[0]
        kept = np.concatenate([compared.residual(logs), compared.residual(np.concatenate(histograms))])
        energy = mean_under(bands(eight[b]).T, 1 - np64(share[b]))
        expected = [kept.reshape(-1, 49, 16).mean(-1), everywhere(energy), np64(share[b])[None]]
        near(found[b], np.concatenate(expected), 5e-3)


def profile(steps: Array, period: int, floor: float = 0.05) -> Array:
    """Log of the mean step at each phase over the mean of all, ``[49, 63]`` to ``[49, period]``."""
    phase = np.arange(1, 64) % period
    means = np.stack([steps[:, phase == p].mean(1) for p in range(period)], 1)
    return np.log((means + floor) / (means.mean(1, keepdims=True) + floor))


def agreed(a: Array, b: Array) -> Array:
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    return (a * b).sum(-1) / (np.sqrt((a**2).sum(-1) * (b**2).sum(-1)) + 1e-3)


def stepped() -> tuple[Array, Array]:
    luma = np64(tiles())
    return np.abs(np.diff(luma, axis=3)).mean(2), np.abs(np.diff(luma, axis=2)).mean(3)


def test_block_boundaries_are_the_phases_their_strongest_and_whether_the_surround_agrees() -> None:
    share = tile_face().mean((-2, -1))
    found = BlockBoundariesCue.measures(boundary_steps(tiles(), -1), boundary_steps(tiles(), -2), share)
    for b in range(2):
        profiles, summaries = [], []
        for steps in (part[b] for part in stepped()):
            for period in (8, 16):
                one = profile(steps, period)
                surround = mean_under(one.T, 1 - np64(share[b]))[:, 0]
                profiles.append(one.T)
                summaries += [one.max(1), one[:, 0], agreed(one, surround)]
        near(found[b], np.concatenate([*profiles, np.stack(summaries)]))
    small = 0.02 * normal(4, 8)
    near(agreement(small, small.flip(0)), agreed(np64(small), np64(small.flip(0))))
    near(phase_profile(0.1 * small.abs(), 0.01), np64(phase_profile(small.abs() * 10, 1.0)))
    short = torch.tensor([[3.0, 5.0, 7.0]])
    assert fold(short, 8).tolist() == [[0, 3, 5, 7, 0, 0, 0, 0]]  # phases that an image lacks are 0


def test_compression_level_is_zeros_and_blockiness_under_equal_content_and_the_surrounds_quantiser() -> None:
    qp = torch.round(20 + 25 * random(2, 49, 4, 4, seed=8))
    qp[:, :10], qp[:, 10, :3] = -1, -1
    qp[:, 11] = 0
    share = tile_face().mean((-2, -1))
    columns, rows = boundary_steps(tiles(), -1), boundary_steps(tiles(), -2)
    magnitudes = block_dct(tiles(), 8).abs()
    quantiser = quantiser_features(qp, torch.zeros(2, dtype=torch.bool))
    _, cells = comparisons(ghost(), tile_face())
    found = CompressionLevelCue.features(magnitudes, columns, rows, quantiser, cells, share)
    total = np.add.outer(np.arange(8), np.arange(8))
    for b in range(2):
        told = np.zeros((3, 49))
        for n, values in enumerate(np64(qp)[b].reshape(49, 16)):
            known = values[values >= 0]
            if len(known):
                told[:, n] = len(known) / 16, (known.mean() - 26) / 6, known.std() / 6
        near(quantiser[b], told)
        small = spectra(8)[b]
        zeros = [
            (small[:, (total >= low) & (total <= high)] < limit).mean((1, 2, 3))
            for low, high in ((4, 6), (7, 9), (10, 14))
            for limit in (0.75, 1.5, 3.0)
        ]
        near(zero_shares(magnitudes)[b], np.stack(zeros, 1), 5e-3)
        excess = [sum(profile(part[b], period)[:, 0] for part in stepped()) / 2 for period in (8, 4)]
        near(grid_excess(columns, rows)[b], np.stack(excess, 1))
        compared = whole_window(b)[1]
        coded = everywhere(mean_under(told, compared.surround))
        expected = [compared.residual(np.stack([*zeros, *excess])), coded, np64(share[b])[None]]
        near(found[b], np.concatenate(expected), 5e-3)


def test_the_quantiser_is_hidden_from_a_part_of_the_training_samples_and_from_none_in_evaluation() -> None:
    cue, given = CompressionLevelCue(), []
    cue.features = lambda *parts: given.append(parts[3]) or torch.zeros(400, 15, 49)  # type: ignore[method-assign]
    qp = torch.full((400, 49, 4, 4), 30.0)
    torch.manual_seed(0)
    for mode in (True, False):
        cue.train(mode)(qp, qp, qp, qp, None, None)
    trained, evaluated = ((part[:, 0, 0] == 1).float().mean().item() for part in given)
    assert trained == pytest.approx(0.7, abs=0.07)
    assert evaluated == 1
