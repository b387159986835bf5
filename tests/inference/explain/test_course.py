"""The course through a video: which stretch a clip stands for, what is called forged, by what threshold."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from fake_specialists import member
from plain_specialist import calibrated

from dfcore.data.clips import ClipHeader
from dfcore.evaluation.metrics.localisation import FoundSpan, span_average_precision
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibrate_scores, calibration_path
from dfcore.inference.explain.course import ClipValue, Timeline, _forged, spans_of, threshold_of
from dfcore.inference.explanation import Moment, Span
from dfcore.inference.models import Member
from dfcore.testing.views import made_clip


def course(*margins: float | None) -> list[Moment]:
    return [Moment(float(k), k + 1.0, margin) for k, margin in enumerate(margins)]


def test_neighbouring_moments_above_the_threshold_are_one_span() -> None:
    found = spans_of(course(-1, 2, 4, -3, 1, -1), 1.0)
    assert found == (Span(1.0, 3.0, 3.0), Span(4.0, 5.0, 1.0))


def test_a_moment_that_was_not_judged_ends_a_span() -> None:
    assert [(one.start, one.end) for one in spans_of(course(2, None, 2), 0.0)] == [(0.0, 1.0), (2.0, 3.0)]
    gap = [Moment(0.0, 1.0, 2.0), Moment(5.0, 6.0, 2.0)]
    assert len(spans_of(gap, 0.0)) == 2


def brute_force(gains: list[float], price: float) -> float:
    """The largest sum of all ways to call moments forged."""
    ways = product([False, True], repeat=len(gains))
    return max(worth(gains, price, list(way)) for way in ways)


def worth(gains: list[float], price: float, way: list[bool]) -> float:
    starts = sum(on and not before for on, before in zip(way, [False, *way], strict=False))
    return sum(gain for gain, on in zip(gains, way, strict=True) if on) - price * starts


def test_the_stretches_are_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        gains = rng.integers(-4, 5, int(rng.integers(1, 8))).astype(float).tolist()
        price = float(rng.integers(0, 5))
        assert worth(gains, price, _forged(gains, price)) == brute_force(gains, price), (gains, price)


def test_a_stretch_goes_on_through_a_dip_and_a_single_peak_of_noise_is_none() -> None:
    noise = [-2.5, -1.4, -2.2, 0.2, -2.1, -1.2, -2.4, -1.5]
    forged = [3.0, 1.8, -0.2, 2.6, 3.1]
    found = spans_of(course(*noise, *forged, *noise), 0.0)
    assert [(one.start, one.end) for one in found] == [(8.0, 13.0)]
    assert found[0].margin == pytest.approx(sum(forged) / 5)


def test_where_neighbours_are_alike_each_moment_counts() -> None:
    steady = [-2.0] * 6
    found = spans_of(course(*steady, 0.5, *steady, 0.0), 0.0)
    assert [(one.start, one.end) for one in found] == [(6.0, 7.0), (13.0, 14.0)]


@pytest.mark.parametrize("apart", [3.0, 5.0])
def test_of_noisy_courses_the_forged_stretches_are_found(apart: float) -> None:
    rng, truth, found = np.random.default_rng(4), {}, []
    for video in range(40):
        margins, length = rng.normal(size=24) - 0.6 * apart, int(rng.integers(5, 11))
        start = int(rng.integers(24 - length + 1))
        if video < 20:
            margins[start : start + length] += apart
        truth[str(video)] = [(start, start + length)] if video < 20 else []
        own = spans_of(course(*margins.tolist()), 0.0)
        found += [FoundSpan(str(video), one.start, one.end, one.margin) for one in own]
    assert span_average_precision(found, truth) > 0.93, "without a price for a stretch it is .55 and .89"


def test_without_a_threshold_nothing_is_called_forged() -> None:
    assert spans_of(course(9, 9), None) == ()


def test_each_clip_stands_for_an_equal_part_of_the_video() -> None:
    timeline = Timeline(100, 25.0, 1.0)
    assert timeline.count == 4
    for start, margin in ((8, 1.0), (58, -1.0)):
        clip = made_clip(frames=8, size=64, audio=False)
        clip.header = _at(clip.header, start)
        timeline.add(clip, ClipValue(margin, {"x": margin}))
    assert timeline.moments() == (Moment(0.0, 1.0, 1.0), Moment(2.0, 3.0, -1.0))
    assert timeline.numbers("x") == [(0.0, 1.0, 1.0), (2.0, 3.0, -1.0)]
    assert timeline.numbers("y") == []


def _at(header: ClipHeader, start: int) -> ClipHeader:
    frames = tuple(range(start, start + 8))
    return replace(header, frames=frames, times=tuple(frame / 25 for frame in frames))


def test_the_threshold_is_where_the_conformal_rule_says_fake(tmp_path: Path) -> None:
    one = calibrated(member(), tmp_path, 0.8)
    margin, words = threshold_of(one, "h264")
    assert margin is not None
    assert "10%" in words
    rules = CalibrationFile.read(calibration_path(one.path), one.hash).rules
    assert rules.conformal.judge(margin).p_value_real <= 0.1
    assert rules.conformal.judge(float(np.nextafter(margin, -np.inf))).p_value_real > 0.1


def test_without_calibration_nothing_says_from_which_margin(tmp_path: Path) -> None:
    margin, words = threshold_of(replace(member(), path=tmp_path / "x_stage1_final.pt"), None)
    assert margin is None
    assert "dfcore calibrate" in words


def test_too_few_videos_for_the_rule_leave_the_operating_point(tmp_path: Path) -> None:
    one = calibrated(member(), tmp_path, 0.8)
    _calibrate_with(one, 9)
    margin, words = threshold_of(one, None)
    assert margin == pytest.approx(0.5)
    assert "above all 9 of them" in words


def test_above_hardly_any_genuine_video_nothing_is_called_forged(tmp_path: Path) -> None:
    one = calibrated(member(), tmp_path, 0.8)
    _calibrate_with(one, 8)
    assert threshold_of(one, None) == (None, "no moment is called forged: 8 genuine validation videos, and it takes 9")


def _calibrate_with(one: Member, reals: int) -> None:
    videos = [ScoredVideo(str(k), k % 2, split="val", margin=float(k % 2)) for k in range(2 * reals)]
    calibrate_scores(videos, specialist="plain", stage=1, weights=one.hash, dataset="").write(
        calibration_path(one.path)
    )
