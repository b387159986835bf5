from __future__ import annotations

import json
from math import erf

import numpy as np
import pytest

from dfcore.errors import DataError
from dfcore.evaluation.metrics.intervals import (
    Interval,
    bootstrap,
    bootstrap_auc_difference,
    bootstrap_mean,
    bootstrap_means,
    draw_weights,
    group_numbers,
)
from dfcore.evaluation.metrics.scores import VideoScores


def test_intervals_hold_the_true_auc_of_two_normal_distributions_as_often_as_they_say() -> None:
    true = 0.5 * (1 + erf(1.0 / 2))  # P(fake > real) of N(1, 1) and N(0, 1) is Phi(1 / sqrt 2)
    random, label = np.random.default_rng(0), np.repeat([0, 1], 60)
    hits = 0
    for i in range(300):
        found = bootstrap(VideoScores(label, random.normal(size=120) + label), names=["auc"], draws=300, seed=i)["auc"]
        hits += found.low <= true <= found.high
    # 95 % of 300 is 285; the percentile bootstrap of an AUC is known to be a little short.
    assert 0.91 * 300 <= hits <= 0.98 * 300


def test_videos_of_one_identity_are_drawn_together_and_the_interval_is_honestly_wider() -> None:
    random, hits, alone = np.random.default_rng(1), 0, 0
    groups = np.repeat(np.arange(30), 8)
    label = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 30)
    true = 0.5 * (1 + erf(1.0 / 2))
    for i in range(150):
        # Each identity's fakes and reals share offsets of their own: eight videos tell about as much as two.
        offset = np.stack([random.normal(size=30), random.normal(size=30)], axis=1)[groups, label]
        margin = label + 0.95 * offset + np.sqrt(1 - 0.95**2) * random.normal(size=len(label))
        videos = VideoScores(label, margin)
        together = bootstrap(videos, groups, names=["auc"], draws=300, seed=i)["auc"]
        single = bootstrap(videos, names=["auc"], draws=300, seed=i)["auc"]
        hits += together.low <= true <= together.high
        alone += single.low <= true <= single.high
    assert hits >= 0.89 * 150
    assert alone <= 0.8 * 150


def test_a_draw_takes_whole_groups_and_both_classes() -> None:
    label = np.array([0, 0, 0, 0, 1, 1])
    groups = np.array([0, 0, 1, 2, 3, 4])
    weights = np.concatenate(list(draw_weights(label, groups, 500, 0)))
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] != weights[:, 3]).any()
    assert (weights[:, label == 1].sum(axis=1) > 0).all()
    assert (weights[:, label == 0].sum(axis=1) > 0).all()
    assert (weights[:, [0, 2, 3, 4, 5]].sum(axis=1) == 5).all()  # as many groups as there are
    loose = np.concatenate(list(draw_weights(label, groups, 500, 0, both_classes=False)))
    assert (loose[:, label == 1].sum(axis=1) == 0).any()


def test_many_draws_come_in_chunks_and_are_all_there() -> None:
    label = np.arange(4000) % 2
    chunks = list(draw_weights(label, np.arange(4000), 1100, 0))
    assert len(chunks) > 1
    assert sum(map(len, chunks)) == 1100


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    label = np.arange(60) % 2
    videos = VideoScores(label, np.random.default_rng(0).normal(size=60) + label)
    first, again, other = (bootstrap(videos, names=["auc"], draws=200, seed=s)["auc"] for s in (1, 1, 2))
    assert first == again
    assert first.low != other.low
    assert first.low < first.value < first.high
    assert first.draws == 200


def test_a_wider_level_gives_a_wider_interval() -> None:
    label = np.arange(60) % 2
    videos = VideoScores(label, np.random.default_rng(0).normal(size=60) + label)
    narrow, wide = (bootstrap(videos, names=["auc"], level=level)["auc"] for level in (0.5, 0.95))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_what_is_undefined_has_a_reason_and_no_interval() -> None:
    found = bootstrap(VideoScores([1, 1, 1], [1, 2, 3]), draws=50)
    assert found["auc"].value is None
    assert found["auc"].reason == "there are no real videos"
    assert found["fake_accuracy"].low == 1.0
    json.dumps({name: interval.to_dict() for name, interval in found.items()}, allow_nan=False)


def test_one_identity_alone_has_a_figure_and_no_interval() -> None:
    found = bootstrap(VideoScores([0, 0, 1, 1], [1, 2, 3, 4]), ["a", "a", "b", "c"], names=["auc"])["auc"]
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert "all real videos are of one identity" in found.reason


