from __future__ import annotations

from itertools import pairwise

import pytest

from dfcore.data.clip_plan import REFERENCE, ClipPlan, clip_spans, middle, own_part, reference_spans
from dfcore.errors import UsageError


def test_spans_lie_in_the_middle_of_equal_parts() -> None:
    assert clip_spans(300, 4, 8) == [range(33, 41), range(108, 116), range(183, 191), range(258, 266)]


@pytest.mark.parametrize("frames", range(1, 90))
@pytest.mark.parametrize("clips", [1, 2, 4])
def test_spans_are_inside_and_one_is_whole(frames: int, clips: int) -> None:
    spans = reference_spans(frames, clips)
    assert 1 <= len(spans) <= clips
    assert max(map(len, spans)) == min(REFERENCE, frames)
    assert all(span.start >= 0 and span.stop <= frames for span in spans)
    assert all(b.start - a.start >= 1 for a, b in pairwise(spans))
    assert len(spans) == clips or frames < 16 * clips


@pytest.mark.parametrize("count", [1, 7, 16, 23, 40, 61, 300])
def test_a_shorter_clip_is_the_middle_of_the_longer(count: int) -> None:
    whole = clip_spans(count, 4, 16)
    for frames in range(1, 16):
        for between in range(frames, 17):
            shorter, longer = clip_spans(count, 4, frames), clip_spans(count, 4, between)
            assert shorter == [span[own_part(len(span), frames).start :][:frames] for span in longer]
        assert [middle(span, frames) for span in whole] == clip_spans(count, 4, frames)


def test_clips_longer_than_the_reference_have_one_of_their_own() -> None:
    assert reference_spans(300, 2, 25) == [range(62, 88), range(212, 238)]
    assert clip_spans(300, 2, 25) == [range(63, 88), range(213, 238)]
    assert clip_spans(20, 2, 25) == [range(20)]


def test_clips_of_another_geometry_are_prepared_again() -> None:
    old = ClipPlan.from_json({name: value for name, value in ClipPlan().to_json().items() if name != "geometry"})
    assert not old.covers(ClipPlan())
    assert old.union(ClipPlan()).covers(ClipPlan())


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
        ({}, {"landmarks": 1}),
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


def test_landmarks_of_another_version_are_made_again() -> None:
    assert not ClipPlan(landmarks=1).covers(ClipPlan(landmarks=2))
    assert not ClipPlan(landmarks=2).covers(ClipPlan(landmarks=1))
    assert ClipPlan(landmarks=1).union(ClipPlan(landmarks=2)).landmarks == 2


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
