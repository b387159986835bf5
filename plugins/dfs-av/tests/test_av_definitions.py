"""The cues of speech against their definitions, written out in NumPy and double precision.

The made clips hold what the floors and clamps are for: absent mouths, silence, signals that do not vary.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfs_av.audio_visual_correlation import AudioVisualCorrelationCue, lagged_correlation
from dfs_av.lip_sync import LipSyncCue, contrastive_loss, delay_curve, similarities
from dfs_av.speech_patterns import RHYTHMS, SpeechPatternsCue, coherence, modulation
from dfs_av.speech_view import SpeechView, VideoSpeech, aligned, delayed

Array = NDArray[np.float64]
STARTS = range(0, 37, 6)
COLUMNS = np.split(np.arange(31), [5, 10, 14, 17, 21, 26])
DELAYS = np.arange(-15, 16)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def near(found: Tensor, expected: Array, tolerance: float = 1e-3) -> None:
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def speech() -> SpeechView:
    """Three clips: a usual one; one whose mouth is away for a while; one without audio whose mouth is still."""
    present, heard, voice = torch.ones(3, 60), torch.ones(3, 60), (random(3, 60, seed=1) < 0.6).float()
    present[1, 10:25], heard[1, :14] = 0, 0
    heard[2], voice[2] = 0, 0
    voice = voice * heard
    seen = 0.2 * random(3, 4, 60, seed=2) * present[:, None]
    seen[2, 1:] = 0
    audio = random(3, 6, 60, seed=3) * heard[:, None]
    audio[0, :, 20:] = audio[0, :, 20:] + 4 * seen[0, :1, :40]  # twenty points late: beyond the delays looked at
    audio[0, 0, 7:] += 6 * seen[0, 0, :53]  # seven points late
    track = heard.clone()
    track[0, 55:] = 0
    blank = torch.zeros(3, 1)
    return SpeechView(
        blank,
        blank,
        present,
        heard,
        track,
        voice,
        voice * present,
        seen,
        audio,
        torch.zeros(3, 2, 60),
        torch.zeros(3, 20, 60),
        VideoSpeech(torch.zeros(3, 1, 2, 60), torch.zeros(3, 1, 20, 60), *(torch.zeros(3, 1, 60) for _ in range(3))),
    )


def columns(values: Array) -> Array:
    """Means of the seven groups of delays, ``[..., 31]`` to ``[..., 7]``."""
    return np.stack([values[..., part].mean(-1) for part in COLUMNS], -1)


def highest(values: Array) -> Array:
    return np.stack([values[..., part].max(-1) for part in COLUMNS], -1)


def seen_from(curve: Array, place: int) -> Array:
    """The curve with ``place`` in the middle; beyond its ends its mean."""
    at = place + DELAYS
    return np.array([curve[k] if 0 <= k < 31 else curve.mean() for k in at])


def softmax(values: Array) -> Array:
    raised = np.exp(values - values.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def of_rows(values: Array) -> Array:
    """``[K, 7]`` known per row, in 49 cells."""
    return np.repeat(values[..., None], 7, -1).reshape(-1, 49)


def of_columns(values: Array) -> Array:
    return np.tile(values, (1, 7))


def of_clip(values: Array) -> Array:
    return np.repeat(values[:, None], 49, 1)


# -- audio_visual_correlation ------------------------------------------------------------------------------------------


def correlated(seen: Array, audio: Array, weight: Array) -> Array:
    """Weighted correlation of the mouth at t with the audio at t + d, for each pair of signals: ``[V, A, 31]``."""
    count, found = len(weight), np.zeros((len(seen), len(audio), 31))
    for number, delay in enumerate(DELAYS):
        here = np.array([t for t in range(count) if 0 <= t + delay < count])
        w, a, b = weight[here], seen[:, here], audio[:, here + delay]
        total = w.sum() + 1e-6
        a, b = a - (a * w).sum(1, keepdims=True) / total, b - (b * w).sum(1, keepdims=True) / total
        own, its = (a**2 * w).sum(1) + 1e-3, (b**2 * w).sum(1) + 1e-3
        found[:, :, number] = (a * w) @ b.T / np.sqrt(np.outer(own, its))
    return found


def test_a_signal_delayed_is_0_beyond_its_ends() -> None:
    windows, inside = delayed(torch.arange(1.0, 61))
    assert windows[:, 30].tolist() == list(range(16, 47))
    assert windows[0].tolist() == [0] * 15 + list(range(1, 46))
    assert torch.equal(windows > 0, inside == 1)


def test_correlation_at_each_delay_by_its_definition() -> None:
    view = speech()
    weight = view.present * random(3, 60, seed=9)
    found = lagged_correlation(view.seen, view.audio, weight)
    for b in range(3):
        near(found[b], correlated(*(np64(part[b]) for part in (view.seen, view.audio, weight))))
    none = lagged_correlation(view.seen, view.audio, torch.zeros(3, 60))
    assert none.abs().max() == 0  # and not a division by zero


@pytest.mark.parametrize("invariant", [False, True])
def test_correlation_is_told_of_each_segment_and_of_the_clip(invariant: bool) -> None:
    view = speech()
    found = AudioVisualCorrelationCue(18, invariant=invariant).describe(view)
    for b in range(2):
        seen, audio, voice = np64(view.seen[b]), np64(view.audio[b]), np64(view.voice[b])
        weight = np64(view.present[b]) * voice.max()
        whole = correlated(seen, audio, weight).reshape(24, 31)
        rows = np.zeros((24, 7, 31))
        for number, start in enumerate(STARTS):
            part = np.where((np.arange(60) >= start) & (np.arange(60) < start + 24), weight, 0)
            rows[:, number] = correlated(seen, audio, part).reshape(24, 31)
        if invariant:
            place = int(whole.mean(0).argmax())
            whole = np.stack([seen_from(curve, place) for curve in whole])
            rows = np.stack([[seen_from(curve, place) for curve in pair] for pair in rows])
        total = whole.mean(0)
        place, peak, sharp = int(total.argmax()), total.max(), softmax(20 * total)
        share = [weight[start : start + 24].mean() for start in STARTS]
        clip = [(place - 15) / 15, abs(place - 15) / 15, peak - np.median(total), (sharp * DELAYS).sum() / 15]
        above = highest(whole) - whole.mean(1, keepdims=True)
        parts = [columns(rows).reshape(24, 49), of_columns(np.concatenate([columns(whole), highest(whole), above]))]
        parts += [
            of_rows(np.array([share])),
            of_columns(columns(sharp)[None]),
            of_clip(np.array([*clip, peak - total[15]])),
        ]
        near(found[b, :103], np.concatenate(parts), 2e-3)
    assert found[2, :24].abs().max() == 0  # no voice: nothing is weighed


# -- lip_sync ----------------------------------------------------------------------------------------------------------


def alike() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Similarities of three clips (one late by six, one of noise, one unweighted), where they lie within, the token's,
    and weights.
    """
    vectors = torch.randn(3, 90, 8, generator=torch.Generator().manual_seed(0))
    vectors = torch.nn.functional.normalize(vectors, dim=-1)
    noise = torch.nn.functional.normalize(vectors[:, :60] + 0.4 * random(3, 60, 8, seed=2), dim=-1)
    noise[1] = torch.nn.functional.normalize(random(60, 8, seed=3) - 0.5, dim=-1)
    found, inside = similarities(vectors[:, 6:66], noise)
    weight = (random(3, 60, seed=4) < 0.3).float()
    weight[1, 10:50], weight[2] = 0, 0
    return found, inside, random(3, 60, seed=5) - 0.5, weight


