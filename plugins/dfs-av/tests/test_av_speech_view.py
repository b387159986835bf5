"""What the cues read of a sample, against its definition written out in NumPy and double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfs_av import speech_view
from dfs_av.speech_view import (
    VideoSpeech,
    after_onset,
    at_points,
    audio_signals,
    cepstra,
    decibels,
    mouth_shapes,
    mouth_signals,
    over_clips,
    read_speech,
    read_video,
    voice_weight,
)

Array = NDArray[np.float64]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def np64(values: Tensor) -> Array:
    return values.double().numpy()


def near(found: Tensor, expected: Array, tolerance: float = 1e-3) -> None:
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def views() -> dict[str, Tensor]:
    """Two clips: one that begins with silence, one whose mouth is away for a while and whose voice pauses."""
    mouth = (60 + 120 * random(2, 60, 96, 96)).byte()
    mouth[:, :, 30:70, 30:66] //= 3
    present, heard = torch.ones(2, 60), torch.ones(2, 60)
    present[1, 20:31], heard[1, 45:] = 0, 0
    mel = torch.log(1e-5 + 3 * random(2, 80, 240, seed=1) ** 4)
    mel[0, :, :70] -= 12
    mel[1, 20:, 100:140] -= 30
    mel[1, :20, 100:140] -= 6
    return {
        "mouth": mouth,
        "present": present,
        "mel": mel,
        "audio_present": heard,
        "openings": 0.3 * random(2, 60, 4, seed=5),
    }


def in_db(powers: Array) -> Array:
    return np.maximum(10 * np.log10(powers / 38400), -60)


def pooled(columns: Array) -> Array:
    """Trapezoids of five columns about every fourth one, the ends repeated."""
    padded = np.pad(columns, [(0, 0)] * (columns.ndim - 1) + [(2, 2)], mode="edge")
    ends = np.array([0.5, 1, 1, 1, 0.5]) / 4
    return np.stack([(padded[..., 4 * k : 4 * k + 5] * ends).sum(-1) for k in range(60)], -1)


def heard_signals(mel: Array, heard: Array) -> Array:
    """Level, four bands, onset, in tens of dB: ``[6, 60]``."""
    power = np.exp(mel)
    level = pooled(in_db(power.sum(0))) / 10
    bands = [pooled(in_db(power[low : low + 20].sum(0))) / 10 for low in (0, 20, 40, 60)]
    onset = np.zeros(60)
    for k in range(1, 60):
        onset[k] = max(level[k] - level[k - 1], 0) * heard[k - 1]
    return np.stack([level, *bands, onset]) * heard


def test_levels_bands_and_onsets_by_their_definition() -> None:
    given = views()
    mel, heard = given["mel"], given["audio_present"]
    near(decibels(mel), 10 * np.log10(np.exp(np64(mel)).sum(1) / 38400))
    near(at_points(mel), pooled(np64(mel)))
    for b in range(2):
        near(audio_signals(mel, heard)[b], heard_signals(np64(mel[b]), np64(heard[b])))
        loud = pooled(in_db(np.exp(np64(mel[b])).sum(0))) > -45
        near(voice_weight(mel, heard)[b], loud * np64(heard[b]))
    assert voice_weight(mel, heard).sum() > 40
    with_gaps = heard.clone()
    with_gaps[0, 30:33] = 0
    near(audio_signals(mel, with_gaps)[0], heard_signals(np64(mel[0]), np64(with_gaps[0])))


def test_a_voice_has_begun_behind_its_first_point() -> None:
    voice = torch.zeros(3, 60)
    voice[0, [7, 20]], voice[1, 0] = 1, 1
    begun = after_onset(voice)
    assert begun[0].tolist() == [0] * 8 + [1] * 52
    assert begun[1].tolist() == [0] + [1] * 59
    assert begun[2].tolist() == [1] * 60


def test_a_mouths_signals_are_of_its_middle_and_chin() -> None:
    luma = 2 * random(2, 60, 32, 32) - 1.2
    present = views()["present"]
    found = mouth_signals(luma, present)
    for b in range(2):
        one = np64(luma[b])
        middle, change = one[:, 8:26, 6:26], np.abs(np.diff(one, axis=0))
        signals = [np.maximum(-middle - 0.5, 0).mean((1, 2)), np.abs(np.diff(middle, axis=1)).mean((1, 2))]
        for rows in (slice(8, 24), slice(22, 32)):
            signals.append(np.concatenate([[0], change[:, rows, 6:26].mean((1, 2))]))
        near(found[b], np.stack(signals) * np64(present[b]), 1e-5)


def waves(length: int, count: int) -> Array:
    number = np.arange(count)[:, None]
    scale = np.sqrt(np.where(number == 0, 1, 2) / length)
    return scale * np.cos(np.pi * number * (np.arange(length) + 0.5) / length)


def without_mean(values: Array, weight: Array) -> Array:
    """``[N, K]`` minus its mean over the weighted places, 0 at the others."""
    return (values - (values * weight[:, None]).sum(0) / max(weight.sum(), 1)) * weight[:, None]


def shapes_of(luma: Array, present: Array) -> Array:
    return without_mean(
        np.einsum("va,tab,ub->tvu", waves(32, 12), luma, waves(32, 12)).reshape(60, 144) * 2 / 3, present
    )


def cepstra_of(mel: Array, heard: Array) -> Array:
    lifted = waves(80, 20) * (1 + np.arange(20))[:, None] / 20
    return without_mean((lifted @ np.maximum(mel, np.log(1e-4))).T, np.repeat(heard, 4)).T


def bands_of_mel(mel: Array, heard: Array) -> Array:
    powers = np.pad(np.exp(mel).reshape(20, 4, 240).sum(1), ((0, 0), (2, 2)), "edge")
    about = np.stack([powers[:, 4 * k : 4 * k + 5].mean(1) for k in range(60)])
    return without_mean(np.log(np.maximum(about, np.exp(-9))), heard).T


def openings_of(openings: Array, present: Array) -> Array:
    """The two between the lips, without their means over the two seconds about each point."""
    kept = openings[:, [0, 3]]
    near_by = [present * (np.abs(np.arange(60) - k) <= 25) for k in range(60)]
    slow = np.stack([(kept * held[:, None]).sum(0) / held.sum() for held in near_by])
    fast = (kept - slow) * present[:, None]
    return (fast / (np.sqrt((fast**2).sum(0) / present.sum()) + 1e-3)).T


def video_of(given: dict[str, Tensor]) -> VideoSpeech:
    """Of videos that have one clip alone."""
    return read_video(*(given[name][:, None] for name in ("present", "mel", "audio_present", "openings")))


@pytest.mark.parametrize("clip", [0, 1])
def test_a_sample_is_read_by_its_definition(clip: int) -> None:
    given = views()
    read = read_speech(*given.values(), video_of(given))
    mouth, present, mel, track = (np64(given[name][clip]) for name in ("mouth", "present", "mel", "audio_present"))
    luma = mouth.reshape(60, 32, 3, 32, 3).mean((2, 4))
    luma = (luma - luma.mean()) / (luma.std() + 1)
    loud = (pooled(in_db(np.exp(mel).sum(0))) > -45) * track
    first = int(np.flatnonzero(loud)[0])
    heard = track * (np.arange(60) > first)
    near(read.track[clip], track)
    near(read.audio_present[clip], heard)
    near(read.present[clip], present)
    near(read.voice[clip], loud * heard)
    near(read.weight[clip], loud * heard * present)
    near(read.audio[clip], heard_signals(mel, heard))
    near(read.shapes[clip], shapes_of(luma, present))
    near(read.cepstra[clip], cepstra_of(mel, heard), 2e-3)
    near(read.bands[clip], bands_of_mel(mel, heard), 2e-3)
    near(read.openings[clip], openings_of(np64(given["openings"][clip]), present))
    near(read.video.bands[clip, 0], np64(read.bands[clip]))
    near(read.video.openings[clip, 0], np64(read.openings[clip]))
    near(read.video.heard[clip, 0], heard)
    near(read.video.voice[clip, 0], loud * heard)
    near(read.video.present[clip, 0], present)
    near(read.seen[clip], np64(mouth_signals(torch.from_numpy(luma)[None], torch.from_numpy(present)[None]))[0])


def test_flat_and_absent_mouths_and_no_audio_are_zeros() -> None:
    given = views()
    flat = read_speech(torch.full_like(given["mouth"], 200), *list(given.values())[1:], video_of(given))
    assert flat.shapes.abs().max() == 0
    none = torch.zeros(2, 60)
    assert mouth_shapes(random(2, 60, 32, 32), none).abs().max() == 0
    assert cepstra(given["mel"], none).abs().max() == 0
    faint = torch.zeros(1, 60)
    faint[0, 4] = 0.25  # a weight below 1: the mean is not blown up
    found = mouth_shapes(random(1, 60, 32, 32), faint)[0]
    near(found, shapes_of(np64(random(1, 60, 32, 32))[0], np64(faint[0])), 1e-4)


@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("held", [[[1, 0, 1], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]])
def test_clips_that_are_not_held_are_0_and_alter_nothing(
    held: list[list[int]], compiling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_view, "is_compiling", lambda: compiling)
    views, mask = random(2, 3, 5), torch.tensor(held) > 0
    twice, sums = over_clips(mask, lambda one: (2 * one, one.sum(-1)), views)
    assert torch.equal(twice, 2 * views * mask[:, :, None])
    assert torch.equal(sums, views.sum(-1) * mask)
