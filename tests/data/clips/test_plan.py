from __future__ import annotations

from itertools import pairwise

import pytest

from dfcore.data.clips.part import frame_period
from dfcore.data.clips.plan import REFERENCE, ClipPlan, clip_spans, kept_for, middle, own_part, reference_spans
from dfcore.errors import UsageError
from dfcore.specs import EvidenceSpec, SpecialistSpec


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
        ({}, {"speech": 2.4}),
        ({"speech": 2.4}, {"speech": 2.5}),
        ({"audio": False}, {}),
        ({"side_data": False}, {}),
        ({"motion": False}, {}),
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
    for name in ("frames", "people", "detector_stride"):
        with pytest.raises(UsageError, match=f"{name} must be at least 1, not 0"):
            ClipPlan(**{name: 0})
    ClipPlan(clips=1, frames=1, people=1, detector_stride=1, speech=59.9)
    for seconds in (-0.1, 60.0):
        with pytest.raises(UsageError, match=f"0 to 60 seconds, not {seconds}"):
            ClipPlan(speech=seconds)


def test_the_finer_stride_covers_the_coarser_and_equal_ones_each_other() -> None:
    for own, asked, covered in ((5, 5, True), (5, 6, True), (6, 5, False), (5, None, True), (None, 5, False)):
        assert ClipPlan(detector_stride=own).covers(ClipPlan(detector_stride=asked)) == covered
        assert ClipPlan(detector_stride=own).union(ClipPlan(detector_stride=asked)).detector_stride == (
            5 if asked or own else None
        )


def test_short_videos_have_fewer_and_shorter_spans() -> None:
    assert reference_spans(16, 4) == [range(16)]
    assert reference_spans(15, 4) == [range(15)]
    assert reference_spans(24, 4) == [range(8), range(4, 20), range(16, 24)]
    assert reference_spans(32, 2) == [range(16), range(16, 32)]
    assert reference_spans(30, 3) == [range(10), range(7, 23), range(20, 30)]
    assert reference_spans(100, 1) == [range(42, 58)]
    assert reference_spans(100, 1, 17) == [range(41, 59)]


def test_the_middle_of_an_odd_number_leans_to_the_left() -> None:
    assert middle([0, 1, 2, 3, 4], 2) == [1, 2]
    assert middle([0, 1, 2, 3], 3) == [1, 2, 3]
    assert middle("abcd", 2) == "bc"
    assert middle((1, 2), 2) == (1, 2)


@pytest.mark.parametrize(
    ("times", "fps", "period"), [((0.0, 0.5, 2.0), 25.0, 1.0), ((3.0,), 25.0, 0.04), ((3.0,), 0.0, 0.0)]
)
def test_a_clips_last_frame_is_shown_as_long_as_its_others(times: tuple[float, ...], fps: float, period: float) -> None:
    assert frame_period(times, fps) == pytest.approx(period)


# -- what is kept of a clip's frames -------------------------------------------------------------------------------


def reads(*views: str, frames: int = 1) -> SpecialistSpec:
    evidence = EvidenceSpec("change", 1, "a.b:c", 3)
    return SpecialistSpec("one", "One", (), views=views, frames=frames, evidence=(evidence,))


def test_a_specialist_of_single_frames_keeps_all_of_them() -> None:
    assert kept_for(reads("tiles", "qp"), 8) == ClipPlan(frames=8, motion=False)


def test_motion_vectors_are_kept_for_who_reads_them_alone() -> None:
    assert kept_for(reads("tiles", "motion"), 8).motion
    assert not kept_for(reads("tiles", "qp"), 8).motion


@pytest.mark.parametrize("frames", range(4, 24))
@pytest.mark.parametrize("length", [4, 16])
def test_of_sequences_the_middle_frame_of_each_sample_is_kept_native(frames: int, length: int) -> None:
    plan = kept_for(reads("sequence", "motion", "change", frames=length), frames)
    assert plan.sequence
    kept = plan.native_part(frames)
    middles = {start + length // 2 for start in range(frames - length + 1)}
    assert middles <= set(kept) or frames < length
    assert len(kept) <= len(middles) + 1 or frames < length


def test_a_view_that_reads_native_pixels_of_each_frame_keeps_them() -> None:
    for view in ("tiles", "a view of tomorrow"):
        plan = kept_for(reads("sequence", "motion", view, frames=16), 16)
        assert plan == ClipPlan(frames=16, sequence=True)


def test_plans_that_keep_more_cover_those_that_keep_less() -> None:
    singles, sequences = ClipPlan(frames=8), ClipPlan(frames=16, native=1, sequence=True)
    both = singles.union(sequences)
    assert both == ClipPlan(frames=16, native=8, sequence=True) == sequences.union(singles)
    assert both.covers(singles)
    assert both.covers(sequences)
    assert not singles.covers(sequences)
    assert not sequences.covers(singles)
    earlier = ClipPlan.from_json({"frames": 16, "geometry": both.geometry})  # all its frames are native
    assert earlier.covers(both)
    assert not ClipPlan(frames=16, native=8).covers(sequences)


def test_a_store_without_contexts_is_not_prepared_again_for_them() -> None:
    plan = kept_for(reads("context", "tiles"), 8)
    assert plan == ClipPlan(context=True, motion=False)
    assert ClipPlan().covers(plan)
    assert ClipPlan().union(plan) == plan.union(ClipPlan()) == ClipPlan(context=True)
    assert not kept_for(reads("tiles"), 8).context


def test_short_clips_keep_all_their_frames() -> None:
    plan = ClipPlan(frames=16, native=1, sequence=True)
    assert (plan.native_part(16), plan.native_part(15)) == (range(8, 9), range(15))