def curve_of(found: Array, inside: Array, weight: Array) -> Array:
    each = inside * weight[:, None]
    return (found * each).sum(0) / (each.sum(0) + 1e-4)


def test_similarities_are_cosines_and_a_curve_their_weighted_mean() -> None:
    found, inside, _, weight = alike()
    at = np.arange(60)[:, None] + DELAYS
    np.testing.assert_array_equal(inside, ((at >= 0) & (at < 60)).astype(float))
    for b in range(3):
        near(
            delay_curve(found, inside, 0.01 * weight)[b], curve_of(np64(found[b]), np64(inside), 0.01 * np64(weight[b]))
        )
    assert found[:, 0, :15].abs().max() == 0


@pytest.mark.parametrize("invariant", [False, True])
def test_what_is_told_of_similarities(invariant: bool) -> None:
    found, inside, token, weight = alike()
    cue = LipSyncCue(18, invariant=invariant)
    told = cue.describe(found, inside, token, weight).detach()
    for b in range(3):
        each, within, w = np64(found[b]), np64(inside), np64(weight[b])
        curve = curve_of(each, within, w)
        place = int(curve.argmax())
        if invariant:
            each, curve = np.stack([seen_from(row, place) for row in each]), seen_from(curve, place)
            place = 15
        rows = np.stack([curve_of(*(part[s : s + 24] for part in (each, within, w))) for s in STARTS])
        share, own, single = softmax(20 * rows), softmax(40 * curve), softmax(10 * curve)
        drift = (share * DELAYS).sum(1) - (own * DELAYS).sum()
        summary = [
            -(share * np.log(share + 1e-9)).sum(1) / math.log(31),
            rows.max(1),
            rows[:, 15],
            rows.max(1) - np.median(rows, 1),
            drift / 15,
            np.array([np64(token[b])[s : s + 24].mean() for s in STARTS]),
            np.array([w[s : s + 24].mean() for s in STARTS]),
        ]
        rolled = seen_from(curve, place)
        clip = [(place - 15) / 15, abs(place - 15) / 15, (own * DELAYS).sum() / 15, curve.max() - np.median(curve)]
        clip += [curve.max() - curve[15], -(own * np.log(own + 1e-9)).sum() / math.log(31), drift.std(ddof=1) / 15]
        whole = [columns(curve), highest(curve) - curve.mean(), columns(own), columns(single), columns(rolled)]
        local = [columns(share), columns(np.stack([seen_from(row, place) for row in share]))]
        parts = [np.stack(local).reshape(2, 49), of_rows(np.stack(summary)), of_columns(np.stack(whole))]
        near(told[b], np.concatenate([*parts, of_clip(np.array(clip))]), 2e-3)


