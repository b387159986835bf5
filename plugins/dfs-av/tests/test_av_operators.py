"""Each operator on a signal whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.views.speech import FLOOR, mel_spectrum
from dfcore.specs import VIDEO_VIEWS
from dfcore.testing.media import tone
from dfs_av.audio_visual_correlation import AudioVisualCorrelationCue, lagged_correlation
from dfs_av.lip_sync import FEATURES, LipSyncCue, contrastive_loss, delay_curve, similarities
from dfs_av.module import CueModule, read_views
from dfs_av.speech_patterns import SpeechPatternsCue, coherence
from dfs_av.speech_view import (
    CEPSTRA,
    GROUPS,
    LAGS,
    SHAPES,
    STARTS,
    SpeechView,
    aligned,
    at_points,
    cells,
    cepstra,
    cosines,
    decibels,
    grouped,
    mouth_shapes,
    mouth_signals,
    segments,
    voice_weight,
)


def signal(seed: int = 0, length: int = 100, scale: float = 1.0) -> Tensor:
    """Smooth noise, as a mouth moves."""
    noise = torch.randn(length + 4, generator=torch.Generator().manual_seed(seed))
    return scale * noise.unfold(0, 5, 1).mean(1)


def talking(late: int = 0, seed: int = 0) -> dict[str, Tensor]:
    """Views of a mouth (a dark bar) as open as the noise is loud, the noise ``late`` points late."""
    rng = np.random.default_rng(seed)
    loud = np.clip(np.convolve(rng.normal(size=124), np.ones(4) / 2, "valid"), 0, 1)[:120]
    mouth = np.full((1, 60, 96, 96), 150, np.uint8)
    for k in range(60):
        half = round(16 * loud[30 + k])
        mouth[0, k, 48 - half : 48 + half, 24:72] = 20
    per_sample = np.repeat(loud[30 - late : 90 - late], 640)
    mel = mel_spectrum((6000 * per_sample * rng.normal(size=38400)).clip(-32768, 32767).astype(np.int16))
    views = {
        "mouth": torch.from_numpy(mouth),
        "mouth_present": torch.ones(1, 60),
        "log_mel": torch.from_numpy(mel)[None],
        "audio_present": torch.ones(1, 60),
        "mouth_openings": torch.from_numpy(0.3 + 0.4 * loud[30:90, None] * np.ones(4))[None].float(),
    }
    return views | alone(views)


def alone(views: dict[str, Tensor]) -> dict[str, Tensor]:
    """The views of a video that has this clip alone."""
    of_video = {name: views[name.removeprefix("video_")] for name in VIDEO_VIEWS}
    return {
        name: torch.cat([view[:, None], torch.zeros_like(view)[:, None].expand(-1, 7, *view.shape[1:])], 1)
        for name, view in of_video.items()
    }


def read(views: dict[str, Tensor]) -> SpeechView:
    return read_views(views | alone(views))


# -- signals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1.0, 0.1, 0.01])
def test_the_level_of_a_sine_in_decibels(level: float) -> None:
    mel = torch.from_numpy(mel_spectrum(tone(2.4, 500, rate=16000, level=level)))[None]
    assert decibels(mel)[0, 10:230].mean().item() == pytest.approx(20 * math.log10(level) - 3.01, abs=0.1)


def test_four_columns_make_a_point_about_its_time() -> None:
    ramp = torch.arange(240.0)[None]
    assert at_points(ramp)[0, 1:-1].tolist() == pytest.approx([4.0 * k for k in range(1, 59)])


def test_a_voice_begins_where_it_is_louder_than_the_gate() -> None:
    samples = tone(2.4, 300, rate=16000, level=0.1)
    samples[: 20 * 640] = samples[: 20 * 640] // 512  # -77 dBFS
    mel = torch.from_numpy(mel_spectrum(samples))[None]
    weight = voice_weight(mel, torch.ones(1, 60))
    assert not weight[0, :19].any()
    assert weight[0, 21:].all()
    assert not voice_weight(mel, torch.zeros(1, 60)).any()


def test_an_opening_mouth_is_darker_and_moves() -> None:
    luma = torch.full((1, 60, 32, 32), 0.5)
    luma[:, 30:40, 14:18, 10:22] = -2.0
    darkness, gradients, moving, chin = mouth_signals(luma, torch.ones(1, 60))[0]
    assert darkness[:30].eq(0).all()
    assert darkness[30:40].tolist() == pytest.approx([1.5 * 48 / 360] * 10)
    assert gradients[35] > 0.1
    assert moving.nonzero().flatten().tolist() == [30, 40]
    assert chin.eq(0).all()


# -- transforms --------------------------------------------------------------------------------------------------------


def test_waves_are_orthonormal_and_a_wave_is_one_of_them() -> None:
    waves = cosines(32, 12)
    torch.testing.assert_close(waves @ waves.mT, torch.eye(12), atol=1e-5, rtol=0)
    torch.testing.assert_close(waves[0], torch.full((32,), 32**-0.5))


@pytest.mark.parametrize(("down", "across"), [(0, 1), (3, 0), (5, 11)])
def test_a_wave_over_the_mouth_is_one_coefficient(down: int, across: int) -> None:
    place = (np.arange(32) + 0.5) * math.pi / 32
    wave = np.outer(np.cos(down * place), np.cos(across * place)).astype(np.float32)
    luma = torch.zeros(1, 60, 32, 32)
    luma[:, 20:40] = torch.from_numpy(wave)
    found = mouth_shapes(luma, torch.ones(1, 60))[0]
    norm = (32 if down == 0 else 16) * (32 if across == 0 else 16)  # sum of the wave's squares
    assert found[30].abs().argmax().item() == SHAPES * down + across
    assert found[30, SHAPES * down + across].item() == pytest.approx(2 / 3 * math.sqrt(norm) * 2 / 3, rel=1e-4)
    assert found[30].square().sum().item() == pytest.approx(found[30].abs().max().item() ** 2, rel=1e-4)
    assert found.mean(0).abs().max() < 1e-4


def test_shapes_forget_whose_mouth_it_is_and_turn_with_a_mirror() -> None:
    luma = torch.randn(1, 60, 32, 32, generator=torch.Generator().manual_seed(0))
    present = torch.ones(1, 60)
    present[0, 50:] = 0
    found = mouth_shapes(luma, present)
    anyone = torch.randn(32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(mouth_shapes(luma + anyone, present), found, atol=1e-4, rtol=0)
    assert found[0, 50:].eq(0).all()
    assert found[0, :50].mean(0).abs().max() < 1e-5
    sign = torch.tensor([1.0, -1.0]).repeat(SHAPES * SHAPES // 2)
    torch.testing.assert_close(mouth_shapes(luma.flip(-1), present), found * sign, atol=1e-4, rtol=0)


@pytest.mark.parametrize("number", [1, 4, 19])
def test_a_wave_over_the_spectrum_is_one_cepstrum(number: int) -> None:
    wave = torch.cos(math.pi * number * (torch.arange(80) + 0.5) / 80)
    mel = torch.zeros(1, 80, 240)
    mel[..., 100:160] = wave[:, None]
    found = cepstra(mel, torch.ones(1, 60))[0]
    assert found[:, 130].abs().argmax().item() == number
    assert found[number, 130].item() == pytest.approx(0.75 * math.sqrt(40) * (1 + number) / 20, rel=1e-4)
    assert found[:, 130].abs().sum().item() == pytest.approx(found[number, 130].item(), rel=1e-3)


def test_cepstra_forget_level_and_microphone_and_are_0_unheard() -> None:
    mel = torch.randn(1, 80, 240, generator=torch.Generator().manual_seed(0))
    audio_present = torch.ones(1, 60)
    audio_present[0, :15] = 0
    found = cepstra(mel, audio_present)
    microphone = torch.linspace(-2, 3, 80)[:, None]
    torch.testing.assert_close(cepstra(mel + microphone, audio_present), found, atol=1e-4, rtol=0)
    assert found[..., :60].eq(0).all()
    assert found[..., 60:].mean(-1).abs().max() < 1e-5


# -- bookkeeping -------------------------------------------------------------------------------------------------------


def test_segments_and_groups() -> None:
    parts = segments(torch.arange(60.0))
    assert parts.shape == (7, 24)
    assert parts[:, 0].tolist() == list(STARTS)
    assert parts[-1, -1] == 59
    mean, most = grouped(torch.arange(-15.0, 16.0))
    assert sum(GROUPS) == 2 * LAGS + 1
    assert mean.tolist() == [-13, -8, -3.5, 0, 3.5, 8, 13]
    assert most.tolist() == [-11, -6, -2, 1, 5, 10, 15]


def test_cells_lie_where_they_are_told() -> None:
    table = cells(torch.arange(7.0)[None, None], 10 * torch.arange(7.0)[None, None], torch.tensor([[5.0]]))
    square = table.view(1, 3, 7, 7)
    assert square[0, 0, :, 3].tolist() == list(range(7))
    assert square[0, 1, 3].tolist() == [10 * k for k in range(7)]
    assert square[0, 2].eq(5).all()


def test_a_curve_seen_from_its_peak() -> None:
    curve = torch.zeros(1, 31)
    curve[0, 22] = 31
    moved = aligned(curve, torch.tensor([22]))
    assert moved[0].argmax() == LAGS
    assert moved[0, -7:].tolist() == [1.0] * 7  # beyond the end: the mean
    assert torch.equal(aligned(curve, torch.tensor([LAGS])), curve)


# -- correlation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-15, -7, -1, 0, 4, 15])
def test_audio_that_comes_late_correlates_at_its_delay(late: int) -> None:
    whole = signal()
    seen, audio = whole[20:80], whole[20 - late : 80 - late]
    found = lagged_correlation(seen[None, None], 3 * audio[None, None] + 2, torch.ones(1, 60))[0, 0, 0]
    assert found.argmax().item() - LAGS == late
    assert found.max() > 0.98
    assert lagged_correlation(-seen[None, None], audio[None, None], torch.ones(1, 60)).min() < -0.98


def test_what_does_not_vary_correlates_with_nothing() -> None:
    still = torch.full((1, 1, 60), 7.0)
    found = lagged_correlation(still, signal()[20:80][None, None], torch.ones(1, 60))
    assert found.abs().max() < 1e-3


def test_what_weighs_nothing_changes_nothing() -> None:
    weight = torch.ones(1, 60)
    weight[0, :20] = 0
    seen, audio = signal(1)[20:80], signal(2)[20:80]
    spoilt = seen.clone()
    spoilt[:20] += 50
    clean, dirty = (lagged_correlation(x[None, None], audio[None, None], weight) for x in (seen, spoilt))
    torch.testing.assert_close(clean, dirty, atol=1e-4, rtol=0)


@pytest.mark.parametrize("late", [-10, -3, 0, 5])
def test_the_cue_finds_the_delay_of_a_made_mouth(late: int) -> None:
    views = talking(late)
    features = AudioVisualCorrelationCue(18).describe(read(views))
    assert features.shape == (1, 116, 49)
    assert features[0, 98, 0].item() * LAGS == pytest.approx(late, abs=1)
    away = features[0, 102, 0].item()
    assert (away < 0.05) if late == 0 else (away > 0.05)


def test_the_invariant_cue_does_not_see_a_constant_delay() -> None:
    cue = AudioVisualCorrelationCue(18, invariant=True)
    features = [cue.describe(read(talking(late))) for late in (0, 4)]
    assert all(part[0, 98, 0].item() == 0 for part in features)
    plain = [AudioVisualCorrelationCue(18).describe(read(talking(late))) for late in (0, 4)]
    apart = [(a - b)[:, :96].abs().mean() for a, b in (features, plain)]
    assert apart[0] < 0.6 * apart[1]


# -- learned similarity ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-15, -4, 0, 9])
def test_the_similarity_of_late_vectors_peaks_at_their_delay(late: int) -> None:
    vectors = torch.nn.functional.normalize(torch.randn(120, 64, generator=torch.Generator().manual_seed(0)), dim=-1)
    found, inside = similarities(vectors[None, 30:90], vectors[None, 30 - late : 90 - late])
    assert inside.sum(1)[LAGS : 60 - LAGS].eq(31).all()
    assert inside[0].tolist() == [0.0] * 15 + [1.0] * 16
    curve = delay_curve(found, inside, torch.ones(1, 60))
    assert curve.argmax().item() - LAGS == late
    assert curve.max().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("late", [-6, 0, 3])
def test_what_is_described_of_a_delay(late: int) -> None:
    vectors = torch.nn.functional.normalize(torch.randn(120, 64, generator=torch.Generator().manual_seed(0)), dim=-1)
    found, inside = similarities(vectors[None, 30:90], vectors[None, 30 - late : 90 - late])
    weight, token = torch.ones(1, 60), torch.zeros(1, 60)
    plain = LipSyncCue(18).describe(found, inside, token, weight)
    assert plain.shape == (1, FEATURES, 49)
    delay, size, expected, confidence, away, entropy, scatter = plain[0, -7:, 0].tolist()
    assert (delay, size) == pytest.approx((late / LAGS, abs(late) / LAGS))
    assert expected == pytest.approx(late / LAGS, abs=0.01)
    assert confidence > 0.8
    assert (away < 0.01) if late == 0 else (away > 0.8)
    assert entropy < 0.01
    assert scatter < 0.01
    invariant = LipSyncCue(18, invariant=True).describe(found, inside, token, weight)
    assert invariant[0, -7, 0] == 0
    assert invariant[0, -3, 0].item() == pytest.approx(0, abs=1e-6)


def test_the_loss_of_no_and_of_perfect_knowledge() -> None:
    found, inside = torch.zeros(2, 60, 31), torch.ones(60, 31)
    weight = torch.ones(2, 60)
    none = contrastive_loss(found, inside, weight, torch.tensor(10.0))
    assert none.item() == pytest.approx(2 * math.log(31), abs=1e-4)
    found[..., LAGS] = 1
    assert contrastive_loss(found, inside, weight, torch.tensor(20.0)).item() < 1e-3
    found[1] = 0
    weight[1] = 0  # a clip without a voice
    assert contrastive_loss(found, inside, weight, torch.tensor(20.0)).item() < 1e-3


def test_the_towers_see_a_fifth_of_a_second() -> None:
    torch.manual_seed(0)
    towers = LipSyncCue(18).towers.eval()
    shapes = torch.randn(1, 60, SHAPES**2, requires_grad=True)
    audio = torch.randn(1, CEPSTRA, 240, requires_grad=True)
    seen, voice = towers(shapes, audio, torch.ones(1, 60))
    (seen[0, 30, 0] + voice[0, 30, 0]).backward()
    assert shapes.grad is not None
    assert audio.grad is not None
    assert shapes.grad.abs().sum((0, 2)).nonzero().flatten().tolist() == [28, 29, 30, 31, 32]
    assert audio.grad.abs().sum((0, 1)).nonzero().flatten().tolist() == list(range(120 - 9, 120 + 10))


# -- patterns ----------------------------------------------------------------------------------------------------------


def test_signals_that_share_a_rhythm_are_coherent_whatever_their_delay() -> None:
    whole = signal(3)
    first, late, other = whole[20:80][None], whole[17:77][None], signal(9)[20:80][None]
    assert coherence(first, first).min() > 0.9
    assert coherence(first, late)[0, :4].mean() > coherence(first, other)[0, :4].mean() + 0.2


def test_the_visual_part_works_without_audio() -> None:
    views = talking()
    silent = {**views, "audio_present": torch.zeros(1, 60), "log_mel": torch.full((1, 80, 240), math.log(FLOOR))}
    still = {**silent, "mouth": torch.full((1, 60, 96, 96), 90, dtype=torch.uint8)}
    moving, unmoved = (SpeechPatternsCue.describe(read(part)) for part in (silent, still))
    assert moving.shape == (1, 28, 49)
    assert moving[0, 1].mean() > unmoved[0, 1].mean() + 1  # modulation of the mouth's motion
    assert moving[0, 2].eq(unmoved[0, 2]).all()  # of the audio's level
    assert moving[0, -5].eq(0).all()  # any audio


@pytest.mark.parametrize("seed", range(4))
def test_what_is_before_the_voice_changes_nothing(seed: int) -> None:
    """Digital silence and a hum below the gate are alike; silence between words is not trimmed."""
    quiet, humming, pausing = (talking(seed=seed) for _ in range(3))
    quiet["log_mel"][..., :100] = math.log(FLOOR)
    humming["log_mel"][..., :100] = math.log(0.00085)  # -57.5 dBFS in all
    humming["log_mel"][:, :5, 30:60] += 2
    pausing["log_mel"][..., 100:160] = math.log(FLOOR)
    assert not read(quiet).weight[0, :26].any()
    assert not read(quiet).audio_present[0, :25].any()
    assert read(quiet).weight[0, 26:].sum() > 6
    torch.testing.assert_close(*(CueModule().describe(views) for views in (quiet, humming)), rtol=0, atol=1e-5)
    assert read(pausing).audio_present[0, 26:38].all()
    assert not read(pausing).voice[0, 27:38].any()
    assert read({**quiet, "log_mel": torch.full((1, 80, 240), math.log(FLOOR))}).audio_present.all()  # no voice at all
