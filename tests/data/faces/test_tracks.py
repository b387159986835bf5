import numpy as np
import pytest

from dfcore.data.faces import build_tracks
from dfcore.data.faces.tracks import EXTRAPOLATION, MIN_GAP, FaceTrack, smooth
from dfcore.data.protocols import Face
from dfcore.errors import MediaError, UsageError

FRAME = (640, 360)


def face(x, y, side=60.0, score=0.9):
    points = tuple(
        (x + dx * side, y + dy * side) for dx, dy in [(-0.2, -0.1), (0.2, -0.1), (0, 0.1), (-0.15, 0.3), (0.15, 0.3)]
    )
    return Face((x - side / 2, y - side / 2, x + side / 2, y + side / 2), score, points)


def middles(track):
    return (track.boxes[:, :2] + track.boxes[:, 2:]) / 2


def test_a_still_face_is_one_track():
    (track,) = build_tracks({f: [face(100, 100)] for f in range(0, 100, 10)}, frame_size=FRAME)
    assert track.frames.tolist() == list(range(0, 100, 10))
    assert track.frames.dtype == np.int64
    assert track.boxes.shape == (10, 4)
    assert track.landmarks.shape == (10, 5, 2)
    np.testing.assert_allclose(track.boxes, [[70, 70, 130, 130]] * 10)
    np.testing.assert_allclose(track.scores, 0.9)
    assert track.duration == 91


def test_two_people_keep_their_tracks_whatever_the_order_of_detections():
    rng = np.random.default_rng(0)
    detections = {}
    for f in range(0, 60, 5):
        pair = [face(150 + f, 150, 80), face(450 - f, 160, 70)]
        detections[f] = [pair[i] for i in rng.permutation(2)]
    tracks = build_tracks(detections, frame_size=FRAME)
    assert len(tracks) == 2
    for track, start, step in zip(tracks, (150, 450), (1, -1), strict=True):
        np.testing.assert_allclose(middles(track)[:, 0], start + step * track.frames)


def test_close_neighbours_are_joined_nearest_first():
    # 45 px apart, each face is within reach of both tracks after ten frames; only the nearest pairing is right.
    detections = {
        f: [face(200 + f / 2, 100), face(245 + f / 2, 100)][:: 1 if f % 20 else -1] for f in range(0, 100, 10)
    }
    tracks = build_tracks(detections, frame_size=FRAME)
    assert len(tracks) == 2
    for track in tracks:
        assert np.ptp(middles(track)[:, 0] - track.frames / 2) == pytest.approx(0)


def test_a_short_absence_is_bridged_and_a_long_one_is_not():
    short = {f: ([] if 10 <= f < 25 else [face(100, 100)]) for f in range(0, 60, 5)}
    assert len(build_tracks(short, frame_size=FRAME)) == 1
    long = {f: ([] if 10 <= f < 60 else [face(100, 100)]) for f in range(0, 100, 5)}
    assert len(build_tracks(long, frame_size=FRAME)) == 2


def test_wide_steps_between_the_frames_looked_at_are_no_absence():
    (track,) = build_tracks({f: [face(100, 100)] for f in range(0, 500, 50)}, frame_size=FRAME)
    assert len(track.frames) == 10
    assert track.covers([25, 433])


def test_where_nobody_need_be_looked_for_the_track_goes_on_and_nobody_else_may_be_absent_for_longer():
    detections = {f: [face(100, 100)] for f in (0, 5, 300, 305)} | {f: [] for f in range(310, 400, 5)}
    detections |= {f: [face(140, 100)] for f in (400, 405)}  # within a side of where the first one was
    tracks = build_tracks(detections, frame_size=FRAME, clear=[(5, 300)])
    assert sorted(track.frames.tolist() for track in tracks) == [[0, 5, 300, 305], [400, 405]]
    detections[100] = [face(100, 100)]  # looked at for another reason
    (track, _) = sorted(build_tracks(detections, frame_size=FRAME, clear=[(5, 300)]), key=lambda t: t.frames[0])
    assert track.frames.tolist() == [0, 5, 100, 300, 305]


