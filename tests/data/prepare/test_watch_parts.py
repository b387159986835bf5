"""What of a pass over a file is kept, on whose clock, and where the mouth lies: worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dfcore.data.prepare import cut, speech, watch
from dfcore.data.prepare.speech import SpeechSpan, mouth_squares, upright_middle
from dfcore.data.prepare.watch import Footage


def frame(index: int, side: int = 32, shown: str = "a") -> Any:
    half = np.zeros((side // 2, side // 2), np.uint8)
    y = np.arange(side * side, dtype=np.int64).reshape(side, side)
    blocks = np.arange((side // 16) ** 2).reshape(side // 16, side // 16)
    return SimpleNamespace(
        index=index, time=index / 25, format=shown, pict_type="P", y=y.astype(np.uint8), u=half + 1, v=half + 2,
        qp=blocks, motion=None,
    )  # fmt: skip


BYTES = 32 * 32 * 3 // 2


@pytest.mark.parametrize(("fitting", "held"), [(3, [0, 1, 2]), (2, []), (4, [0, 1, 2])])
def test_the_clips_frames_are_held_if_all_of_them_fit(
    monkeypatch: pytest.MonkeyPatch, fitting: int, held: list[int]
) -> None:
    monkeypatch.setattr(watch, "HELD_BYTES", fitting * BYTES)
    info: Any = SimpleNamespace(width=32, height=32)
    footage = Footage()
    keep = watch._Keep(footage, info, {0, 1, 2})
    for index in range(5):
        keep.offer(frame(index))
    assert list(footage.frames) == held
    assert footage.times == {0: 0.0, 1: 0.04, 2: 0.08}  # known of all the clips', and of no other


def test_of_frames_that_are_not_cut_out_only_the_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HELD_BYTES", 2 * BYTES)
    info: Any = SimpleNamespace(width=32, height=32)
    footage = Footage()
    keep = watch._Keep(footage, info, {0, 1, 2}, {1})
    for index in range(3):
        keep.offer(frame(index))
    assert list(footage.frames) == [0, 2]
    assert list(footage.times) == [0, 1, 2]


def test_frames_that_turn_out_larger_than_the_first_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    info: Any = SimpleNamespace(width=32, height=32)
    for fitting, held in ((6, [0, 1, 2]), (5, [])):
        monkeypatch.setattr(watch, "HELD_BYTES", fitting * BYTES)
        footage = Footage()
        keep = watch._Keep(footage, info, {0, 1, 2})
        for index, side in enumerate((32, 64, 32)):
            keep.offer(frame(index, side))
        assert list(footage.frames) == held


def test_frames_about_a_change_of_format_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    footage = Footage()
    changes = watch._Changes(footage)
    shown = [frame(n, shown=kind) for n, kind in enumerate("aabba")]
    assert [[one.index for one in changes.about(each)] for each in shown] == [[], [], [1, 2], [], [3, 4]]
    assert footage.changes == {1, 2, 3, 4}
    monkeypatch.setattr(watch, "SMALL_BYTES", BYTES - 1)  # then the frame before it is not kept for that
    changes = watch._Changes(Footage())
    assert [[one.index for one in changes.about(each)] for each in shown] == [[], [], [2], [], [4]]


@pytest.mark.parametrize("copy", [False, True])
def test_a_window_is_the_same_part_of_all_planes_and_blocks(copy: bool) -> None:
    whole = frame(3, 64)
    crop = watch._crop(whole, (16, 32, 32, 16), copy=copy)
    assert np.array_equal(crop.y, whole.y[32:48, 16:48])
    assert (crop.u.shape, crop.v.shape, int(crop.u[0, 0]), int(crop.v[0, 0])) == ((8, 16), (8, 16), 1, 2)
    assert crop.qp is not None
    assert crop.qp.tolist() == [[9, 10]]
    assert (crop.motion, crop.time, crop.pict_type) == (None, 0.12, "P")
    assert (crop.y.base is None) == copy or crop.y.base is not whole.y


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_dense_landmarks_are_looked_for_in_the_upright_window_and_stored_in_the_coded_one(
    monkeypatch: pytest.MonkeyPatch, rotation: int
) -> None:
    """The points lie on the same pixels before and after."""
    y = np.arange(48 * 64).reshape(1, 48, 64)
    pixels = [(50, 5), (10, 20), (33, 40), (0, 0), (63, 47)]
    five = np.array([[(x + 100.5, y0 + 30.5) for x, y0 in pixels]])  # the window begins at (100, 30)
    shown: list[int] = []

    def landmarks_of(detector: object, images: list[np.ndarray], points: np.ndarray) -> np.ndarray:
        shown.extend(int(images[0][int(row), int(column)]) for column, row in points[0])
        assert images[0].shape == ((48, 64) if rotation in (0, 180) else (64, 48))
        return points

    monkeypatch.setattr(cut, "landmarks_of", landmarks_of)
    monkeypatch.setattr(cut, "to_stored", lambda points, middle: (points, middle))
    pick: Any = SimpleNamespace(window=(100, 30, 64, 48), format=SimpleNamespace(rotation=rotation))
    points, middle = cut._landmarks(None, y, five, pick)  # type: ignore[arg-type]
    assert shown == [int(y[0, row, column]) for column, row in pixels]
    assert middle == (32, 24)
    assert points[0] == pytest.approx(five[0] - (100, 30))


# -- speech -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("places", "wanted", "found"),
    [
        ([0.0, 1.0, 4.0], [-5, 0.4, 0.5, 0.6, 1.0, 2.4, 2.5, 2.6, 9], [0, 0, 0, 1, 1, 1, 1, 2, 2]),
        ([3.0], [0, 3, 9], [0, 0, 0]),
        ([1.0, 2.0], [0, 1.5, 1.51, 3], [0, 0, 1, 1]),
    ],
)
def test_the_nearest_place_and_the_earlier_of_two(places: list[float], wanted: list[float], found: list[int]) -> None:
    assert speech._nearest(np.array(places), np.array(wanted, float)).tolist() == found


def test_faces_are_looked_for_every_half_second_and_at_the_end() -> None:
    frames = np.arange(100, 130)
    assert SpeechSpan(np.zeros(30), frames).looks_beside([], 25) == {100, 112, 124, 129}
    assert SpeechSpan(np.zeros(1), frames[:1]).looks_beside([], 25) == {100}


@pytest.mark.parametrize(
    ("others", "fps", "wanted"),
    [
        ([95, 110, 125, 140], 25, set()),  # all lie between two that are near enough
        ([95, 111, 125, 140], 25, {100}),  # 16 frames apart are too many
        ([95, 125, 140], 50, set()),  # at twice the rate they are not
        ([107, 119], 25, {100, 124, 129}),  # beyond the ends nothing is known
    ],
)
def test_no_face_is_looked_for_between_looks_that_are_near_enough(
    others: list[int], fps: float, wanted: set[int]
) -> None:
    assert SpeechSpan(np.zeros(30), np.arange(100, 130)).looks_beside(others, fps) == wanted


@pytest.mark.parametrize(
    ("start", "stop", "heard"),
    [
        (0.0, 0.25, [1, 2, 3, 4]),
        (0.125, 0.375, [3, 4, 5, 6]),
        (-0.125, 0.125, [0, 0, 1, 2]),
        (0.375, 0.625, [7, 8, 0, 0]),
        (-0.5, -0.25, [0, 0, 0, 0]),
        (1.0, 1.25, [0, 0, 0, 0]),
        (-0.125, 0.625, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0]),
    ],
)
def test_beyond_the_ends_of_the_audio_is_silence(
    monkeypatch: pytest.MonkeyPatch, start: float, stop: float, heard: list[int]
) -> None:
    monkeypatch.setattr(speech, "SAMPLE_RATE", 16)
    track = speech.AudioTrack(np.arange(1, 9, dtype=np.int16))
    wanted = heard if start != 0.375 else [7, 8, 0, 0]
    assert track.between(start, stop).tolist() == wanted


def face(n: int, corners: float, width: float, step: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """n faces of a width, the corners of the mouth so far apart about (50, 80), moving to the right."""
    shift = step * np.arange(n)[:, None]
    boxes = np.array([0.0, 0.0, width, 100.0]) + np.concatenate([shift, 0 * shift, shift, 0 * shift], axis=1)
    marks = np.zeros((n, 5, 2))
    marks[:, 3] = np.concatenate([50 - corners / 2 + shift, 80 + 0 * shift], axis=1)
    marks[:, 4] = np.concatenate([50 + corners / 2 + shift, 80 + 0 * shift], axis=1)
    return boxes, marks


@pytest.mark.parametrize(
    ("corners", "width", "side"),
    [(40.0, 100.0, 76.0), (20.0, 100.0, 55.0), (0.5, 1.0, 4.0)],  # by the corners, by the face, and never less than 4
)
def test_the_mouths_square_is_as_wide_as_the_mouth_or_the_face_asks_for(
    corners: float, width: float, side: float
) -> None:
    found = mouth_squares(*face(3, corners, width))
    assert found[:, 2].tolist() == pytest.approx([side] * 3)
    assert found[0, :2] == pytest.approx([50 - side / 2, 80 + 0.12 * side - side / 2])


def test_the_mouths_square_is_smoothed_over_five_points_and_keeps_one_side() -> None:
    moving = mouth_squares(*face(7, 40.0, 100.0, step=10.0))
    centres = moving[:, 0] + moving[:, 2] / 2 - 50
    assert centres == pytest.approx([6, 12, 20, 30, 40, 48, 54])  # the ends are repeated: (0 + 0 + 0 + 10 + 20) / 5
    short = mouth_squares(*face(4, 40.0, 100.0, step=10.0))
    assert short[:, 0] + 38 - 50 == pytest.approx([0, 10, 20, 30])  # too few to smooth
    boxes, marks = face(5, 40.0, 100.0)
    marks[2, 3, 0] -= 60.0  # one point with a mouth of 100 pixels
    assert set(mouth_squares(boxes, marks)[:, 2].round(6)) == {76.0}


def test_a_square_over_the_edge_repeats_it() -> None:
    luma = np.tile(np.arange(96, dtype=np.uint8), (96, 1))
    small = speech.SmallFrame(0.0, luma, 1.0)
    whole = speech._crop(small, np.array([0.0, 0.0, 96.0]))
    assert np.array_equal(whole, luma)
    beyond = speech._crop(small, np.array([-48.0, 0.0, 96.0]))
    assert (beyond[:, :48] == 0).all()
    assert np.array_equal(beyond[:, 48:], luma[:, :48])
    half = speech._crop(speech.SmallFrame(0.0, luma, 0.5), np.array([0.0, 0.0, 192.0]))
    assert np.array_equal(half, luma)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_mirrored_square_of_a_mirrored_image_is_the_mirrored_mouth(axis: int) -> None:
    """Wherever the square lies between pixels, and however much it is reduced."""
    luma = np.random.default_rng(0).integers(0, 2, (600, 600)).astype(np.uint8) * 255
    for x, y, side in ((50.3, 40.7, 480.4), (50.0, 40.9, 300.6), (20.5, 30.25, 96.25)):
        plain = speech._crop(speech.SmallFrame(0.0, luma, 1.0), np.array([x, y, side]))
        across, down = (600 - x - side, y) if axis else (x, 600 - y - side)
        turned = speech._crop(speech.SmallFrame(0.0, np.flip(luma, axis), 1.0), np.array([across, down, side]))
        assert np.abs(np.flip(turned, axis).astype(int) - plain).max() <= 1


@pytest.mark.parametrize(("rotation", "middle"), [(0, (32, 24)), (90, (24, 32)), (180, (32, 24)), (270, (24, 32))])
def test_the_middle_of_an_upright_image(rotation: int, middle: tuple[float, float]) -> None:
    assert upright_middle(rotation, 64, 48) == middle


@pytest.mark.parametrize(
    ("first", "start"),
    [(0, 0.0), (10, 0.22), (25, 0.82), (90, 3.0)],  # the first and last are moved to lie within the four seconds
)
def test_speech_lies_about_the_middle_of_its_span_and_within_the_video(
    monkeypatch: pytest.MonkeyPatch, first: int, start: float
) -> None:
    monkeypatch.setattr(speech, "frame_times", lambda path, info: np.arange(100) / 25)
    info: Any = SimpleNamespace(kind="video", frame_count=100, fps=25.0)
    span = range(first, min(first + 16, 100))
    found = speech.speech_spans(None, info, [span], 1.0)[first]  # type: ignore[arg-type]
    assert found.times[0] == pytest.approx(start, abs=0.01)
    assert len(found.times) == 25
    assert np.diff(found.times) == pytest.approx(0.04)
    assert np.abs(found.frames / 25 - found.times).max() < 0.0201
    assert speech.speech_spans(None, info, [span], 0.0) == {}  # type: ignore[arg-type]
    info.kind = "image"
    assert speech.speech_spans(None, info, [span], 1.0) == {}  # type: ignore[arg-type]
