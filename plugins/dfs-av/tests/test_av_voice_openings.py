"""Openings that a voice lets one expect: known mixtures, known lags."""

from __future__ import annotations

import numpy as np
import pytest

from dfs_av.voice_openings import BANDS, FOREIGN, LAGS_SEEN, fit, judge, judge_together, voice_bands

Clip = tuple[np.ndarray, np.ndarray, np.ndarray]


def talk(seed: int, count: int = 250, late: int = 0) -> Clip:
    """A mouth that opens with three of the bands and shuts with two, and a voice that comes ``late`` points later."""
    rng = np.random.default_rng(seed)
    smooth = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    bands = np.stack([np.convolve(rng.normal(size=count + 40), smooth, "same") for _ in range(BANDS)], 1)
    opening = bands[:, 3] + bands[:, 4] + bands[:, 8] - bands[:, 15] - bands[:, 16]
    noise = rng.normal(0, 0.5, (count + 40, 4))
    opened = 0.02 * (opening[:, None] + noise) * np.array([1, 0, 1, 1]) + 0.3
    mouth, voice = slice(20, 20 + count), slice(20 - late, 20 - late + count)
    return opened[mouth].astype(np.float32), np.ones(count, bool), bands[voice].astype(np.float32)


def test_an_own_voice_fits_and_anothers_does_not() -> None:
    model = fit([talk(seed) for seed in range(8)])
    own = [judge(model, *talk(seed)).score for seed in range(20, 40)]
    other = [judge(model, *talk(seed)[:2], talk(seed + 100)[2]).score for seed in range(20, 40)]
    assert min(own) > max(other)


@pytest.mark.parametrize("late", [-3, 0, 2, 7, 12])
def test_the_lag_is_that_of_the_audio(late: int) -> None:
    model = fit([talk(seed) for seed in range(8)])
    assert judge(model, *talk(30, late=late)).lag == late


def test_clips_of_a_video_are_pooled_lag_by_lag() -> None:
    model = fit([talk(seed) for seed in range(8)])
    late = [talk(seed, 60, late=4) for seed in (30, 31, 32)]
    found = judge_together(model, late)
    assert (found.lag, found.seconds) == (4, pytest.approx(7.2))
    assert judge_together(model, late[::-1]).score == pytest.approx(found.score, abs=1e-12)
    scattered = judge_together(model, [talk(33, 60, late=-3), talk(34, 60, late=2), talk(35, 60, late=8)])
    assert scattered.score < found.score - 0.3, "each fits, but at another lag"


def test_two_halves_say_what_the_whole_says() -> None:
    model = fit([talk(seed) for seed in range(8)])
    opened, present, bands = talk(53, 500)
    halves = [(opened[part], present[part], bands[part]) for part in (slice(250), slice(250, 500))]
    whole, parts = judge(model, opened, present, bands), judge_together(model, halves)
    assert parts.lag == whole.lag
    assert parts.score == pytest.approx(whole.score, abs=0.02)
    assert parts.seconds == whole.seconds


def test_evidence_grows_with_the_seconds_in_either_direction() -> None:
    model = fit([talk(seed) for seed in range(8)])
    (opened, present, bands), foreign = talk(54, 500), talk(154, 500)[2]
    for voice in (bands, foreign):
        short, long = (judge(model, opened[:n], present[:n], voice[:n]).evidence for n in (60, 500))
        assert abs(long) > abs(short)
        assert (long > 0) == (voice is bands)
    assert judge(model, opened, present, bands).evidence == pytest.approx(
        (judge(model, opened, present, bands).score - FOREIGN) * 20
    )


def test_training_clips_own_lags_are_removed() -> None:
    lags = [0, 5, -2, 3, 6, 0, 1, 4, 2, 7]
    clips = [talk(seed, late=late) for seed, late in enumerate(lags)]

    def mean(align: bool) -> float:
        model = fit(clips, align=align)
        return float(np.mean([judge(model, *talk(seed)).score for seed in range(30, 45)]))

    assert mean(True) > mean(False) + 0.05


def test_a_head_that_turns_slowly_changes_next_to_nothing() -> None:
    model = fit([talk(seed) for seed in range(8)])
    opened, present, bands = talk(50)
    turning = opened + 0.05 * np.sin(np.linspace(0, 2 * np.pi, len(opened)))[:, None]
    assert judge(model, turning.astype(np.float32), present, bands).score == pytest.approx(
        judge(model, opened, present, bands).score, abs=0.1
    )


def test_absent_points_count_for_nothing() -> None:
    model = fit([talk(seed) for seed in range(8)])
    opened, present, bands = talk(51)
    hidden = present.copy()
    hidden[100:140] = False
    wild = opened.copy()
    wild[100:140] = 9.0
    one, other = judge(model, opened, hidden, bands), judge(model, wild, hidden, bands)
    assert one.score == pytest.approx(other.score, abs=1e-6)
    assert one.score == pytest.approx(judge(model, opened, present, bands).score, abs=0.1)


def test_what_is_still_or_silent_fits_nothing() -> None:
    model = fit([talk(seed) for seed in range(8)])
    opened, present, bands = talk(52)
    assert abs(judge(model, opened * 0 + 0.3, present, bands).score) < 0.02
    assert abs(judge(model, opened, present, bands * 0).score) < 0.02
    assert abs(judge(model, opened, present * False, bands).score) < 0.02


def test_bands_are_those_of_the_points_time() -> None:
    samples = np.zeros(640 * 40, np.int16)
    clock = np.arange(640 * 10) / 16000
    samples[640 * 20 : 640 * 30] = (9000 * np.sin(2 * np.pi * 1347 * clock)).astype(np.int16)
    bands = voice_bands(samples)
    assert bands.shape == (40, BANDS)
    loud = bands.max(1) > bands.max() - 2
    assert loud[21:29].all()
    assert not loud[:19].any()
    assert not loud[31:].any()
    place = 2595 * np.log10(1 + 1347 / 700) / (2595 * np.log10(1 + 8000 / 700)) * 81 - 1
    assert bands[25].argmax() == int(place // 4)


def test_lags_reach_as_far_as_genuine_clips_do() -> None:
    assert min(LAGS_SEEN) <= -1
    assert max(LAGS_SEEN) >= 8
