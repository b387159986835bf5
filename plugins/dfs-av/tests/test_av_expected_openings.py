"""Openings that a voice lets one expect, as the cue module reads them: known mixtures, known lags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.views.speech import mel_spectrum
from dfcore.plugins import Registry
from dfcore.testing.views import made_views
from dfs_av.expected_openings import _NEAR, ExpectedOpenings, VoiceFit, paired_correlation
from dfs_av.module import CueModule, read_views
from dfs_av.speech_view import SEGMENT, SpeechView
from dfs_av.voice_openings import BANDS, CONTEXT, VoiceModel, judge, own_model, voice_bands, write_model


def smooth(seed: int, *shape: int) -> Tensor:
    noise = torch.randn(*shape[:-1], shape[-1] + 4, generator=torch.Generator().manual_seed(seed))
    return noise.unfold(-1, 5, 1).mean(-1)


def speech(late: int = 0, voice: int = 1) -> SpeechView:
    """A mouth that opens with bands 3 and 8, and a voice that comes ``late`` points later; or another's."""
    bands, others = smooth(1, 1, BANDS, 100), smooth(voice, 1, BANDS, 100)
    opened = bands[:, 3, 20:80] + bands[:, 8, 20:80]
    ones, none = torch.ones(1, 60), torch.zeros(1, 1)
    heard = others[..., 20 - late : 80 - late]
    return SpeechView(none, none, ones, ones, ones, ones, ones, none, none, opened[:, None].expand(-1, 2, -1), heard)


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
    read = read_views(views)
    heard = read.audio_present[0].numpy() > 0
    found = ExpectedOpenings().fit(read)
    wanted = judge(own_model(), views["mouth_openings"][0].numpy(), np.ones(60, bool), voice_bands(audio))
    assert heard.sum() >= 58
    assert found.score.item() == pytest.approx(wanted.score, abs=0.05)


def test_correlation_of_a_pair_is_that_of_the_points_that_both_have() -> None:
    seen, audio = smooth(1, 1, 1, 60), smooth(2, 1, 1, 60)
    heard, weight = torch.ones(1, 60), torch.ones(1, 1, 60)
    heard[0, :10], weight[0, 0, 50:] = 0, 0
    found = paired_correlation(seen, audio, weight, heard)[0, 0, 0]
    for lag in (-6, 0, 9):
        at = [k for k in range(50) if 10 <= k + lag < 60]
        wanted = np.corrcoef(seen[0, 0, at], audio[0, 0, [k + lag for k in at]])[0, 1]
        assert found[15 + lag].item() == pytest.approx(wanted, abs=1e-3)


def test_a_constant_series_is_correlated_with_nothing() -> None:
    """Large values, whose variance comes out below 0 by rounding."""
    seen, audio = 3000 + 0 * smooth(1, 1, 1, 60), 900 + 30 * smooth(2, 1, 1, 60)
    ones = torch.ones(1, 60)
    for one, other in ((seen, audio), (audio, seen), (seen, seen)):
        found = paired_correlation(one, other, ones[:, None] / 7, ones)
        assert bool(torch.isfinite(found).all())


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


def test_without_a_voice_nothing_fits() -> None:
    views = made_views(Registry().specialist("av"), 1)
    views["audio_present"].zero_()
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
