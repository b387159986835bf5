"""Which face continues which track: the limits of place, size and time, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dfcore.data.faces import build_tracks
from dfcore.data.faces.tracks import EXTRAPOLATION, FaceTrack
from dfcore.data.protocols import Face

FRAME = (2000, 1000)


def face(x: float, y: float = 500.0, side: float = 60.0, score: float = 0.9, width: float | None = None) -> Face:
    half, wide = side / 2, (width or side) / 2
    return Face((x - wide, y - half, x + wide, y + half), score, ((x, y),) * 5)


def tracks(detections: dict[int, list[Face]], cuts: Sequence[int] = ()) -> list[FaceTrack]:
    """In the order in which they begin, and from left to right."""
    found = build_tracks(detections, frame_size=FRAME, cuts=cuts, smoothing=0)
    return sorted(found, key=lambda track: (int(track.frames[0]), float(track.boxes[0, 0])))


def told(found: list[FaceTrack]) -> list[tuple[list[int], list[float]]]:
    """Frames and centres of each."""
    return [(t.frames.tolist(), ((t.boxes[:, 0] + t.boxes[:, 2]) / 2).tolist()) for t in found]


def test_one_face_near_two_tracks_continues_the_nearer_alone() -> None:
    detections = {0: [face(100), face(140)], 10: [face(125)]}
    assert told(tracks(detections)) == [([0], [100.0]), ([0, 10], [140.0, 125.0])]


def test_two_faces_near_one_track_are_its_next_one_and_a_new_track() -> None:
    detections = {0: [face(100)], 10: [face(125), face(90)]}
    assert told(tracks(detections)) == [([0, 10], [100.0, 90.0]), ([10], [125.0])]


def test_the_nearest_pair_goes_first_and_the_rest_among_themselves() -> None:
    """At 130 the second face is nearest to the first's track; the first face then takes what is left."""
    detections = {0: [face(100), face(140)], 10: [face(98), face(128)]}
    assert told(tracks(detections)) == [([0, 10], [100.0, 98.0]), ([0, 10], [140.0, 128.0])]
    crossed = {0: [face(100), face(140)], 10: [face(138), face(165)]}
    assert told(tracks(crossed)) == [([0], [100.0]), ([0, 10], [140.0, 138.0]), ([10], [165.0])]


@pytest.mark.parametrize(
    ("gap", "sides", "joined"),
    [
        (1, 0.52, True),
        (1, 0.54, False),
        (10, 0.79, True),  # half a side, and 3 % for each of ten frames
        (10, 0.81, False),
        (25, 0.99, True),  # up to one side
        (25, 1.02, False),
    ],
)
def test_a_face_may_move_by_half_a_side_and_three_per_cent_a_frame(gap: int, sides: float, joined: bool) -> None:
    moves = [(60 * sides, 0.0), (0.0, 60 * sides), (36 * sides, 48 * sides)]  # 3:4:5
    for dx, dy in moves:
        assert (len(tracks({0: [face(100)], gap: [face(100 + dx, 500 + dy)]})) == 1) == joined


def test_a_move_is_counted_in_mean_sides() -> None:
    """From 80 to 40 px the mean side is 60: with a gap of ten frames .8 of it is 48 px."""
    for dx, joined in ((47, True), (49, False)):
        detections = {0: [face(100, side=80)], 10: [face(100 + dx, side=40.5)]}
        assert (len(tracks(detections)) == 1) == joined


@pytest.mark.parametrize(("side", "joined"), [(119, True), (121, False), (30.5, True), (29.5, False)])
def test_a_side_may_change_twofold(side: float, joined: bool) -> None:
    assert (len(tracks({0: [face(100)], 1: [face(100, side=side)]})) == 1) == joined
    stretched = face(100, side=side * side / 60, width=60)  # a side is the root of the area
    assert (len(tracks({0: [face(100)], 1: [stretched]})) == 1) == joined


def test_likeness_is_of_place_and_size_together() -> None:
    """12 px off is .2 of a side; a face in place but half again as large is log 1.5 = .41 off."""
    detections = {0: [face(100)], 1: [face(100, side=90), face(112)]}
    assert told(tracks(detections)) == [([0, 1], [100.0, 112.0]), ([1], [100.0])]
    further = {0: [face(100)], 1: [face(100, side=66), face(112)]}
    assert told(tracks(further))[0] == ([0, 1], [100.0, 100.0])


@pytest.mark.parametrize(("gap", "joined"), [(30, True), (31, False)])
def test_a_face_that_was_looked_for_in_vain_is_awaited_for_thirty_frames(gap: int, joined: bool) -> None:
    detections = {frame: list[Face]() for frame in range(gap)} | {0: [face(100)], gap: [face(100)]}
    assert (len(tracks(detections)) == 1) == joined


@pytest.mark.parametrize(("steps", "count"), [(2, 1), (3, 2)])
def test_where_looks_are_far_apart_a_face_is_awaited_for_two_of_them(steps: int, count: int) -> None:
    """Every 40 frames, and once 5: the widest step counts."""
    detections: dict[int, list[Face]] = {0: [face(100)]}
    detections |= {40 * n: [] for n in range(1, steps)} | {40 * steps: [face(100)], 40 * steps + 5: []}
    found = tracks(detections)
    assert len(found) == count
    if count == 1:
        assert not found[0].covers([40])  # it was looked for between, and not found


