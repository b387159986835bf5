from __future__ import annotations

import json

import numpy as np
import pytest

from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.verdicts.operating_points import OperatingPoint, choose_operating_points, threshold_at


def test_thresholds_by_hand() -> None:
    # 100 reals at 0..99, fakes at 95.5, 98.5, 120 and -1.
    label = np.r_[np.zeros(100), np.ones(4)].astype(int)
    margin = np.r_[np.arange(100.0), 95.5, 98.5, 120.0, -1.0]
    found = choose_operating_points(label, margin)
    one, five = found["false_alarms_1"], found["false_alarms_5"]
    assert one.threshold == 98.25  # between the second highest real (98) and the next score (98.5)
    assert (one.false_alarm_rate, one.detection_rate) == (0.01, 0.5)
    assert five.threshold == 94.5  # 95 to 99 may be called fake
    assert (five.false_alarm_rate, five.detection_rate) == (0.05, 0.75)
    assert (one.n_real, one.n_fake, one.note, five.note) == (100, 4, None, None)
    equal = found["equal_error"]
    assert equal.false_alarm_rate == 0.25
    assert equal.detection_rate == 0.75
    assert equal.aim is None
    assert equal.threshold == 74.5  # 75 to 99 are called fake


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 1.0])
def test_the_threshold_is_the_lowest_that_keeps_the_rate(rate: float) -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 400)
    margin = np.round(random.normal(size=400) + label, 1)  # with ties
    threshold = threshold_at(label, margin, rate)
    reals = margin[label == 0]
    assert (reals >= threshold).mean() <= rate
    lower = margin[margin < threshold]
    assert not len(lower) or (reals >= lower.max()).mean() > rate


def test_equal_scores_above_the_threshold_are_not_split() -> None:
    label = np.r_[np.zeros(100), 1].astype(int)
    margin = np.r_[np.zeros(98), 5.0, 5.0, 9.0]
    assert threshold_at(label, margin, 0.01) == 7.0  # both reals at 5 would be 2 %


def test_a_threshold_lies_between_scores_even_where_they_are_neighbouring_floats() -> None:
    above = np.nextafter(1.0, 2.0)
    assert threshold_at([0, 1], [1.0, above], 0.01) == above
    top = threshold_at([0, 1], [1.0, 0.5], 0.01)  # no score is higher than the real's
    assert top > 1.0


def test_too_few_reals_are_said_plainly() -> None:
    label, margin = np.repeat([0, 1], [30, 30]), np.r_[np.arange(30.0), np.arange(30) + 20.0]
    found = choose_operating_points(label, margin)
    one = found["false_alarms_1"]
    assert one.false_alarm_rate == 0
    assert one.threshold == 29.5
    assert "30 real validation videos are too few for a false-alarm rate of 1%: at least 99 are needed" in one.note
    assert "1 false alarm in 31" in one.note
    assert found["false_alarms_5"].note is None
    assert found["equal_error"].note is None
    enough = choose_operating_points(np.repeat([0, 1], [99, 1]), np.arange(100.0))
    assert enough["false_alarms_1"].note is None


def test_one_class_alone_has_no_operating_points() -> None:
    assert choose_operating_points([0, 0], [1, 2]) == {}
    assert choose_operating_points([1, 1], [1, 2]) == {}
    with pytest.raises(DataError, match="not finite"):
        choose_operating_points([0, 1], [1, np.nan])


def test_operating_points_survive_json() -> None:
    for point in choose_operating_points([0, 1, 0], [1, 2, 3]).values():
        assert OperatingPoint.from_dict(json.loads(json.dumps(point.to_dict(), allow_nan=False))) == point
        with pytest.raises(CheckpointError, match="not a finite number"):
            OperatingPoint.from_dict(point.to_dict() | {"threshold": float("nan")})
    with pytest.raises(CheckpointError, match="not a stored operating point"):
        OperatingPoint.from_dict({"name": "x"})


@pytest.mark.parametrize(
    ("rate", "threshold"),
    [
        (0.2, 3.5),  # one of five: between the two highest
        (0.199, 4.5),  # none: above all, before the fake at 5
        (0.4, 2.5),
        (0.6, 1.5),
        (0.8, 0.25),
        (1.0, -2.0),  # all: below the lowest of them, a fake
    ],
)
def test_a_share_of_five_reals_is_counted_in_whole_videos(rate: float, threshold: float) -> None:
    assert threshold_at([0] * 5 + [1] * 3, [0.0, 1.0, 2.0, 3.0, 4.0, 0.5, 5.0, -2.0], rate) == threshold
