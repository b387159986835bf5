from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dfcore.data.sampler import BalancedSampler, FixedSampler, class_weights
from dfcore.errors import UsageError

LABELS = [0] * 30 + [1] * 170


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("labels", [LABELS, [1] * 3 + [0] * 400, [0, 1]])
def test_each_class_carries_half_of_the_expected_loss(power: float, labels: list[int]) -> None:
    sampler = BalancedSampler(labels, power=power)
    drawn = np.bincount(labels, weights=sampler.shares)
    weights = class_weights(labels, power).numpy()
    carried = drawn * weights
    assert np.allclose(carried / carried.sum(), 0.5)
    assert carried.sum() == pytest.approx(1.0)  # mean weight of a drawn sample: the learning rate keeps its meaning


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_what_is_drawn_carries_half_for_each_class(power: float) -> None:
    sampler = BalancedSampler(LABELS, power=power, num_samples=20000)
    counts = Counter(LABELS[i] for i in sampler)
    weights = class_weights(LABELS, power)
    assert sum(counts.values()) == 20000
    carried = [counts[label] * float(weights[label]) for label in (0, 1)]
    assert carried[0] / sum(carried) == pytest.approx(0.5, abs=0.02)


def test_nothing_is_corrected_twice() -> None:
    assert class_weights(LABELS, 1.0).tolist() == [1.0, 1.0]
    sampled = BalancedSampler(LABELS, power=0.0).shares
    assert np.allclose(sampled, 1 / len(LABELS))


def test_a_class_that_does_not_occur_does_no_harm() -> None:
    assert class_weights([1, 1, 1], 0.5).tolist() == [1.0, 1.0]
    assert sorted(BalancedSampler([1, 1, 1], power=1.0)) == [0, 1, 2]


def test_draws_depend_on_seed_and_epoch_alone() -> None:
    sampler = BalancedSampler(LABELS, seed=3)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(BalancedSampler(LABELS, seed=4)) != first


def test_samples_of_the_rarer_class_are_drawn_more_often() -> None:
    counts = Counter(BalancedSampler(LABELS, num_samples=40000))
    rare, common = np.mean([counts[i] for i in range(30)]), np.mean([counts[i] for i in range(30, 200)])
    assert rare / common == pytest.approx(170 / 30, rel=0.1)
    assert min(counts[i] for i in range(200)) > 0


def test_equal_weights_need_no_replacement() -> None:
    for labels, power in ((LABELS, 0.0), ([0, 1] * 50, 1.0)):
        drawn = list(BalancedSampler(labels, power=power))
        assert sorted(drawn) == list(range(len(labels)))
        assert drawn != sorted(drawn)


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_ranks_take_equal_parts_of_one_draw(world: int) -> None:
    samplers = [BalancedSampler(LABELS, rank=rank, world=world) for rank in range(world)]
    parts = [list(sampler) for sampler in samplers]
    assert {len(part) for part in parts} == {len(samplers[0])} == {-(-200 // world)}
    together = [index for group in zip(*parts, strict=True) for index in group]
    assert together[:200] == list(BalancedSampler(LABELS, num_samples=world * len(samplers[0])))[:200]


@pytest.mark.parametrize("start", [0, 1, 37, 100])
def test_an_epoch_goes_on_from_where_it_was(start: int) -> None:
    sampler = BalancedSampler(LABELS, rank=1, world=2, vary_repeats=True)
    sampler.set_epoch(5)
    whole = list(sampler)
    sampler.set_epoch(5, start)
    assert list(sampler) == whole[start:]
    assert len(sampler) == 100


def test_repeats_may_be_told_apart() -> None:
    plain = list(BalancedSampler(LABELS, num_samples=1000))
    told = list(BalancedSampler(LABELS, num_samples=1000, vary_repeats=True))
    assert [index % 200 for index in told] == plain
    assert len(set(told)) == 1000
    seen: Counter[int] = Counter()
    for index in told:
        assert index // 200 == seen[index % 200]
        seen[index % 200] += 1


def test_evaluation_reads_every_sample_once_without_padding() -> None:
    parts = [list(FixedSampler(10, rank=rank, world=4)) for rank in range(4)]
    assert parts == [[0, 4, 8], [1, 5, 9], [2, 6], [3, 7]]
    assert [len(FixedSampler(10, rank=rank, world=4)) for rank in range(4)] == [3, 3, 2, 2]


def test_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match=r"between 0 and 1, not 1\.5"):
        BalancedSampler(LABELS, power=1.5)
    with pytest.raises(UsageError, match="no samples"):
        BalancedSampler([])


def test_a_class_that_does_not_occur_is_never_divided_by() -> None:
    with np.errstate(all="raise"):
        assert class_weights([0, 0], 0.0).tolist() == [1.0, 1.0]
        assert BalancedSampler([0, 0], power=1.0).shares.tolist() == [0.5, 0.5]
