"""Openings that a voice lets one expect, as the cue module reads them: known mixtures, known lags."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.views.speech import mel_spectrum
from dfcore.plugins import Registry
from dfcore.testing.views import made_views
from dfs_av.correlation_sums import correlation_of, correlation_sums
from dfs_av.expected_openings import _NEAR, ExpectedOpenings, VoiceFit
from dfs_av.module import CueModule, read_views
from dfs_av.speech_view import SEGMENT, SpeechView, VideoSpeech
from dfs_av.voice_openings import (
    BANDS,
    CONTEXT,
    LAGS_SEEN,
    UNUSUAL,
    USUAL,
    VoiceModel,
    judge,
    own_model,
    voice_bands,
    write_model,
)


def smooth(seed: int, *shape: int) -> Tensor:
    noise = torch.randn(*shape[:-1], shape[-1] + 4, generator=torch.Generator().manual_seed(seed))
    return noise.unfold(-1, 5, 1).mean(-1)


def speech(late: int = 0, voice: int = 1) -> SpeechView:
    """A mouth that opens with bands 3 and 8, and a voice that comes ``late`` points later; or another's."""
    bands, others = smooth(1, 1, BANDS, 100), smooth(voice, 1, BANDS, 100)
    opened = bands[:, 3, 20:80] + bands[:, 8, 20:80]
    ones, none = torch.ones(1, 60), torch.zeros(1, 1)
    openings, heard = opened[:, None].expand(-1, 2, -1), others[..., 20 - late : 80 - late]
    video = VideoSpeech(openings[:, None], heard[:, None], *(ones[:, None] for _ in range(3)))
    return SpeechView(none, none, ones, ones, ones, ones, ones, none, none, openings, heard, video)


def together(*talks: SpeechView) -> SpeechView:
    """The first, with all in its video."""
    joined = {one.name: torch.cat([getattr(talk.video, one.name) for talk in talks], 1) for one in fields(VideoSpeech)}
    return replace(talks[0], video=VideoSpeech(**joined))


def cue(invariant: bool = False) -> ExpectedOpenings:
    weights = np.zeros((BANDS, 2 * CONTEXT + 1, 2))
    weights[[3, 8], CONTEXT] = 1
    return ExpectedOpenings(invariant=invariant, model=VoiceModel(np.vstack([weights.reshape(-1, 2), [[0, 0]]])))


@pytest.mark.parametrize("late", [-3, 0, 2, 8, 12])
def test_the_delay_of_the_best_fit_is_that_of_the_audio(late: int) -> None:
    found = cue().fit(speech(late))
    assert found.place.item() - 15 == late
    assert (found.score.item() > 0.6) == (late <= 8), (
        "a delay that genuine clips do not have is told, and does not score"
    )


def test_anothers_voice_fits_less_and_stands_out_less() -> None:
    own, other = cue().fit(speech(2)), cue().fit(speech(2, voice=9))
    assert own.score.item() > other.score.item() + 0.3
    assert own.above.item() > other.above.item() + 1


def test_a_batch_is_judged_as_whole_clips_are() -> None:
    """The same as :func:`judge`, where the voice is heard throughout."""
    views = made_views(Registry().specialist("av"), 1)
    rng = np.random.default_rng(0)
    audio = (rng.normal(0, 2000, 38400) * np.repeat(rng.uniform(0.3, 1, 120), 320)).astype(np.int16)
    views["log_mel"], views["audio_present"] = torch.from_numpy(mel_spectrum(audio))[None], torch.ones(1, 60)
    views["video_log_mel"][:, 0], views["video_audio_present"][:, 0] = views["log_mel"], 1
    read = read_views(views)
    heard = read.audio_present[0].numpy() > 0
    found = ExpectedOpenings().fit(read)
    wanted = judge(own_model(), views["mouth_openings"][0].numpy(), np.ones(60, bool), voice_bands(audio))
    assert heard.sum() >= 58
    assert found.score.item() == pytest.approx(wanted.score, abs=0.05)


def correlations(seen: Tensor, audio: Tensor, weight: Tensor, heard: Tensor) -> Tensor:
    return correlation_of(correlation_sums(seen, audio, weight, heard))


def test_correlation_of_a_pair_is_that_of_the_points_that_both_have() -> None:
    seen, audio = smooth(1, 1, 1, 60), smooth(2, 1, 1, 60)
    heard, weight = torch.ones(1, 60), torch.ones(1, 1, 60)
    heard[0, :10], weight[0, 0, 50:] = 0, 0
    found = correlations(seen, audio, weight, heard)[0, 0, 0]
    for lag in (-6, 0, 9):
        at = [k for k in range(50) if 10 <= k + lag < 60]
        wanted = np.corrcoef(seen[0, 0, at], audio[0, 0, [k + lag for k in at]])[0, 1]
        assert found[15 + lag].item() == pytest.approx(wanted, abs=1e-3)


def test_a_constant_series_is_correlated_with_nothing() -> None:
    """Large values, whose variance comes out below 0 by rounding."""
    seen, audio = 3000 + 0 * smooth(1, 1, 1, 60), 900 + 30 * smooth(2, 1, 1, 60)
    ones = torch.ones(1, 60)
    for one, other in ((seen, audio), (audio, seen), (seen, seen)):
        found = correlations(one, other, ones[:, None] / 7, ones)
        assert bool(torch.isfinite(found).all())


