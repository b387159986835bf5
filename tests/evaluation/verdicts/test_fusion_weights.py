"""The stacked weights against their definition: the most probable ones under the prior, each class weighing half."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from dfcore.evaluation.verdicts.fusion import Fusion, MemberWeights
from dfcore.evaluation.verdicts.fusion_fit import _fit_set, _rescaled_mean, fit_fusion

Array = NDArray[np.float64]


def made(n: int, share: float, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Ratios of three members, the third worth nothing and the second upside down; labels of which ``share`` is 1."""
    random = np.random.default_rng(seed)
    label = (np.arange(n) < share * n).astype(np.int64)
    sign = 2 * label - 1
    return random.normal(size=(n, 3)) * 1.5 + np.outer(sign, (1.0, -0.4, 0.0)), label


def loss(weights: Array, offset: float, x: Array, y: NDArray[np.int64]) -> float:
    """Balanced log-loss of N videos, plus a normal prior of 0.5 about the mean's weights and an offset of 0."""
    odds = x @ weights + offset
    each = np.where(y == 1, np.log1p(np.exp(-odds)), np.log1p(np.exp(odds)))
    fit = len(y) * (each[y == 1].mean() + each[y == 0].mean()) / 2
    off = np.append(weights - 1 / len(weights), offset) / 0.5
    return float(fit + (off @ off) / 2)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_no_weights_near_the_fitted_ones_have_a_lower_loss(share: float) -> None:
    x, y = made(48, share, 1)
    found = _fit_set(("a", "b", "c"), (0, 1, 2), x, np.ones(x.shape, bool), y)
    best = loss(np.array(found.weights), found.offset, x, y)
    assert found.weights[1] == 0  # not below, though that would fit better
    for step in product((-0.01, 0.0, 0.01), repeat=4):
        weights = np.maximum(np.array(found.weights) + step[:3], 0)
        assert loss(weights, found.offset + step[3], x, y) >= best - 1e-6, step
    assert (found.n_real, found.n_fake) == (48 - 48 * share, 48 * share)


@pytest.mark.parametrize(("fakes", "fitted"), [(9, False), (10, True)])
def test_ten_videos_of_a_class_are_needed_for_weights(fakes: int, fitted: bool) -> None:
    x, y = made(40, fakes / 40, 2)
    found = _fit_set(("a", "b", "c"), (0, 2), x, np.ones(x.shape, bool), y)
    assert found.members == ("a", "c")
    assert (found.weights != (0.5, 0.5) or found.offset != 0) == fitted
    assert found.n_fake == fakes


def test_only_videos_with_all_of_the_members_count() -> None:
    x, y = made(60, 0.5, 3)
    there = np.ones(x.shape, bool)
    there[::4, 0] = there[1::4, 2] = False
    both = there[:, 0] & there[:, 2]
    found = _fit_set(("a", "b", "c"), (0, 2), x, there, y)
    assert found == _fit_set(("a", "b", "c"), (0, 2), x[both], there[both], y[both])
    assert found.n_real + found.n_fake == both.sum()


def test_the_mean_is_rescaled_by_what_the_other_folds_teach() -> None:
    x, y = made(80, 0.5, 4)
    x[:, 0] += 2 * y - 1
    there, fold = np.ones(x.shape, bool), np.arange(80) % 2
    there[::3, 2] = False
    x = np.where(there, x, 0)
    found = _rescaled_mean(x, there, y, fold)
    mean = x.sum(1) / there.sum(1)
    for part in (0, 1):
        slope, offset = np.polyfit(mean[fold == part], found[fold == part], 1)
        assert np.allclose(slope * mean[fold == part] + offset, found[fold == part])
        assert slope > 0
    other = _rescaled_mean(x, there, np.where(fold == 0, 1 - y, y), fold)
    assert np.allclose(other[fold == 0], found[fold == 0])  # a fold's own labels teach it nothing


def test_a_gain_is_the_mean_of_both_classes_gains() -> None:
    x, y = made(400, 0.3, 5)
    x[:, 2] *= 4
    found = fit_fusion(("a", "b", "c"), x, np.ones(x.shape, bool), y, draws=50)
    assert found.kind == "stacking"
    assert found.gain is not None
    assert found.gain.draws == 50
    assert found.reason == f"stacking beats the plain mean: cross-fitted log-loss lower by {found.gain}"
    assert 0 < found.gain.low < found.gain.value < found.gain.high  # type: ignore[operator]
    whole = found.weights_for(("a", "b", "c"))
    assert found.fuse({"a": 1.0, "b": 2.0, "c": 3.0}).llr == pytest.approx(
        whole.offset + whole.weights[0] + 2 * whole.weights[1] + 3 * whole.weights[2]
    )


def test_a_set_whose_members_weigh_nothing_takes_the_mean() -> None:
    fits = (MemberWeights(("a", "b", "c"), (0.0, 0.0, 1.0), 0.3),)
    found = Fusion(("a", "b", "c"), "stacking", fits)
    assert found.weights_for(("a", "b")) == MemberWeights(("a", "b"), (0.5, 0.5))
    assert found.weights_for(("b", "c")).weights == (0.0, 1.0)
    assert found.weights_for(("c",)) == MemberWeights(("c",), (1.0,))
