"""Which people of which spans are kept, and what is said where nobody is: without decoding anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dfcore.data.clips import FrameFormat
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.faces import FaceTrack
from dfcore.data.prepare.choose import Chosen, _of_one_format, choose
from dfcore.data.prepare.people import _kept, plan_for_all
from dfcore.data.prepare.speech import SpeechSpan
from dfcore.data.prepare.watch import Footage

PATH = Path("a.mp4")
SPANS = [range(8), range(20, 28)]
SHOWN = FrameFormat(640, 480, "tv", "bt601", 0)
INFO: Any = SimpleNamespace(width=640, height=480)


def track(x: float, size: float = 80.0, frames: range = range(40)) -> FaceTrack:
    """A face that stands still: a square at ``x``, seen in each of ``frames``."""
    count = len(frames)
    boxes = np.tile(np.array([x, 100.0, x + size, 100.0 + size]), (count, 1))
    marks = np.full((count, 5, 2), x + size / 2)
    sure = np.ones(count)
    return FaceTrack(np.array(frames), boxes, marks, sure, np.ones(count - 1, bool), 0, 0)


def footage(frames: Sequence[int] = range(40), formats: dict[int, FrameFormat] | None = None) -> Footage:
    return Footage(dict.fromkeys(frames, 0.0), dict.fromkeys(frames, SHOWN) | (formats or {}))


def chosen(
    tracks: Sequence[FaceTrack], shown: Footage | None = None, faces: dict[int, Any] | None = None, **plan: int
) -> Chosen:
    found = {0: [1], 4: [], 8: [1]} if faces is None else faces
    return choose(PATH, INFO, ClipPlan(**{"frames": 4, **plan}), SPANS, shown or footage(), found, tracks)


def taken(found: Chosen) -> list[tuple[int, int, tuple[int, ...]]]:
    """Of each pick the person, the span and the frames."""
    return [(pick.person, pick.span, pick.frames) for pick in found.picks]


FIRST, SECOND = (2, 3, 4, 5), (22, 23, 24, 25)


def test_of_each_span_the_most_prominent_people_are_kept_and_the_others_counted() -> None:
    people = [track(400), track(100), track(250)]
    one = chosen(people)
    assert (taken(one), one.people_seen) == ([(0, 0, FIRST), (0, 20, SECOND)], 3)
    two = chosen(people, people=2)
    assert taken(two) == [(0, 0, FIRST), (0, 20, SECOND), (1, 0, FIRST), (1, 20, SECOND)]
    assert [pick.window[0] // 16 for pick in two.picks] == [x // 16 for x in (368, 368, 64, 64)]


def test_who_is_not_in_a_span_leaves_their_place_to_the_next_and_numbers_have_no_gaps() -> None:
    people = [track(400, frames=range(20, 28)), track(100, size=20.0), track(250)]
    found = chosen(people)
    assert (taken(found), found.people_seen) == ([(0, 20, SECOND), (1, 0, FIRST)], 2)


@pytest.mark.parametrize(
    ("tracks", "shown", "faces", "said"),
    [
        ([], None, {0: []}, "no face found in 1 image looked at."),
        ([], None, {0: [], 4: []}, "no face found in 2 frames looked at."),
        ([track(10, 20.4), track(90, 31.6)], None, None, "the largest face is 32 px; 32 are needed."),
        ([track(10, 20.4)], None, None, "the largest face is 20 px; 32 are needed."),
        ([track(10)], footage([]), None, "it breaks off before its first clip (frame 0); replace the file or leave"),
        (
            [track(10, frames=range(9, 15))],
            None,
            None,
            "no face stays in view through any of its 2 spans of 8 frames (a face was found in 2 of 3 frames looked at",
        ),
    ],
)
def test_why_nobody_is_kept_is_said(tracks: list[FaceTrack], shown: Any, faces: Any, said: str) -> None:
    found = chosen(tracks, shown, faces)
    assert found.picks == ()
    assert found.reason.startswith(f"{PATH}: {said}")


def test_a_span_within_which_the_size_changes_is_cut_to_its_longest_part() -> None:
    small = FrameFormat(320, 240, "tv", "bt601", 0)
    found = chosen([track(400)], footage(formats=dict.fromkeys(range(20, 25), small)))
    first, second = found.picks
    assert (first.reference, first.format) == (tuple(range(8)), SHOWN)
    assert (second.span, second.reference, second.format) == (20, (20, 21, 22, 23, 24), small)
    assert second.track.at([20])[0].tolist() == [[200, 50, 240, 90]]
    halves: Any = {frame: frame >= 4 for frame in range(8)}
    assert _of_one_format(range(8), halves) == [0, 1, 2, 3]  # the first of equals
    assert _of_one_format(range(8), dict.fromkeys(range(8), SHOWN)) == range(8)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offset", "same"),
    [
        (0.0, True),
        (26.0, True),  # of 80 pixels 54 in common: 54 of 106
        (27.0, False),  # 53 of 107
        (-26.0, True),
        (-27.0, False),
    ],
)
@pytest.mark.parametrize("half", [False, True])
def test_speech_is_that_of_the_track_which_shares_half_of_the_joint_area(offset: float, same: bool, half: bool) -> None:
    """Also where the span's frames are of half the size: the finer track is in pixels of the file's first frame."""
    small = FrameFormat(320, 240, "tv", "bt601", 0)
    found = chosen([track(400)], footage(formats=dict.fromkeys(range(40), small) if half else None))
    span = SpeechSpan(np.zeros(1), np.zeros(1, np.int64))
    fine = track(400 + offset)
    heard = found.with_speech(INFO, {20: span}, [track(100), fine, track(400, frames=range(8))])
    assert [pick.speech for pick in heard.picks] == [None, (span, fine) if same else None]
    assert [pick.speech for pick in found.with_speech(INFO, {20: span}, []).picks] == [None, None]


def test_of_several_tracks_speech_is_that_of_the_nearest() -> None:
    found = chosen([track(400)])
    spans = {start: SpeechSpan(np.zeros(1), np.zeros(1, np.int64)) for start in (0, 20)}
    tracks = [track(410), track(404), track(408)]
    assert [pick.speech and pick.speech[1] for pick in found.with_speech(INFO, spans, tracks).picks] == [tracks[1]] * 2


def test_the_forged_are_kept_beside_as_many_as_the_plan_asks_for() -> None:
    """Four people in the first span, three in the second; the third person was forged, of the last nothing is known."""
    who = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 20), (2, 20), (3, 20)]
    clips: Any = [SimpleNamespace(header=SimpleNamespace(track=t, frames=(first,))) for t, first in who]
    forged = {0: False, 1: False, 2: True, 3: None}
    found: Any = SimpleNamespace(clips=[SimpleNamespace(forged=forged[t]) for t, _ in who])
    assert [who[i] for i in _kept(clips, 1, found)] == [(0, 0), (2, 0), (0, 20), (2, 20)]
    assert [who[i] for i in _kept(clips, 2, found)] == [(0, 0), (1, 0), (2, 0), (0, 20), (2, 20)]
    assert (plan_for_all(ClipPlan(people=1)).people, plan_for_all(ClipPlan(people=9)).people) == (8, 9)
