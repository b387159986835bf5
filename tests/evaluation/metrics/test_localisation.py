"""Figures of explanations, each by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dfcore.evaluation.metrics.localisation import (
    FoundSpan,
    chance_iou,
    flip_share,
    pointing_hit,
    span_average_precision,
    span_iou,
    top_iou,
)

MAP = np.array([[5.0, 1.0, 0.0], [4.0, 2.0, -1.0], [3.0, -2.0, -3.0]])


def region(*cells: int) -> np.ndarray:
    found = np.zeros(9, bool)
    found[list(cells)] = True
    return found.reshape(3, 3)


def test_a_decision_flips_below_its_own_limit() -> None:
    limits = np.array([1.0, 2.0, 0.0, -1.0])
    assert flip_share(np.array([0.9, 2.0, -0.1, 5.0]), limits) == 0.5
    assert flip_share(np.array([[0.0, 2.0], [0.0, 0.0], [1.0, 1.0], [-2.0, 0.0]]), limits) == 0.5
    with pytest.raises(ValueError, match="no decisions"):
        flip_share(np.array([]), np.array([]))


def test_the_highest_cell_is_in_the_region_or_not() -> None:
    assert pointing_hit(MAP, region(0, 8)) is True
    assert pointing_hit(MAP, region(1, 3, 4)) is False
    assert pointing_hit(MAP, region()) is None
    assert pointing_hit(MAP, region(*range(9))) is None


def test_as_many_of_the_highest_cells_as_the_region_has() -> None:
    """The three highest are 0, 3 and 6, the left column."""
    assert top_iou(MAP, region(0, 3, 6)) == 1.0
    assert top_iou(MAP, region(0, 3, 4)) == 0.5, "two of four cells"
    assert top_iou(MAP, region(1, 2, 8)) == 0.0
    assert top_iou(MAP, region()) is None


def test_chance_is_the_mean_over_all_orders() -> None:
    where = region(0, 4, 5)
    every = []
    for chosen in itertools.combinations(range(9), 3):
        values = np.zeros(9)
        values[list(chosen)] = 1.0
        every.append(top_iou(values.reshape(3, 3), where))
    assert chance_iou(where) == pytest.approx(np.mean(np.array(every, float)), abs=1e-12)
    assert chance_iou(region(4)) == pytest.approx(1 / 9)


def test_overlap_of_stretches() -> None:
    assert span_iou((0.0, 4.0), (2.0, 6.0)) == pytest.approx(2 / 6)
    assert span_iou((0.0, 4.0), (1.0, 3.0)) == 0.5
    assert span_iou((0.0, 1.0), (2.0, 3.0)) == 0.0
    assert span_iou((1.0, 1.0), (1.0, 1.0)) == 0.0


def found(*spans: tuple[str, float, float, float]) -> list[FoundSpan]:
    return [FoundSpan(*span) for span in spans]


def test_average_precision_of_spans() -> None:
    truth = {"a": [(0.0, 4.0), (6.0, 8.0)], "b": [(1.0, 3.0)], "genuine": []}
    assert span_average_precision(found(("a", 0, 4, 3), ("a", 6, 8, 2), ("b", 1, 3, 1)), truth) == 1.0
    # Right, wrong, right, and one is not found: precisions 1 and 2/3, each a third of the recall.
    some = found(("a", 0, 3, 3), ("genuine", 0, 9, 2), ("b", 1, 4, 1))
    assert span_average_precision(some, truth) == pytest.approx((1 + 2 / 3) / 3)
    # A second span on the same stretch finds nothing; what comes later still counts with the precision there.
    twice = found(("a", 0, 4, 3), ("a", 0, 3.5, 2), ("a", 6, 8, 1))
    assert span_average_precision(twice, truth) == pytest.approx((1 + 2 / 3) / 3)
    # Two hits after a miss: the precision at the first recall is the higher one behind it.
    late = found(("b", 8, 9, 3), ("a", 0, 4, 2), ("b", 1, 3, 1))
    assert span_average_precision(late, truth) == pytest.approx((2 / 3 + 2 / 3) / 3)
    assert span_average_precision([], truth) == 0.0


def test_the_overlap_that_counts_as_found() -> None:
    truth = {"a": [(0.0, 4.0)]}
    half = found(("a", 0, 2, 1))
    assert span_average_precision(half, truth) == 1.0
    assert span_average_precision(half, truth, iou=0.51) == 0.0
    assert span_average_precision(found(("b", 0, 4, 1)), truth) == 0.0, "another video's"
    with pytest.raises(ValueError, match="nothing to find"):
        span_average_precision(half, {"a": []})


def test_spans_are_taken_by_falling_score_and_the_best_overlap_first() -> None:
    truth = {"a": [(0.0, 4.0), (3.0, 7.0)]}
    # The surer span overlaps both stretches: it takes the second, and leaves the first to the other one.
    spans = found(("a", 0, 4, 1), ("a", 2.5, 6.5, 3), ("b", 0, 1, 2))
    assert span_average_precision(spans, truth, iou=0.3) == pytest.approx((1 + 2 / 3) / 2)
    assert span_average_precision(spans[::-1], truth, iou=0.3) == pytest.approx((1 + 2 / 3) / 2)


def test_of_equal_cells_the_first_is_the_highest() -> None:
    level = np.zeros((3, 3))
    assert pointing_hit(level, region(0)) is True
    assert pointing_hit(level, region(1)) is False
    assert top_iou(level, region(0, 1)) == 1.0
    assert top_iou(level, region(7, 8)) == 0.0
    assert top_iou(MAP, region(*range(9))) is None
