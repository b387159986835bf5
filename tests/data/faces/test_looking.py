"""Which frames of a pass a detector is given, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from dfcore.data.faces import looking
from dfcore.data.faces.gaps import Gap, Looks
from dfcore.data.faces.looking import Looking
from dfcore.data.media import DecodedFrame
from dfcore.data.protocols import Face

WIDTH, HEIGHT = 256, 192
BYTES = WIDTH * HEIGHT * 3 // 2
GAPS = Looks(frozenset({2, 8, 9}), (Gap(2, 8, (4, 6)),))


def frame(index: int, width: int = WIDTH, rotation: int = 0) -> DecodedFrame:
    """One whose first pixel says which it is."""
    y = np.full((HEIGHT * width // WIDTH, width), 16 + index, np.uint8)
    half = np.full((y.shape[0] // 2, width // 2), 128, np.uint8)
    return DecodedFrame(index, index / 25, "P", y, half, half, rotation=rotation)


class Notes:
    """Finds one face in the middle of whatever it is given, on the frames that ``shows`` says; notes the sizes."""

    def __init__(self, shows: Callable[[int], int] = lambda _: 1) -> None:
        self.shows, self.given = shows, list[tuple[int, int]]()

    def detect(self, image: np.ndarray) -> list[Face]:
        index = round((int(image[0, 0, 0]) * 219) / 255)
        height, width = image.shape[:2]
        self.given.append((index, width))
        x, y, side = width / 2, height / 2, 40.0 * (1 if width <= WIDTH else 2)
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        return [Face(box, 0.9, ((x, y),) * 5)] * self.shows(index)

    @property
    def frames(self) -> list[int]:
        """Which frames it was given, whole or in part."""
        return list(dict.fromkeys(index for index, _ in self.given))


@pytest.fixture
def helper() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def looked(helper: ThreadPoolExecutor, looks: Looks, notes: Notes, frames: Sequence[int]) -> looking.Seen:
    one = Looking((WIDTH, HEIGHT), looks, notes, helper)
    for index in frames:
        one.take(frame(index), BYTES, ())
    return one.finish()


def test_between_clips_with_the_same_face_nothing_is_looked_at(helper: ThreadPoolExecutor) -> None:
    notes = Notes()
    assert sorted(looked(helper, GAPS, notes, range(10))) == [2, 8, 9]
    assert notes.frames == [2, 8, 9]


@pytest.mark.parametrize("other", [0, 2])
def test_frames_between_are_looked_at_where_a_clips_end_shows_no_single_face(
    helper: ThreadPoolExecutor, other: int
) -> None:
    notes = Notes(lambda index: other if index == 8 else 1)
    assert sorted(looked(helper, GAPS, notes, range(10))) == [2, 4, 6, 8, 9]
    assert sorted(notes.frames) == [2, 4, 6, 8, 9]


def test_frames_between_are_looked_at_where_the_file_ends_before_the_next_clip(helper: ThreadPoolExecutor) -> None:
    assert sorted(looked(helper, GAPS, Notes(), range(7))) == [2, 4, 6]


def test_frames_too_large_to_wait_are_looked_at_at_once(
    helper: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "WAITING_BYTES", BYTES)  # one may wait
    assert sorted(looked(helper, GAPS, Notes(), range(10))) == [2, 6, 8, 9]


def test_frames_wait_that_a_slow_detector_has_not_come_to(
    helper: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "WAITING_BYTES", 2 * BYTES)
    gaps = (Gap(0, 3, (1, 2)), Gap(4, 7, (5, 6)))
    one, goes_on = Looking((WIDTH, HEIGHT), Looks(frozenset({0, 3, 4, 7}), gaps), Notes(lambda _: 0), helper), Event()
    helper.submit(goes_on.wait)
    for index in range(6):
        one.take(frame(index), BYTES, ())
    assert not one._held  # the two of the first gap wait as before
    goes_on.set()
    helper.submit(int).result()
    one.take(frame(6), BYTES, ())
    assert sorted(one._held) == [6]
    assert sorted(one.finish()) == list(range(7))


def test_no_frame_is_held_once_its_gap_is_over(helper: ThreadPoolExecutor) -> None:
    looks = Looks(frozenset({2, 8, 9}), (Gap(2, 8, (4, 6)), Gap(3, 9, (4, 5))))
    one = Looking((WIDTH, HEIGHT), looks, Notes(), helper)
    for index in range(10):
        one.take(frame(index), BYTES, ())
        assert sorted(one._held) == {4: [4], 5: [4, 5], 6: [4, 5, 6], 7: [4, 5, 6], 8: [4, 5]}.get(index, [])


def test_close_looks_follow_the_face_of_the_frame_before(helper: ThreadPoolExecutor) -> None:
    notes = Notes()
    seen = looked(helper, Looks(frozenset({1}), close=((1, 3), (1, 3, 5))), notes, range(6))
    assert notes.given == [(1, WIDTH), (3, 128), (5, 128)]  # 92-164 on a grid of 32
    assert sorted(seen) == [1]
    assert sorted(seen.close) == [(1, 3), (1, 3, 5)]
    assert [len(look.faces) for look in seen.close.values()] == [1, 1]


def test_a_close_look_does_not_depend_on_what_others_look_at(helper: ThreadPoolExecutor) -> None:
    alone = looked(helper, Looks(frozenset({1}), close=((1, 3),)), Notes(), range(6))
    notes = Notes()
    beside = looked(helper, Looks(frozenset({1, 3}), (Gap(1, 5, (2, 3)),), ((1, 3),)), notes, range(6))
    assert beside.close[1, 3].faces == alone.close[1, 3].faces
    assert (3, WIDTH) in notes.given


def test_without_a_single_face_before_the_whole_is_looked_at(helper: ThreadPoolExecutor) -> None:
    for shows in (lambda index: 2 if index == 1 else 1, lambda index: 0 if index == 1 else 1):
        notes = Notes(shows)
        looked(helper, Looks(frozenset({1}), close=((1, 3),)), notes, range(6))
        assert notes.given[-1] == (3, WIDTH)
    notes = Notes()
    looked(helper, Looks(frozenset({1}), close=((1, 3),)), notes, range(3, 6))  # that frame is damaged
    assert notes.given == [(3, WIDTH)]


@pytest.mark.parametrize(("width", "rotation"), [(WIDTH, 90), (2 * WIDTH, 0), (2 * WIDTH, 180)])
def test_the_part_is_where_the_face_was_in_turned_frames_and_others_of_another_size(
    helper: ThreadPoolExecutor, width: int, rotation: int
) -> None:
    notes = Notes()
    one = Looking((WIDTH, HEIGHT), Looks(frozenset({1}), close=((1, 3),)), notes, helper)
    one.take(frame(1, rotation=rotation), BYTES, ())
    one.take(frame(3, width, rotation), BYTES, ())
    seen = one.finish()
    first, then = np.array(seen[1].faces[0].box), np.array(seen.close[1, 3].faces[0].box)
    assert np.allclose((first[:2] + first[2:]) / 2, (WIDTH / 2, HEIGHT / 2), atol=1)
    assert np.allclose((then[:2] + then[2:]) / 2, (WIDTH / 2, HEIGHT / 2), atol=17)
    assert len(notes.given) == 2
