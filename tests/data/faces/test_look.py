"""Looking for faces: which detector, at which sizes; a detector's own faults."""

from __future__ import annotations

from pathlib import Path

import fake_parts
import numpy as np
import pytest

from dfcore.data.faces.look import LOOK_SIDES, find_detector, find_tracks, frames_to_look_at, look_at
from dfcore.data.media import DecodedFrame, decode
from dfcore.errors import PluginError, PluginImportError, UnknownNameError


@pytest.fixture
def frame(made_video: Path) -> DecodedFrame:
    return next(iter(decode(made_video, [0])))


class Patient:
    """Finds the one face in an image of ``side`` or more alone; notes what it is given."""

    def __init__(self, side: int) -> None:
        self.side, self.given = side, list[int]()

    def detect(self, image: np.ndarray) -> list[fake_parts.Face]:
        self.given.append(max(image.shape))
        return fake_parts.FixedFace().detect(image) if max(image.shape) >= self.side else []


class Raises:
    def detect(self, image: np.ndarray) -> list[fake_parts.Face]:
        raise IndexError("no anchors")


class NeedsArguments:
    def __init__(self, weights: str) -> None: ...


def test_larger_images_are_tried_until_one_shows_a_face(frame: DecodedFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(frame.y.shape) == 192
    monkeypatch.setattr("dfcore.data.faces.look.LOOK_SIDES", (64, 128, 200, 320))
    for side, given in ((0, [64]), (100, [64, 128]), (999, [64, 128, 192])):  # 320 shows no more than 200
        detector = Patient(side)
        look = look_at(frame, detector)
        assert detector.given == given
        assert bool(look.faces) == (side < 999)
        assert look.scale == pytest.approx(given[-1] / 192)
    assert LOOK_SIDES == (320, 640)


def test_faces_that_stay_become_a_track(frame: DecodedFrame) -> None:
    looks = {index: look_at(frame, fake_parts.FixedFace()) for index in (0, 5, 10)}
    (track,) = find_tracks({index: look.faces for index, look in looks.items()}, looks, (192, 160))
    assert track.covers(range(11))
    assert find_tracks({0: [], 5: []}, {index: looks[index] for index in (0, 5)}, (192, 160)) == []


def test_a_detector_that_fails_is_named_and_not_the_file(frame: DecodedFrame) -> None:
    with pytest.raises(PluginError, match=r"face detector \(\S*:Raises\) failed in detect, .*: IndexError: no anchors"):
        look_at(frame, Raises())


def test_detectors_are_found_by_name_or_path_and_made_once() -> None:
    assert find_detector("fake_parts:FixedFace") is find_detector("fake_parts:FixedFace")
    with pytest.raises(UnknownNameError, match="centerface"):
        find_detector("centreface")
    with pytest.raises(PluginImportError, match="no_such_module"):
        find_detector("no_such_module:Face")
    with pytest.raises(PluginError, match=r"is called without arguments: .*NeedsArguments\(weights"):
        find_detector(f"{__name__}:NeedsArguments")


@pytest.mark.parametrize(
    ("spans", "stride", "fps", "looked"),
    [
        ([range(33)], 10, 25.0, [0, 10, 20, 30, 32]),  # a stride that was asked for is kept to
        ([range(5, 8), range(20, 24)], 6, 25.0, [5, 7, 11, 17, 20, 23]),
        ([range(100)], None, 60.0, [0, 30, 60, 99]),  # half a second; 90 lies within a third of a step of 99
        ([range(101)], None, 60.0, [0, 30, 60, 100]),
        ([range(102)], None, 60.0, [0, 30, 60, 90, 101]),
        ([range(10), range(22, 40)], None, 60.0, [0, 9, 22, 39]),  # 30 lies 8 behind 22 and 9 before 39
        ([range(10), range(19, 42)], None, 60.0, [0, 9, 19, 30, 41]),
        ([range(4)], None, 0.5, [0, 1, 2, 3]),  # at least one frame on
        ([range(161)], None, 4.0, [0, *range(11, 155, 11), 160]),  # 16 looks at most: every 11th
        ([range(160)], None, 4.0, [*range(0, 160, 10), 159]),
    ],
)
def test_looks_are_half_a_second_apart_but_few_and_where_clips_end(
    spans: list[range], stride: int | None, fps: float, looked: list[int]
) -> None:
    assert sorted(frames_to_look_at(spans, stride, fps)) == looked
