from __future__ import annotations

from itertools import pairwise

import pytest

from dfcore.data.clip_plan import ClipPlan, clip_spans
from dfcore.errors import UsageError


def test_spans_lie_in_the_middle_of_equal_parts() -> None:
    assert clip_spans(300, 4, 8) == [range(33, 41), range(108, 116), range(183, 191), range(258, 266)]


@pytest.mark.parametrize("frames", range(1, 90))
def test_spans_are_whole_inside_and_apart(frames: int) -> None:
    spans = clip_spans(frames, 4, 8)
    assert len(spans) == (min(4, frames // 8) if frames >= 8 else 1)
    assert all(len(span) == min(8, frames) for span in spans)
    assert spans[0].start >= 0
    assert spans[-1].stop <= frames
    assert all(a.stop <= b.start for a, b in pairwise(spans))


def test_a_photo_is_a_clip_of_one_frame_and_nothing_is_none() -> None:
    assert clip_spans(1, 4, 8) == [range(1)]
    assert clip_spans(0, 4, 8) == []


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ({}, {"clips": 5}),
        ({}, {"frames": 25}),
        ({}, {"people": 2}),
        ({"audio": False}, {}),
        ({"side_data": False}, {}),
        ({}, {"detector_stride": 5}),
        ({"detector_stride": 9}, {"detector_stride": 5}),
    ],
)
def test_a_larger_plan_covers_a_smaller_one_only(smaller: dict[str, int], larger: dict[str, int]) -> None:
    small, large = ClipPlan(**smaller), ClipPlan(**larger)  # type: ignore[arg-type]
    assert large.covers(small)
    assert large.covers(large)
    assert not small.covers(large)
    union = small.union(large)
    assert union.covers(small)
    assert union.covers(large)
    assert union == large


def test_union_takes_the_larger_of_each() -> None:
    assert ClipPlan(clips=6, frames=8).union(ClipPlan(clips=2, frames=25)) == ClipPlan(clips=6, frames=25)


def test_another_detector_is_not_covered() -> None:
    asked = ClipPlan(detector="other")
    assert not ClipPlan().covers(asked)
    assert ClipPlan().union(asked).detector == "other"


def test_plan_goes_through_json() -> None:
    plan = ClipPlan(clips=3, detector_stride=7, audio=False)
    assert ClipPlan.from_json({**plan.to_json(), "later": 1}) == plan


def test_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match="clips must be at least 1, not 0"):
        ClipPlan(clips=0)
