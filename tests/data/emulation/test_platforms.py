"""Platforms: sizes, bit rates, and who goes through one in training."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.emulation.platforms import PLATFORMS, Platform, emulated, emulated_share, find_platform
from dfcore.data.records import FAKE, REAL, Forgery, VideoRecord, emulation_of
from dfcore.errors import UnknownNameError

SMALL = Platform("small", 360, 800_000)


def record(name: str, label: int = REAL, original: str = "", forgery: Forgery | None = None) -> VideoRecord:
    return VideoRecord(name, Path(name), label, split="train", original=original, forgery=forgery)


PAIRS = [record(f"r{i}") for i in range(200)] + [record(f"f{i}", FAKE, f"r{i}") for i in range(200)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (640, 360)),
        ((1080, 1920), (360, 640)),
        ((640, 360), (640, 360)),
        ((320, 240), (320, 240)),  # never enlarged
        ((853, 480), (640, 360)),
    ],
)
def test_larger_videos_are_reduced_to_the_shorter_side(size, expected):
    assert SMALL.size(*size) == expected


def test_bits_go_by_pixels_and_not_above_the_platforms():
    assert SMALL.bits(640, 360) == 800_000
    assert SMALL.bits(320, 180) == 200_000
    assert SMALL.bits(1280, 720) == 800_000


def test_an_unknown_platform_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="youtube_720"):
        find_platform("youtube_7200")
    assert all(name == one.name for name, one in PLATFORMS.items())


def test_a_fake_goes_with_its_original_and_through_the_same_platform():
    made = emulated_share(PAIRS, ["x_720", "youtube_360"], 0.5)
    by_number: dict[str, set[str]] = {}
    for one in made:
        assert emulation_of(one.id) == one.emulation
        by_number.setdefault(one.id.split("~")[0][1:], set()).add(one.emulation)
    assert len(made) == 2 * len(by_number)
    assert all(len(platforms) == 1 for platforms in by_number.values())
    assert {one.emulation for one in made} == {"x_720", "youtube_360"}
    assert 150 < len(made) < 250


def test_a_larger_share_has_the_videos_of_a_smaller_one():
    shares = [{one.id for one in emulated_share(PAIRS, ["x_720"], share)} for share in (0.0, 0.2, 0.6, 1.0)]
    assert shares[0] == set()
    assert shares[1] < shares[2] < shares[3]
    assert len(shares[3]) == len(PAIRS)


def test_pseudo_fakes_are_passed_over():
    assert not emulated_share([record("a", forgery=Forgery("x:y", "k", True, 0, 23.0))], ["x_720"], 1.0)


def test_an_emulated_record_has_an_id_of_its_own_and_the_same_people():
    made = emulated(PAIRS[200], "x_720")
    assert made.id != PAIRS[200].id
    assert (made.group, made.original, made.label) == (PAIRS[200].group, "r0", FAKE)
    assert emulation_of(PAIRS[200].id) == ""
