"""Figures in words are true of the figures."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from dfcore.inference.report import words
from dfcore.inference.results import VERDICTS

STYLE = Path(words.__file__).parent / "templates/style.css"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (61, "about 61 times as frequent among fakes as"),
        (1 / 61, "about 61 times as frequent among genuine videos as"),
        (1.0, "about as frequent among fakes as among genuine"),
        (12_345, "about 12,000 times"),
        (3.14159, "about 3.1 times"),
    ],
)
def test_a_likelihood_ratio_in_words(ratio: float, said: str) -> None:
    assert said in words.ratio_sentence(math.log(ratio))


def test_a_ratio_without_bounds_is_still_a_sentence() -> None:
    assert "e+304 times" in words.ratio_sentence(1e4)
    assert words.support(1e4).startswith("extremely strong support for “the video is fake”")
    assert words.support(-1e4).startswith("extremely strong support for “the video is genuine”")
    assert words.prior_rows(1e4, 0.5)[0].probability == "over 99.9 %"
    assert "at least 1.0" not in words.ratio_sentence(0.0)


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1.5, "no support"), (9.9, "weak support"), (10.1, "moderate support"), (101, "moderately strong support"),
        (1001, "strong support"), (10_001, "very strong support"), (1_000_001, "extremely strong support"),
    ],
)  # fmt: skip
def test_the_verbal_scale_is_the_guidelines(ratio: float, said: str) -> None:
    assert words.support(math.log(ratio)).startswith(said)
    if ratio > 2:
        assert "“the video is genuine” over" in words.support(-math.log(ratio))


def test_the_same_ratio_comes_to_what_bayes_says() -> None:
    rows = {row.before: row for row in words.prior_rows(math.log(61), 0.1)}
    assert [row.probability for row in rows.values()] == ["98.4 %", "87.1 %", "5.8 %"]
    assert [before for before, row in rows.items() if row.given] == ["1 in 10"]
    assert rows["1 in 1,000"].odds == "1 : 999"
    assert [row.before for row in words.prior_rows(0.0, 0.3)] == ["1 in 2", "30 %", "1 in 10", "1 in 1,000"]


def test_nothing_is_said_to_be_certain() -> None:
    assert words.percent(1.0) == "over 99.9 %"
    assert words.percent(0.0) == "under 0.1 %"


def test_every_verdict_has_its_words() -> None:
    for verdict in VERDICTS:
        assert words.verdict_title(verdict)
        assert words.verdict_meaning(verdict, calibrated=True)
    assert "raw score" in words.verdict_meaning("uncertain", calibrated=False)
    for verdict in ("fake", "real", "none"):
        assert words.verdict_meaning(verdict, calibrated=False) == words.verdict_meaning(verdict, calibrated=True)


@pytest.mark.parametrize(
    ("effect", "random", "counts"),
    [
        (1.0, 0.1, True),
        (0.1, 0.1, False),
        (0.06, 0.1, False),
        (0.0, -1.0, False),
        (0.04, 0.0, False),
        (0.05, 0.0, True),
    ],
)
def test_only_what_lowers_the_score_more_than_chance_is_a_reason(effect: float, random: float, counts: bool) -> None:
    assert (words.hidden_by(effect, random) == "yes") is counts


def test_numbers_have_their_units_and_signs() -> None:
    assert words.number_row("delay_ms", -40.0) == ("delay", "\u221240 ms")
    assert words.number_row("mid_band_sd", 1.8) == ("mid band", "1.8 standard deviations")
    assert words.number_row("synchrony", 0.31) == ("synchrony", "0.31")
    assert words.signed(-0.001) == words.fixed(-0.001, 2) == "0.00"
    assert (words.fixed(None), words.signed(1.5)) == ("\u2013", "+1.50")


def test_a_number_and_its_deviation_are_one_row() -> None:
    numbers = {"delay_ms": 40.0, "delay_ms_deviation_sd": 2.345, "other_deviation_sd": 1.0, "big": 123456.0}
    assert words.number_rows(numbers) == [
        ("delay", "40 ms (+2.3 sd from genuine videos)"), ("other deviation", "1 standard deviations"),
        ("big", "123,456"),
    ]  # fmt: skip


def test_facts_of_any_form_become_rows() -> None:
    facts = {"codec": "h264", "edits": [], "audio": {"rate_hz": 16000, "there": True}, "passes": [1, {"qp": 24}]}
    assert words.fact_rows(facts) == [
        ("codec of the images", "h264"), ("edits", "none"), ("audio: rate", "16,000 Hz"), ("audio: there", "yes"),
        ("passes", "1, qp 24"),
    ]  # fmt: skip
    assert words.fact_rows({"encoder": None}) == [("encoder", "not known")]
    counted = {"frame_types": {"I": 2, "P": 12000}, "key_frame_distance": {"shortest": 4, "longest": 250}}
    assert words.fact_rows(counted) == [
        ("types of the frames (I: by itself, P and B: predicted)", "I 2, P 12,000"),
        ("frames from one key frame to the next", "shortest 4, longest 250"),
    ]


def test_sentences_keep_names_and_numbers_as_they_are() -> None:
    assert words.sentence("nothing: it broke") == "Nothing: it broke."
    assert words.sentence("a.mp4 is empty!") == "a.mp4 is empty!"
    assert words.sentence("no face", begin=False) == "no face."
    assert words.sentence("") == ""


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1.049, "Such a score is about as frequent"),
        (1.051, "Such a score is about 1.1 times as frequent among fakes as among genuine videos."),
        (1 / 1.051, "Such a score is about 1.1 times as frequent among genuine videos as among fakes."),
    ],
)
def test_up_to_five_per_cent_a_ratio_says_nothing(ratio: float, said: str) -> None:
    assert words.ratio_sentence(math.log(ratio)).startswith(said)
    assert words.ratio_sentence(math.log(ratio), capped=True).startswith("Such a score is at least 1")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1.99, "no support for either"), (2.01, "weak support for"), (9.99, "weak"), (99.9, "moderate support"),
        (999, "moderately strong"), (9999, "strong"), (999_999, "very strong"), (1.0, "no support for either"),
    ],
)  # fmt: skip
def test_each_step_of_the_verbal_scale_ends_where_the_next_begins(ratio: float, said: str) -> None:
    assert words.support(math.log(ratio)).startswith(said)
    assert words.support(-math.log(ratio)).startswith(said)
    for other in (2.1, 50):
        assert words.support(math.log(other)).endswith("for “the video is fake” over “the video is genuine”")
        assert words.support(-math.log(other)).endswith("for “the video is genuine” over “the video is fake”")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0009, "under 0.1 %"), (0.001, "0.1 %"), (0.999, "99.9 %"), (0.9991, "over 99.9 %"), (0.5, "50.0 %")],
)
def test_shares_next_to_0_and_1_are_bounds(value: float, text: str) -> None:
    assert words.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "1 in 2"), (0.25, "1 in 4"), (0.001, "1 in 1,000"), (0.3, "30 %"), (0.75, "75 %"), (1.0, "100 %")],
)
def test_a_share_is_one_in_so_many_where_it_is(value: float, text: str) -> None:
    assert words.share(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.2345, 2, "1.2"), (99.4, 2, "99"), (100.0, 2, "100"), (126.0, 2, "130"), (1264.0, 3, "1,260"),
        (999_000.0, 2, "1,000,000"), (1e6, 2, "1.0e+06"), (1.26e7, 3, "1.26e+07"),
    ],
)  # fmt: skip
def test_so_many_digits_are_significant(value: float, digits: int, text: str) -> None:
    assert words.significant(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9999, "9999"), (10_000, "10,000"), (-10_000, "\u221210,000"), (9999.4, "9999"), (10_000.4, "10,000"),
        (0.123456, "0.1235"), (-0.00001, "\u22121e\u221205"), (0.0, "0"),
    ],
)  # fmt: skip
def test_a_plain_number_has_four_digits_and_groups_from_ten_thousand_on(value: float, text: str) -> None:
    assert words.number_row("x", value) == ("x", text)


def test_odds_are_written_with_the_larger_on_the_side_that_it_speaks_for() -> None:
    after = {row.before: row.after for row in words.prior_rows(math.log(4), 0.5)}
    assert after == {"1 in 2": "4 : 1", "1 in 10": "1 : 2.2", "1 in 1,000": "1 : 250"}
    assert words.prior_rows(0.0, 0.8)[0].odds == "4 : 1"
    assert words.prior_rows(0.0, 0.5)[0].odds == "1 : 1"


@pytest.mark.parametrize(
    ("judged", "seen", "said"),
    [
        (1, None, "1 person was judged."), (2, 2, "2 people were judged."), (2, 1, "2 people were judged."),
        (1, 3, "1 person was judged, of 3 that were seen."), (0, 0, "0 people were judged."),
    ],
)  # fmt: skip
def test_how_many_people_were_judged(judged: int, seen: int | None, said: str) -> None:
    assert words.people_words(judged, seen) == said


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_its_ground_in_light_dark_and_print() -> None:
    blocks = re.findall(r":root \{(.+?)\n *\}", STYLE.read_text(), re.S)
    assert len(blocks) == 3
    for block in blocks:
        colours = dict(re.findall(r"--(\w+): (#\w+)", block))
        full = {name: f"#{value[1] * 2}{value[2] * 2}{value[3] * 2}" if len(value) == 4 else value for name, value in colours.items()}  # fmt: skip # noqa: E501
        for ink in ("ink", "soft", "accent"):
            for ground in ("paper", "panel"):
                light, dark = sorted((luminance(full[ink]), luminance(full[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