def test_a_jump_far_away_begins_another_track():
    detections = {f: [face(100, 100) if f < 10 else face(400, 200)] for f in range(20)}
    assert [t.frames.tolist() for t in build_tracks(detections, frame_size=FRAME)] == [
        list(range(10)),
        list(range(10, 20)),
    ]


def test_another_size_in_the_same_place_begins_another_track():
    detections = {f: [face(200, 150, 50 if f < 10 else 120)] for f in range(20)}
    assert len(build_tracks(detections, frame_size=FRAME)) == 2


def test_a_known_cut_parts_two_people_in_the_same_place():
    detections = {f: [face(200, 150)] for f in range(0, 40, 5)}
    assert len(build_tracks(detections, frame_size=FRAME)) == 1
    before, after = sorted(build_tracks(detections, frame_size=FRAME, cuts=[20]), key=lambda t: t.frames[0])
    assert before.frames.tolist() == [0, 5, 10, 15]
    assert after.frames.tolist() == [20, 25, 30, 35]
    # No position is made up across the cut, but the outer ends still reach out.
    assert not before.covers([16])
    assert not after.covers([19])
    assert after.covers([35 + EXTRAPOLATION])


def test_a_single_detection_counts_only_where_there_is_nothing_better():
    ghost = {f: [face(100, 100)] + ([face(500, 300, 40, 0.6)] if f == 10 else []) for f in range(0, 50, 5)}
    (track,) = build_tracks(ghost, frame_size=FRAME)
    assert middles(track)[0].tolist() == [100, 100]
    (photo,) = build_tracks({0: [face(100, 100)]}, frame_size=FRAME)
    assert photo.covers([0])
    boxes, landmarks = photo.at([0])
    assert boxes.tolist() == [[70, 70, 130, 130]]
    assert landmarks[0].tolist() == [list(point) for point in face(100, 100).landmarks]


def test_all_faces_of_a_photo_are_tracks():
    assert len(build_tracks({0: [face(100, 100), face(300, 100), face(500, 100)]}, frame_size=FRAME)) == 3


def test_the_most_prominent_comes_first():
    def first(**others):
        sizes = {"side": 60, "stop": 50, "score": 0.9} | others
        detections = {
            f: [face(100, 100, 60, 0.9)]
            + ([face(400, 100, sizes["side"], sizes["score"])] if f < sizes["stop"] else [])
            for f in range(0, 50, 5)
        }
        return middles(build_tracks(detections, frame_size=FRAME)[0])[0, 0]

    assert first(side=80) == 400
    assert first(side=50) == 100
    assert first(score=0.95) == 400
    assert first(score=0.6) == 100
    assert first(side=80, stop=20) == 100  # larger, but much shorter


def test_no_detections_give_no_tracks():
    assert build_tracks({}, frame_size=FRAME) == []
    assert build_tracks({0: [], 10: []}, frame_size=FRAME) == []


def test_a_box_without_area_is_no_face():
    flat = Face((10, 10, 10, 50), 0.9, face(10, 30).landmarks)
    assert build_tracks({0: [flat], 1: [flat]}, frame_size=FRAME) == []


def test_boxes_stay_in_the_frame():
    detections = {f: [face(610, 100)] for f in range(5)}  # reaches exactly to the right edge
    detections[2] = [Face((580, 70, 660, 130), 0.9, face(610, 100).landmarks)]
    (track,) = build_tracks(detections, frame_size=FRAME)
    assert track.boxes.max() <= 640


def track_of(frames, xs, trusted=None):
    faces = [face(x, 100) for x in xs]
    return FaceTrack(
        np.array(frames),
        np.array([f.box for f in faces], float),
        np.array([f.landmarks for f in faces], float),
        np.full(len(frames), 0.9),
        np.ones(len(frames) - 1, bool) if trusted is None else np.array(trusted),
    )