def test_the_loss_is_of_windows_that_have_all_candidates_and_of_each_clips_curve() -> None:
    found, inside, _, weight = alike()
    scale, windows, curves = 7.0, [], []
    for b in range(3):
        each, within, w = np64(found[b]), np64(inside), np64(weight[b])
        whole = [t for t in range(60) if within[t].all() and w[t] > 0]
        windows += [-math.log(softmax(scale * each[t])[15]) for t in whole]
        curves += [-math.log(softmax(4 * scale * curve_of(each, within, w))[15])] if whole else []
    expected = np.mean(windows) + np.mean(curves)
    assert len(curves) == 1  # the second clip's points lack candidates, the third has no weight
    assert contrastive_loss(found, inside, weight, torch.tensor(scale)).item() == pytest.approx(expected, rel=1e-4)
    silent = contrastive_loss(found, inside, torch.zeros(3, 60), torch.tensor(scale))
    assert silent.item() == 0


def test_the_temperature_stays_between_1_and_a_hundredth() -> None:
    cue = LipSyncCue(18)
    for value, expected in ((-1.0, 1.0), (math.log(10.0), 10.0), (9.0, 100.0)):
        torch.nn.init.constant_(cue.towers.log_scale, value)
        assert cue.scale.item() == pytest.approx(expected, rel=1e-5)
    assert LipSyncCue(18).scale.item() == pytest.approx(10.0)