def test_a_metric_that_most_draws_leave_undefined_has_no_interval() -> None:
    # One real video in five differs: without it, the reals do not spread.
    found = bootstrap(VideoScores([0, 0, 1, 1, 1, 1, 1, 1], [1, 2, 3, 3, 3, 3, 3, 3]), names=["shift"], draws=400)
    assert found["shift"].value is not None
    assert found["shift"].low is None
    assert "bootstrap draws" in found["shift"].reason


def test_unknown_identities_are_each_their_own() -> None:
    assert group_numbers(["x", None, "x", None, 7], 5).tolist() == [0, 1, 0, 2, 3]
    assert group_numbers(None, 3).tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="expected 3 groups"):
        group_numbers(["x"], 3)


def test_a_paired_difference_is_narrower_than_the_two_intervals() -> None:
    random, label = np.random.default_rng(3), np.arange(200) % 2
    margin = random.normal(size=200) + label
    first, second = VideoScores(label, margin), VideoScores(label, margin + 0.1 * random.normal(size=200))
    found = bootstrap_auc_difference(first, second)
    own = bootstrap(first, names=["auc"])["auc"]
    assert found.low <= found.value <= found.high
    assert found.high - found.low < (own.high - own.low) / 3
    assert bootstrap_auc_difference(first, first).high == 0
    with pytest.raises(DataError, match="different labels"):
        bootstrap_auc_difference(first, VideoScores(1 - label, margin))


def test_the_mean_weighs_both_classes_alike() -> None:
    found = bootstrap_mean([0, 0, 0, 4], [0, 0, 0, 1], draws=50)
    assert found.value == 2.0
    assert found.low is None  # the one fake is of one identity
    many = bootstrap_mean(np.random.default_rng(0).normal(size=400) + 1, np.arange(400) % 2)
    assert many.low < 1 < many.high
    assert many.high - many.low == pytest.approx(2 * 1.96 / 20, rel=0.15)


@pytest.mark.parametrize("label", [0, 1])
def test_a_mean_over_both_classes_needs_both(label: int) -> None:
    found = bootstrap_mean([1.0, 2.0, 3.0], [label] * 3)
    assert (found.value, found.low, found.draws, found.reason) == (
        None,
        None,
        0,
        "there are not videos of both classes",
    )


def test_a_difference_without_both_classes_or_identities_says_why() -> None:
    alone = VideoScores([1, 1], [0.0, 1.0])
    found = bootstrap_auc_difference(alone, alone)
    assert (found.value, found.draws) == (None, 0)
    assert found.reason == alone.why_undefined("auc")
    first, second = VideoScores([0, 0, 1, 1], [1, 2, 3, 4]), VideoScores([0, 0, 1, 1], [4, 1, 2, 3])
    found = bootstrap_auc_difference(first, second, ["a", "a", "b", "c"], level=0.9)
    assert (found.value, found.low, found.draws, found.level) == (0.5, None, 0, 0.9)
    assert "all real videos are of one identity" in str(found.reason)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Interval(None, None, None), "undefined"),
        (Interval(0.5, None, None), "0.500 (no interval)"),
        (Interval(0.5, 0.25, 0.75), "0.500 (0.250 to 0.750)"),
    ],
)
def test_an_interval_in_words(found: Interval, said: str) -> None:
    assert str(found) == said


def test_means_over_videos_have_the_interval_of_their_identities() -> None:
    random, hits = np.random.default_rng(2), 0
    for seed in range(200):
        own = random.normal(size=40)  # one value for each identity, three videos of each
        found = bootstrap_means({"x": np.repeat(own, 3) + 1.0}, np.repeat(np.arange(40), 3), draws=200, seed=seed)["x"]
        hits += found.low <= 1.0 <= found.high
    assert 0.88 * 200 <= hits <= 0.99 * 200


def test_means_of_one_table_are_drawn_together() -> None:
    values = np.random.default_rng(0).normal(size=30)
    found = bootstrap_means({"a": values, "b": values - 2.0, "gap": np.full(30, 2.0)}, draws=100)
    assert found["a"].low - found["b"].low == pytest.approx(2.0)
    assert (found["gap"].low, found["gap"].high) == pytest.approx((2.0, 2.0))
    with pytest.raises(DataError, match="expected 30"):
        bootstrap_means({"a": values, "b": values[:5]})


def test_means_of_no_videos_and_of_one_identity_say_why_there_is_no_interval() -> None:
    assert bootstrap_means({"a": []}, none="none was called fake")["a"].reason == "none was called fake"
    alone = bootstrap_means({"a": [1.0, 0.0]}, ["me", "me"])["a"]
    assert (alone.value, alone.low) == (0.5, None)
    assert "one identity" in str(alone.reason)
