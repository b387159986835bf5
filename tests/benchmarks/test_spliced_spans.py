"""The benchmark of named seconds: its controls and figures, by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from spliced_spans import average_precision, knowing, moment_auc, pooled_auc, shuffle, standing_apart  # noqa: E402

from dfcore.inference.explanation import Moment  # noqa: E402


def moments(*margins: float | None) -> list[Moment]:
    return [Moment(float(i), i + 1.0, margin) for i, margin in enumerate(margins)]


def test_spans_of_moments_against_the_truth() -> None:
    found = {"a": moments(-1, 2, 2, 2, -1), "genuine": moments(-1, -1)}
    truth = {"a": [(1.0, 4.0)], "genuine": []}
    assert average_precision(truth, found, 0.0) == 1.0
    assert average_precision(truth, found, 3.0) == 0.0
    assert average_precision(truth, found, None) == 0.0
    assert average_precision(truth, {**found, "genuine": moments(9, -1)}, 0.0) == 0.5


def test_the_moments_of_one_video_are_ranked() -> None:
    assert moment_auc(moments(0, 3, 2, 1), [(1.0, 3.0)]) == 1.0
    assert moment_auc(moments(0, 3, 0, 1), [(1.0, 3.0)]) == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert moment_auc(moments(0, None, 1), [(1.0, 2.0)]) is None
    assert moment_auc(moments(0, 1), []) is None


def test_a_shuffle_moves_the_margins_and_nothing_else() -> None:
    own = moments(*range(8))
    made = shuffle(own, np.random.default_rng(0))
    assert [(one.start, one.end) for one in made] == [(one.start, one.end) for one in own]
    assert sorted(one.margin or 0 for one in made) == list(range(8))
    assert [one.margin for one in made] != [one.margin for one in own]


def test_who_knows_the_truth_is_bound_by_the_distance_of_the_clips_alone() -> None:
    own = moments(*[0.0] * 8)
    known = knowing(own, [(2.0, 4.6)])
    assert [one.margin for one in known] == pytest.approx([-0.5, -0.5, 0.5, 0.5, 0.1, -0.5, -0.5, -0.5])
    assert average_precision({"a": [(2.0, 4.6)]}, {"a": known}, 0.0) == 1.0
    assert average_precision({"a": [(2.2, 2.6)]}, {"a": knowing(own, [(2.2, 2.6)])}, 0.0) == 0.0, "shorter than a clip"


def test_moments_of_all_videos_together_are_ranked_by_one_threshold() -> None:
    truth = {"a": [(1.0, 2.0)], "b": [(1.0, 2.0)]}
    found = {"a": moments(0, 1, 0), "b": moments(5, 6, 5)}
    assert moment_auc(found["a"], truth["a"]) == moment_auc(found["b"], truth["b"]) == 1.0
    assert pooled_auc(truth, found) == pytest.approx((2 + 4) / 8)
    assert pooled_auc({"a": ()}, found) is None


def test_the_stretch_that_stands_apart_needs_no_threshold() -> None:
    own = moments(-9.0, -9.2, -8.9, -5.1, -5.0, -4.8, -9.1, -9.0)
    (found,) = standing_apart("a", own)
    assert (found.start, found.end) == (3.0, 6.0)
    assert found.score > 10
    assert standing_apart("a", moments(1.0, 1.0, 1.0)) == []
