"""The points of the curves, worked out by hand."""

from __future__ import annotations

import math

import pytest

from dfcore.errors import UsageError
from dfcore.evaluation.metrics.curves import histogram, precision_recall, reliability, roc

LABELS = [0, 1, 0, 1, 1, 0, 0]
MARGINS = [-2.0, 3.0, 1.0, 1.0, -1.0, -3.0, 2.0]
"""From the highest: a fake (3), a real (2), one of each (1), a fake (-1), two reals."""


def test_a_roc_has_a_point_for_each_distinct_margin_and_one_before_all() -> None:
    found = roc(LABELS, MARGINS)
    assert found is not None
    assert found.threshold == (None, 3.0, 2.0, 1.0, -1.0, -2.0, -3.0)
    assert found.x == pytest.approx([0, 0, 1 / 4, 2 / 4, 2 / 4, 3 / 4, 1])
    assert found.y == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1, 1, 1])
    assert found.to_dict() == {"x": list(found.x), "y": list(found.y), "threshold": list(found.threshold)}
    assert roc([0, 0], [1.0, 2.0]) is None
    assert roc([1, 1], [1.0, 2.0]) is None


def test_precision_is_of_what_is_called_fake_and_recall_of_the_fakes() -> None:
    found = precision_recall(LABELS, MARGINS)
    assert found is not None
    assert found.threshold == (3.0, 2.0, 1.0, -1.0, -2.0, -3.0)
    assert found.x == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1, 1, 1])
    assert found.y == pytest.approx([1, 1 / 2, 2 / 4, 3 / 5, 3 / 6, 3 / 7])
    assert precision_recall([0, 0], [1.0, 2.0]) is None
    alone = precision_recall([1, 1], [1.0, 2.0])
    assert alone is not None
    assert (alone.x, alone.y) == ((0.5, 1.0), (1.0, 1.0))


def test_reliability_bins_hold_their_videos_mean_probability_and_share_of_fakes() -> None:
    odds = [math.log(p / (1 - p)) for p in (0.1, 0.15, 0.3, 0.9, 0.8)]
    first, second, last = reliability([0, 1, 1, 1, 0], odds, bins=4)
    assert (first.low, first.high, first.n) == (0.0, 0.25, 2)
    assert (first.mean_probability, first.fake_share) == (pytest.approx(0.125), 0.5)
    assert (second.low, second.high, second.n, second.fake_share) == (0.25, 0.5, 1, 1.0)
    assert (last.low, last.high, last.n, last.fake_share) == (0.75, 1.0, 2, 0.5)
    assert last.mean_probability == pytest.approx(0.85)
    assert reliability([], []) == []


def test_a_histogram_counts_each_class_between_the_same_edges() -> None:
    found = histogram(LABELS, MARGINS, bins=3)
    assert found is not None
    assert found.edges == pytest.approx((-3, -1, 1, 3))
    assert found.real == (2, 0, 2)  # -3 and -2; none; 1 and 2
    assert found.fake == (0, 1, 2)  # -1 opens its bin
    assert histogram([], []) is None
    assert len(histogram(LABELS, MARGINS).real) == 30


@pytest.mark.parametrize("bins", [0, -1, 2.0])
def test_a_number_of_bins_is_a_whole_one(bins: int) -> None:
    for curve in (histogram, reliability):
        with pytest.raises(UsageError, match=f"1 or more; found {bins}"):
            curve(LABELS, MARGINS, bins)
    histogram(LABELS, MARGINS, 1)
