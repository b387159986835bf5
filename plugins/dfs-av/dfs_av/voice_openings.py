"""Openings of lips and jaw as a voice lets one expect them, and how well those that were seen agree.

A ridge regression from a voice's mel bands to the openings that dense landmarks give. A minute of real speech is enough
for it; windows of 8 s and more, or whole clips, are needed to judge by it, because few syllables tell one voice from
another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from dfcore.data.views.speech import mel_spectrum

__all__ = [
    "BANDS",
    "CONTEXT",
    "EXPECTED",
    "FLOOR",
    "LAGS_SEEN",
    "LAGS_TOLD",
    "LEVEL",
    "SLOW",
    "UNUSUAL",
    "USUAL",
    "Fit",
    "VoiceModel",
    "fit",
    "judge",
    "own_model",
    "voice_bands",
    "write_model",
]

BANDS = 20
CONTEXT = 4
"""Points of 40 ms to either side that the expectation is made of."""
EXPECTED = (0, 3)
"""Which of the openings are expected: those between the inner and between the outer lips. The jaw's is too noisy."""
LAGS_SEEN = tuple(range(-3, 9))
"""Lags of the audio, in points, that genuine clips are seen at: cameras and encoders are seldom exact."""
LAGS_TOLD = tuple(range(-15, 16))
"""Lags that are looked at to tell the audio's: 0.6 s to either side. A score is of those in ``LAGS_SEEN`` alone."""
USUAL, UNUSUAL = 1.5, 0.02
"""The lag, in points, that genuine clips have most, and what a fit's score loses for each point away from it."""
LEVEL = 0.25
"""What the correlation with the voice's level counts beside that with the expected openings."""
RIDGE = 1000.0
"""Added to the diagonal of the normal equations; these, lag and level were chosen on ten people."""
FLOOR = -9.0
"""Log mel power below which all is silence."""
SLOW = 51
"""Points over which an opening is averaged: what is slower is a head that turns."""

_OWN = Path(__file__).with_name("voice_openings.safetensors")

Floats = NDArray[np.floating]
Clip = tuple[Floats, NDArray[np.bool_], Floats]
"""Openings ``[n, 4]``, present ``[n]`` and bands ``[n, 20]`` on one clock."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceModel:
    """``weights`` float64 ``[181, 2]``: from the bands of nine points, and a constant, to the two openings."""

    weights: NDArray[np.float64]


@cache
def own_model() -> VoiceModel:
    """The one that comes with the package; ``NOTICE.md`` says what it was learnt from."""
    return VoiceModel(np.asarray(load_file(_OWN)["weights"], np.float64))


def write_model(model: VoiceModel, place: Path) -> None:
    """Keep a model as :func:`own_model` reads it."""
    save_file({"weights": model.weights.astype(np.float32)}, place)


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mouth fits a voice: ``score``, at most 1, at the best of ``LAGS_SEEN``; and the ``lag`` in points
    at which it fits best of ``LAGS_TOLD``, above 0 for audio that comes late.
    """

    score: float
    lag: int


