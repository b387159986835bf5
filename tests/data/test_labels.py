from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.labels import judged, marked
from dfcore.data.prepare.comparison import Comparison
from dfcore.data.records import FAKE, REAL, VideoRecord

HERE = Path("x.mp4")


def record(label: int, sound: int | None, **more: object) -> VideoRecord:
    return VideoRecord("x", HERE, label, sound=sound, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pictures", "sound", "heard"),
    [
        (REAL, REAL, REAL),
        (REAL, FAKE, FAKE),
        (FAKE, REAL, FAKE),
        (FAKE, FAKE, FAKE),
        (REAL, None, REAL),
        (FAKE, None, FAKE),
    ],
)
def test_any_part_is_fake_to_one_that_hears_and_the_pictures_decide_for_the_others(
    pictures: int, sound: int | None, heard: int
) -> None:
    scanned = record(pictures, sound)
    (by_ear,) = judged([scanned], hears=True)
    assert (by_ear.label, by_ear.seen, by_ear.sound) == (heard, pictures, sound)
    assert judged([scanned], hears=False) == [scanned]
    assert judged([by_ear], hears=True) == [by_ear]
    assert judged([by_ear], hears=False) == [scanned]  # neither label is lost


def test_a_fake_with_its_originals_pictures_has_real_pictures_and_a_fake_sound() -> None:
    fake = record(FAKE, None, twin=Path("original.mp4"))
    (found,) = marked([fake], {"x": Comparison("x", True)})
    assert (found.label, found.seen, found.sound) == (REAL, REAL, FAKE)
    assert judged([found], hears=True)[0].label == FAKE
    for other in (Comparison("x", False), Comparison("x", None, "lengths differ")):
        assert marked([fake], {"x": other}) == [fake]
    assert marked([fake], {}) == [fake]


def test_only_what_was_to_be_compared_is_marked() -> None:
    """A store may hold an old comparison of a video whose original is no longer there."""
    fake = record(FAKE, None)
    assert marked([fake], {"x": Comparison("x", True)}) == [fake]