def test_the_towers_give_unit_vectors_and_the_token_where_nothing_is_heard() -> None:
    torch.manual_seed(0)
    towers, heard = LipSyncCue(18).towers, torch.ones(2, 60)
    heard[1, :30] = 0
    seen, voice = towers(random(2, 60, 144), random(2, 20, 240), heard)
    for part in (seen, voice):
        torch.testing.assert_close(part.norm(dim=-1), torch.ones(2, 60))
    token = towers.no_audio / towers.no_audio.norm()
    torch.testing.assert_close(voice[1, :30], token.expand(30, -1))
    assert (voice[1, 30:] @ token).max() < 0.99
    assert LipSyncCue(18).towers.no_audio.norm().item() == pytest.approx(1, abs=0.3)


# -- speech_patterns ---------------------------------------------------------------------------------------------------


def spectrum(signal: Array) -> Array:
    window = np.sin(np.pi * np.arange(len(signal)) / len(signal)) ** 2
    return np.fft.rfft((signal - signal.mean()) * window)


def by_rhythm(power: Array, length: int) -> Array:
    """Means over the frequencies of each rhythm; 0 of none."""
    hertz = np.arange(len(power)) * 25 / length
    picked = [power[(hertz >= low) & (hertz < high)] for low, high in RHYTHMS]
    return np.array([part.mean() if len(part) else 0 for part in picked])


def modulated(signal: Array) -> Array:
    return np.log(by_rhythm(np.abs(spectrum(signal)) ** 2 / len(signal), len(signal)) + 1e-4)


def coherent(first: Array, second: Array) -> Array:
    a, b = (np.stack([spectrum(part[s : s + 24]) for s in STARTS]) for part in (first, second))
    cross = np.abs((a * b.conj()).mean(0)) ** 2
    powers = (np.abs(a) ** 2).mean(0) * (np.abs(b) ** 2).mean(0)
    return by_rhythm(cross, 24) / (by_rhythm(powers, 24) + 1e-4)


def test_modulation_and_coherence_by_their_definition() -> None:
    first, second = 0.3 * random(60), 0.3 * random(60, seed=1)
    near(modulation(first), modulated(np64(first)))
    near(modulation(first[:24]), modulated(np64(first[:24])))
    near(coherence(first[None], second[None])[0], coherent(np64(first), np64(second)))


def test_patterns_are_told_of_each_segment_and_of_the_clip() -> None:
    view = speech()
    found = SpeechPatternsCue.describe(view)
    for b in range(3):
        darkness, gradients, moving, _ = np64(view.seen[b])
        level, onset = np64(view.audio[b])[[0, -1]]
        voice, heard, track = np64(view.voice[b]), np64(view.audio_present[b]), np64(view.track[b])
        signals = (darkness, moving, level, onset)
        local = np.stack([[modulated(signal[s : s + 24]) for s in STARTS] for signal in signals])
        whole = np.stack([modulated(signal) for signal in signals])
        shared = np.stack([coherent(level, signal) for signal in (darkness, gradients, moving)])
        parts = [slice(s, s + 24) for s in STARTS]
        rows = [
            [voice[p].sum() / max(heard[p].sum(), 1) for p in parts],
            *([signal[p].mean() for p in parts] for signal in (onset, level, moving)),
            [darkness[p].std(ddof=1) for p in parts],
        ]
        clip = [voice.sum() / max(heard.sum(), 1), track.mean(), np64(view.present[b]).mean(), track.max()]
        clip += [5 * moving.std(ddof=1), level.std(ddof=1), gradients.std(ddof=1), onset.max()]
        broad = np.concatenate([whole, whole - whole.mean(1, keepdims=True), shared])
        expected = [local.reshape(4, 49), of_rows(np.array(rows)), of_columns(broad), of_clip(np.array(clip))]
        near(found[b], np.concatenate(expected), 2e-3)


def test_a_curve_is_moved_by_whole_delays() -> None:
    curves, places = random(5, 31), torch.tensor([0, 7, 15, 22, 30])
    near(aligned(curves, places), np.stack([seen_from(np64(curves[n]), int(places[n])) for n in range(5)]), 1e-5)