def test_positions_between_detections_lie_on_the_line():
    boxes, landmarks = track_of([10, 20, 40], [100, 110, 150]).at([10, 15, 20, 25, 40])
    np.testing.assert_allclose((boxes[:, 0] + boxes[:, 2]) / 2, [100, 105, 110, 120, 150])
    np.testing.assert_allclose(landmarks[:, 2, 0], [100, 105, 110, 120, 150])
    np.testing.assert_allclose(boxes[:, 2] - boxes[:, 0], 60)


def test_the_ends_are_held_for_a_stated_number_of_frames():
    track = track_of([10, 20], [100, 110])
    boxes, _ = track.at([10 - EXTRAPOLATION, 20 + EXTRAPOLATION])
    assert boxes[:, 0].tolist() == [70, 80]
    for outside in (10 - EXTRAPOLATION - 1, 20 + EXTRAPOLATION + 1):
        assert not track.covers([15, outside])
        with pytest.raises(MediaError, match=r"seen from frame 10 to 20"):
            track.at([15, outside])


def test_frames_between_distrusted_detections_are_not_covered():
    track = track_of([0, 10, 40, 60], [100] * 4, trusted=[True, False, True])
    assert track.covers([0, 5, 10, 40, 50, 60])
    assert not track.covers([5, 11])
    assert not track.covers([39])
    assert track.covers([])


@pytest.mark.parametrize(("gap", "covered"), [(MIN_GAP, True), (MIN_GAP + 4, False)])
def test_a_long_time_of_looking_in_vain_is_not_covered(gap, covered):
    seen = [0, 50, 50 + gap, 100 + gap]  # 50 frames apart is the widest step: the track goes on in any case
    detections = {f: [face(100, 100)] for f in seen} | {50 + gap // 2: []}
    (track,) = build_tracks(detections, frame_size=FRAME)
    assert track.covers([60]) is covered
    assert track.covers([20, 49, 50, 50 + gap, 90 + gap])


def test_smoothing_keeps_straight_motion_at_uneven_steps():
    times = np.array([0, 1, 2, 4, 5, 9, 10, 11, 12, 30])
    line = np.stack([3 * times + 5.0, -0.5 * times], axis=1)
    np.testing.assert_allclose(smooth(times, line, 2.0), line, atol=1e-9)


def test_smoothing_has_no_lag():
    times = np.arange(61)
    wave = np.sin(2 * np.pi * times / 30)
    smoothed = smooth(times, wave, 1.0)
    lags = [np.corrcoef(smoothed[10:50], np.roll(wave, lag)[10:50])[0, 1] for lag in (-2, -1, 0, 1, 2)]
    assert int(np.argmax(lags)) == 2
    assert np.abs(smoothed - wave)[10:50].max() < 0.05


def test_smoothing_a_single_outlier_gives_the_kernel():
    values = np.zeros(21)
    values[10] = 1.0
    kernel = np.exp(-0.5 * np.arange(-3, 4) ** 2.0)
    np.testing.assert_allclose(smooth(np.arange(21), values, 1.0)[7:14], kernel / kernel.sum(), atol=1e-12)


def test_smoothing_removes_most_of_the_jitter():
    rng = np.random.default_rng(0)
    detections = {f: [face(200 + rng.normal(0, 2), 100)] for f in range(200)}
    raw = build_tracks(detections, frame_size=FRAME, smoothing=0)[0].boxes[:, 0]
    smoothed = build_tracks(detections, frame_size=FRAME)[0].boxes[:, 0]
    assert np.diff(smoothed, 2).std() < 0.25 * np.diff(raw, 2).std()


def test_detections_far_apart_are_not_smoothed():
    times = np.arange(0, 100, 10)
    values = np.random.default_rng(0).normal(size=10)
    assert smooth(times, values, 1.0).tolist() == values.tolist()


def test_negative_smoothing_is_refused():
    with pytest.raises(UsageError, match="not -1"):
        smooth([0, 1, 2], [0, 1, 2], -1)