@pytest.mark.parametrize(("steps", "trusted"), [(1, True), (2, False)])
def test_between_two_looks_in_a_row_a_face_is_where_the_line_says(steps: int, trusted: bool) -> None:
    detections: dict[int, list[Face]] = {40 * n: [] for n in range(steps)} | {0: [face(100)], 40 * steps: [face(100)]}
    assert tracks(detections)[0].covers([20]) == trusted


def test_a_track_reaches_beyond_its_ends_but_not_across_a_cut() -> None:
    seen: dict[int, list[Face]] = {0: [], 10: [face(100)], 20: [face(100)], 30: []}
    for cuts, before, after in (((), 5, 5), ((10,), 0, 5), ((5,), 0, 5), ((30,), 5, 0), ((25,), 5, 0), ((8, 22), 0, 0)):
        (track,) = tracks(seen, cuts)
        assert (track.before, track.after) == (before, after)
        assert track.covers([10 - before, 20 + after])
        assert not track.covers([9 - before])
        assert not track.covers([21 + after])
    (whole,) = tracks({10: [face(100)], 20: [face(100)]}, cuts=[5, 25])
    assert (whole.before, whole.after) == (EXTRAPOLATION, EXTRAPOLATION)  # nothing was looked at beyond


def test_a_cut_begins_at_its_frame() -> None:
    seen = {frame: [face(100)] for frame in (0, 10, 20, 30)}
    assert [track.frames.tolist() for track in tracks(seen, cuts=[20])] == [[0, 10], [20, 30]]
    assert [track.frames.tolist() for track in tracks(seen, cuts=[15, 16])] == [[0, 10], [20, 30]]


@pytest.mark.parametrize(("length", "count"), [(2, 2), (3, 1)])
def test_a_face_seen_once_is_dropped_beside_one_that_was_seen_three_times(length: int, count: int) -> None:
    detections = {frame: [face(100)] for frame in range(length)}
    detections[0] = [*detections[0], face(800)]
    assert len(tracks(detections)) == count


def test_of_two_alike_the_earlier_comes_first_and_prominence_is_area_times_duration_times_score() -> None:
    detections = {frame: [face(100 if frame < 10 else 900)] for frame in range(20)}
    early, late = build_tracks(detections, frame_size=FRAME)
    assert (early.frames[0], late.frames[0]) == (0, 10)
    reverse = {frame: [face(900 if frame < 10 else 100)] for frame in range(20)}
    assert build_tracks(reverse, frame_size=FRAME)[0].frames[0] == 0
    (track,) = tracks({0: [face(100, side=40, score=0.5)], 4: [face(100, side=50, width=30, score=0.9)]})
    assert track.prominence == pytest.approx((40 * 40 + 50 * 30) / 2 * 5 * 0.7)


def test_boxes_are_kept_inside_the_frame_on_all_sides() -> None:
    for x, y, box in (
        (10.0, 500.0, [0, 470, 40, 530]),
        (1990.0, 990.0, [1960, 960, 2000, 1000]),
        (500.0, 5.0, [470, 0, 530, 35]),
    ):
        assert tracks({0: [face(x, y)]})[0].boxes.tolist() == [box]


@pytest.mark.parametrize("box", [(10, 10, 10, 50), (10, 50, 40, 50), (40, 10, 10, 50), (10, 50, 40, 10)])
def test_a_box_without_width_or_height_is_no_face(box: tuple[float, float, float, float]) -> None:
    assert build_tracks({0: [Face(box, 0.9, ((20, 20),) * 5)]}, frame_size=FRAME) == []


def test_scores_and_landmarks_go_with_their_faces() -> None:
    (track,) = tracks({0: [face(100, score=0.6)], 1: [face(104, score=0.8)]})
    np.testing.assert_allclose(track.scores, [0.6, 0.8])
    np.testing.assert_allclose(track.landmarks[:, 2, 0], [100, 104])


def test_a_track_in_frames_of_another_size_keeps_what_is_no_place() -> None:
    (track,) = tracks({0: [face(100, side=40)], 4: [face(110, side=40)]})
    assert track.scaled(1.0, 1.0) is track
    for across, down in ((2.0, 1.0), (1.0, 3.0), (2.0, 3.0)):
        found = track.scaled(across, down)
        np.testing.assert_allclose(found.boxes, track.boxes * [across, down, across, down])
        np.testing.assert_allclose(found.landmarks, track.landmarks * [across, down])
        assert found.frames is track.frames
        assert (found.before, found.after) == (track.before, track.after)


@pytest.mark.parametrize("away", [5, -5])
def test_between_two_tracks_the_order_of_pairs_is_by_distance_and_not_by_number(away: int) -> None:
    """The second face is a little nearer to the second track than the first face is to the first."""
    detections = {0: [face(100), face(300)], 1: [face(100 + 6), face(300 + away)]}
    assert told(tracks(detections)) == [([0, 1], [100.0, 106.0]), ([0, 1], [300.0, 300.0 + away])]
