"""Sentences are true of the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfcore.evaluation.genuine import GenuineNumber, GenuineStatistics
from dfcore.inference.explain.course import ClipValue, Timeline
from dfcore.inference.explain.sentence import sentence
from dfcore.models.findings import Trace
from dfcore.testing.views import made_clip

DELAY = Trace("delay_ms", "the audio comes late", "the audio comes early", "ms", 0, always="the audio's delay")
DETAIL = Trace("detail_nepers", "the face has more detail", unit="nepers")


def number(mean: float, sd: float, low: float, high: float) -> GenuineNumber:
    return GenuineNumber(mean, sd, low, high, 20, 1.5 * sd, low, high)


def genuine(**numbers: GenuineNumber) -> GenuineStatistics:
    one = np.ones((2, 7, 7))
    return GenuineStatistics("av", 1, "abc", "made", 20, 0 * one, one, {}, numbers)


USUAL = genuine(delay_ms=number(0.0, 20.0, -40.0, 40.0), detail_nepers=number(0.1, 0.05, 0.0, 0.2))


@pytest.mark.parametrize(("delay", "word"), [(160.0, "late"), (-160.0, "early")])
def test_the_number_furthest_from_genuine_ones_is_said_with_its_direction(delay: float, word: str) -> None:
    said, numbers = sentence([DELAY, DETAIL], {"delay_ms": delay, "detail_nepers": 0.12}, USUAL)
    assert said == (f"The audio comes {word}: {delay:.0f} ms, 8.0 sd from genuine videos' 0 ± 20 ms.")
    assert numbers["delay_ms"] == delay
    assert numbers["delay_ms_deviation_sd"] == pytest.approx(delay / 20)


def test_numbers_are_given_to_six_places_and_deviations_to_three() -> None:
    _, numbers = sentence([DELAY], {"delay_ms": 1 / 3}, USUAL)
    assert numbers == {"delay_ms": 0.333333, "delay_ms_deviation_sd": 0.017}


def test_within_what_genuine_videos_show_nothing_was_found() -> None:
    said, _ = sentence([DELAY, DETAIL], {"delay_ms": 30.0, "detail_nepers": 0.1}, USUAL)
    assert said.startswith("Nothing found beyond what genuine videos show: the most unusual of 2 is delay_ms, 30 ms")
    assert said.endswith("The audio's delay: 30 ms.")


def test_a_direction_without_words_is_no_finding() -> None:
    said, _ = sentence([DETAIL], {"detail_nepers": -5.0}, USUAL)
    assert said.startswith("Nothing found")


def test_a_large_deviation_that_a_genuine_video_has_too_is_no_finding() -> None:
    wide = genuine(delay_ms=number(0.0, 20.0, -40.0, 100.0))
    assert sentence([DELAY], {"delay_ms": 60.0}, wide)[0].startswith("Nothing found")


def test_without_statistics_the_numbers_are_given_and_nothing_is_claimed() -> None:
    said, numbers = sentence([DELAY], {"delay_ms": 160.0}, None)
    assert said.startswith("Measured, and not compared")
    assert "delay_ms 160 ms" in said
    assert numbers == {"delay_ms": 160.0}
    assert sentence([DELAY], {}, USUAL)[0] == "Nothing could be measured for a sentence."


def test_a_number_that_no_sample_has_is_said_to_be_missing() -> None:
    quiet = replace(DELAY, unmeasured="No delay is told.")
    said, numbers = sentence([quiet, DETAIL], {"detail_nepers": 0.1}, USUAL)
    assert said.startswith("Nothing found beyond")
    assert said.endswith(" No delay is told.")
    assert "delay_ms" not in numbers
    assert "No delay" not in sentence([quiet], {"delay_ms": 30.0}, USUAL)[0]


def test_no_deviation_is_told_in_less_than_what_can_be_measured() -> None:
    same = genuine(delay_ms=number(0.0, 1e-6, 0.0, 0.0))  # every genuine video in time, to the step
    coarse = replace(DELAY, resolution=40.0)
    assert sentence([coarse], {"delay_ms": 40.0}, same)[0].startswith("Nothing found")
    said, numbers = sentence([coarse], {"delay_ms": 200.0}, same)
    assert said.startswith("The audio comes late: 200 ms, 5.0 sd from genuine videos' 0 ± 40 ms")
    assert numbers["delay_ms_deviation_sd"] == 5.0


def along(*delays: float) -> Timeline:
    timeline = Timeline(100, 25.0, 1.0)
    for place, delay in enumerate(delays):
        clip = made_clip(frames=8, size=64, audio=False)
        frames = tuple(range(25 * place + 8, 25 * place + 16))
        clip.header = replace(clip.header, frames=frames, times=tuple(frame / 25 for frame in frames))
        timeline.add(clip, ClipValue(0.0, {"delay_ms": float(delay)}))
    return timeline


@pytest.mark.parametrize(
    ("delays", "where"), [((0, 160, 160, 0), ", at 1.0-3.0 s."), ((160, 160, 160, 160), ", throughout the video.")]
)
def test_it_says_where_in_the_video_the_number_departs(delays: tuple[int, ...], where: str) -> None:
    said, _ = sentence([DELAY], {"delay_ms": 80.0}, USUAL, along(*delays))
    assert said.endswith(where)


def test_what_departs_in_a_part_of_the_video_alone_is_found_there() -> None:
    said, _ = sentence([DELAY], {"delay_ms": 10.0}, USUAL, along(0, 160, 200, 0))
    assert said == (
        "The audio comes late at 1.0-3.0 s: 180 ms there, 6.0 sd from genuine moments' 0 ± 30 ms. "
        "The audio's delay: 10 ms."
    )


def test_a_single_moment_that_departs_is_chance() -> None:
    assert sentence([DELAY], {"delay_ms": 10.0}, USUAL, along(0, 160, 0, 160))[0].startswith("Nothing found")