def test_sums_of_two_halves_make_the_correlation_of_the_whole() -> None:
    """Where both halves have the same means, at delay 0, at which no point of the one meets the other."""
    seen, audio = smooth(1, 1, 1, 60), smooth(2, 1, 1, 60)
    halves = torch.zeros(1, 2, 60)
    halves[0, 0, :30] = halves[0, 1, 30:] = 1
    for series in (seen, audio):
        series -= (series[..., :30].mean(), series[..., 30:].mean())[0] * halves[:, :1]
        series -= series[..., 30:].mean() * halves[:, 1:]
    ones = torch.ones(1, 60)
    whole = correlations(seen, audio, ones[:, None], ones)[..., 15]
    parts = correlation_of(correlation_sums(seen, audio, halves, ones).sum(1))[..., 15]
    assert parts.item() == pytest.approx(whole.item(), abs=1e-4)
    assert parts.item() == pytest.approx(np.corrcoef(seen[0, 0], audio[0, 0])[0, 1], abs=1e-4)


def test_clips_of_a_video_are_pooled_at_each_delay() -> None:
    """Three clips whose audio is late by the same: none of them but one fits by itself as well as all together say."""
    noisy = []
    for seed in (4, 5, 6):
        talk = speech(3, voice=1)
        seen = talk.openings + 1.2 * smooth(seed, 1, 1, 60)
        noisy.append(replace(talk, openings=seen, video=replace(talk.video, openings=seen[:, None])))
    found = cue().fit(together(*noisy))
    assert found.place.item() - 15 == 3
    assert found.above.item() > np.mean([cue().fit(talk).above.item() for talk in noisy])


def test_foreign_voices_that_fit_at_different_delays_do_not_fit_together() -> None:
    early, late = speech(-2), speech(6)
    assert min(cue().fit(early).score.item(), cue().fit(late).score.item()) > 0.6
    assert cue().fit(together(early, late)).score.item() < 0.6


def test_the_order_of_a_videos_clips_does_not_matter() -> None:
    one, other, third = speech(2), speech(2, voice=9), speech(0)
    orders = (one, other, third), (third, one, other)
    assert torch.allclose(*(cue()(replace(one, video=together(*order).video)) for order in orders), atol=1e-5)


def test_rows_without_a_clip_change_nothing() -> None:
    talk = speech(2)
    empty = VideoSpeech(*(torch.zeros_like(getattr(talk.video, one.name)) for one in fields(VideoSpeech)))
    assert torch.allclose(cue()(together(talk, replace(talk, video=empty))), cue()(talk), atol=1e-6)


def test_each_segment_is_judged_by_its_own_points() -> None:
    """A mouth that moves with the voice in the first segment, and is still afterwards."""
    talk = speech()
    opened = talk.openings.clone()
    opened[..., SEGMENT:] = 0.0
    rows = cue().fit(replace(talk, openings=opened)).row_scores[0]
    assert rows[0] > 0.6
    assert rows[-1] < 0.1


def test_how_far_the_best_delay_stands_out_is_measured_away_from_it() -> None:
    curves = 0.2 * smooth(3, 1, 8, 31)
    curves[:, 0, 17] = 0.9
    found = VoiceFit(curves)
    far = [k for k in range(31) if abs(k - 17) > _NEAR]
    away = curves[0, 0, far].double().numpy()
    assert found.place.item() == 17
    assert found.above.item() == pytest.approx((found.score.item() - away.mean()) / (away.std() + 0.08), rel=1e-4)


def test_only_delays_that_genuine_clips_have_score_and_less_the_less_usual_they_are() -> None:
    for delay in range(-15, 16):
        curves = torch.full((1, 8, 31), -1.0)
        curves[:, :, 15 + delay] = 1.0
        found = VoiceFit(curves)
        if delay in LAGS_SEEN:
            wanted = 1 - UNUSUAL * abs(delay - USUAL)
        else:
            wanted = max(-1 - UNUSUAL * abs(seen - USUAL) for seen in LAGS_SEEN)
        assert found.score.item() == pytest.approx(wanted, abs=1e-6)
        assert found.row_scores[0].tolist() == pytest.approx([wanted] * 7, abs=1e-6)
        assert found.place.item() == 15 + delay


def test_without_a_voice_nothing_fits() -> None:
    views = made_views(Registry().specialist("av"), 1)
    views["audio_present"].zero_()
    views["video_audio_present"].zero_()
    found = CueModule().audio_visual_correlation.expected_openings.fit(read_views(views))
    assert found.curve.abs().max() == 0


def test_a_module_that_measures_from_the_own_delay_says_the_same_of_late_audio() -> None:
    on_time, late = (cue(invariant=True)(speech(lag)) for lag in (0, 2))
    plain, plain_late = (cue()(speech(lag)) for lag in (0, 2))
    assert (on_time - late).abs().mean() < 0.5 * (plain - plain_late).abs().mean()


def test_a_flat_curve_stands_out_by_nothing() -> None:
    found = VoiceFit(torch.zeros(1, 8, 31))
    assert found.score.item() == pytest.approx(-0.01, abs=1e-6)
    assert abs(found.above.item()) < 0.2


def test_a_model_is_kept_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = VoiceModel(np.random.default_rng(0).normal(size=(181, 2)))
    write_model(model, tmp_path / "a.safetensors")
    monkeypatch.setattr("dfs_av.voice_openings._OWN", tmp_path / "a.safetensors")
    np.testing.assert_allclose(own_model.__wrapped__().weights, model.weights, rtol=1e-6)