def voice_bands(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Log power of 20 mel bands of 16 kHz audio ``[640 n]``, the mean over the 40 ms about each point: ``[n, 20]``."""
    mel = np.exp(mel_spectrum(samples)).reshape(BANDS, -1, len(samples) // 160).sum(1)
    padded = np.pad(mel, ((0, 0), (2, 2)), mode="edge")
    about = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1)[:, ::4].mean(-1)
    return np.log(np.maximum(about, np.exp(FLOOR))).T.astype(np.float32)


def _inputs(bands: Floats) -> NDArray[np.float64]:
    """``[n, 181]``: nine points of bands, each clip without its own mean, and 1."""
    level = bands - bands.mean(0)
    padded = np.pad(level, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * CONTEXT + 1, axis=0)
    flat = windows.reshape(len(bands), -1).astype(np.float64)
    return np.concatenate([flat, np.ones((len(bands), 1))], axis=1)


def _openings(opened: Floats, present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The openings without what is slower than 2 s (a head that turns), at deviation 1: ``[n, 2]``; 0 where absent."""
    chosen = opened[:, list(EXPECTED)].astype(np.float64)
    chosen = np.where(present[:, None], chosen, np.nan)
    kernel = np.ones(min(SLOW, len(opened) - 1 + len(opened) % 2))
    held = np.isfinite(chosen[:, 0]).astype(float)
    total = np.convolve(held, kernel, "same")
    slow = np.stack([np.convolve(np.nan_to_num(c), kernel, "same") / np.maximum(total, 1) for c in chosen.T], 1)
    fast = np.nan_to_num(chosen - slow)
    return fast / (np.sqrt((fast**2).sum(0) / max(held.sum(), 1)) + 1e-3)


def _moved(count: int, lag: int) -> tuple[slice, slice]:
    """Rows of the mouth and of a voice that comes ``lag`` points late."""
    return slice(max(0, -lag), count - max(0, lag)), slice(max(0, lag), count - max(0, -lag))


def _correlation(seen: Floats, expected: Floats, weight: Floats) -> NDArray[np.float64]:
    """Of each column, over the weighted rows."""
    w = weight[:, None] / max(float(weight.sum()), 1e-9)
    a, b = seen - (seen * w).sum(0), expected - (expected * w).sum(0)
    return np.asarray((a * b * w).sum(0) / np.sqrt((a * a * w).sum(0) * (b * b * w).sum(0) + 1e-9))


def fit(clips: Sequence[Clip], *, align: bool = True, rounds: int = 3) -> VoiceModel:
    """Learn from genuine clips. With ``align`` each is moved by its own lag, found by what was learnt so far."""
    prepared = [(_openings(opened, present), present, _inputs(bands)) for opened, present, bands in clips]
    lags = [0] * len(prepared)
    weights: Floats = np.zeros((BANDS * (2 * CONTEXT + 1) + 1, len(EXPECTED)))
    for _ in range(rounds if align else 1):
        gram, cross = np.zeros((len(weights), len(weights))), np.zeros_like(weights)
        for (openings, present, inputs), lag in zip(prepared, lags, strict=True):
            mouth, voice = _moved(len(openings), lag)
            x, y = inputs[voice][present[mouth]], openings[mouth][present[mouth]]
            gram += x.T @ x
            cross += x.T @ y
        weights = np.linalg.solve(gram + RIDGE * np.eye(len(weights)), cross)
        if align:
            lags = [LAGS_SEEN[int(_scores(weights, *one, LAGS_SEEN).argmax())] for one in prepared]
    return VoiceModel(np.asarray(weights, np.float64))


def _scores(
    weights: Floats, openings: Floats, present: NDArray[np.bool_], inputs: Floats, lags: Sequence[int]
) -> NDArray[np.float64]:
    """The score at each lag."""
    expected, level = inputs @ weights, inputs[:, CONTEXT : -1 : 2 * CONTEXT + 1].mean(1, keepdims=True)
    scores = []
    for lag in lags:
        mouth, voice = _moved(len(openings), lag)
        weight = present[mouth].astype(float)
        by_model = _correlation(openings[mouth], expected[voice], weight).mean()
        by_level = _correlation(openings[mouth], np.repeat(level[voice], len(EXPECTED), 1), weight).mean()
        scores.append((by_model + LEVEL * by_level) / (1 + LEVEL) - UNUSUAL * abs(lag - USUAL))
    return np.array(scores)


def judge(model: VoiceModel, opened: Floats, present: NDArray[np.bool_], bands: Floats) -> Fit:
    """How well a mouth's opened ``[n, 4]`` fit a voice's bands ``[n, 20]``."""
    scores = _scores(model.weights, _openings(opened, present), present, _inputs(bands), LAGS_TOLD)
    seen = scores[LAGS_SEEN[0] - LAGS_TOLD[0] : LAGS_SEEN[-1] - LAGS_TOLD[0] + 1]
    return Fit(float(seen.max()), LAGS_TOLD[int(scores.argmax())])
