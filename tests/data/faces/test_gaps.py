"""When faces need not be looked for between clips."""

from __future__ import annotations

import numpy as np
import pytest

from dfcore.data.faces.cuts import signature
from dfcore.data.faces.gaps import Gap, Looks, needed_looks
from dfcore.data.faces.look import Look
from dfcore.data.protocols import Face

GAP = Gap(10, 90, (30, 50, 70))
SHOT = signature(np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 64, 3)))
ANOTHER = signature(np.tile(np.arange(64, dtype=np.uint8)[None, ::-1, None] * 3, (64, 1, 3)))


def face(x: float = 100, side: float = 40) -> Face:
    return Face((x, 50, x + side, 50 + side), 0.9, ((x, 60),) * 5)


def look(*faces: Face, shot: object = SHOT) -> Look:
    return Look(list(faces), 1.0, shot)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "clear"),
    [
        (look(face()), look(face()), True),
        (look(face()), look(face(115)), True),
        (look(face()), look(face(125)), False),  # more than half a side further
        (look(face()), look(face(80, 90)), False),  # more than twice as large
        (look(face()), look(), False),
        (look(), look(), False),
        (look(face()), look(face(), face(200)), False),  # somebody else is there
        (look(face(), face(200)), look(face(), face(200)), False),
        (look(face()), look(face(), shot=ANOTHER), False),  # another shot
        (look(face()), None, False),
        (None, look(face()), False),
    ],
)
def test_a_gap_is_clear_where_both_ends_show_the_same_single_face(
    before: Look | None, after: Look | None, clear: bool
) -> None:
    looks = {index: one for index, one in ((10, before), (90, after)) if one is not None}
    assert GAP.is_clear(looks) == clear
    wanted = Looks(frozenset({10, 90}), (GAP,))
    assert needed_looks(wanted, looks) == ({10, 90} if clear else {10, 30, 50, 70, 90})


def test_only_frames_between_two_clips_lie_in_a_gap() -> None:
    spans = [range(5, 11), range(20, 26), range(24, 30), range(40, 46)]  # the second and the third overlap
    looks = Looks.of(spans, [0, 5, 7, 10, 12, 19, 20, 25, 29, 33, 45, 50])
    assert looks.gaps == (Gap(10, 20, (12, 19)), Gap(29, 40, (33,)))
    assert looks.always == {0, 5, 7, 10, 20, 25, 29, 45, 50}
    assert looks.all == {0, 5, 7, 10, 12, 19, 20, 25, 29, 33, 45, 50}


def test_several_plans_looks_are_all_that_any_of_them_may_need() -> None:
    one, other = Looks(frozenset({1}), (GAP,), ((1, 5),)), Looks(frozenset({50}), (GAP,), ((1, 5), (1, 5, 9)))
    both = Looks.union([one, other])
    assert both == Looks(frozenset({1, 50}), (GAP,), ((1, 5), (1, 5, 9)))
    assert both.all == {1, 5, 9, 30, 50, 70}
