"""Openings of lips and jaw as a voice lets one expect them, and how well those that were seen agree.

A ridge regression from a voice's mel bands to the openings that dense landmarks give. A minute of real speech is enough
for it; windows of 5 s and more, or several clips of a video together, are needed to judge by it, because few syllables
tell one voice from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from dfcore.data.clips import SPEECH_RATE
from dfcore.data.views.speech import mel_spectrum

__all__ = [
    "BANDS",
    "CONTEXT",
    "EXPECTED",
    "FLOOR",
    "FOREIGN",
    "LAGS_SEEN",
    "LAGS_TOLD",
    "LEVEL",
    "SLOW",
    "UNUSUAL",
    "USUAL",
    "WHITENED",
    "Fit",
    "VoiceModel",
    "fit",
    "judge",
    "judge_together",
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
WHITENED = 0.5
"""How much of each point's value is taken from the next before series are compared. Both change slowly, so that
neighbouring points say nearly the same; a series less some of itself one point earlier has more independent points.
"""
LEVEL = 0.25
"""What the correlation with the voice's level counts beside that with the expected openings."""
RIDGE = 1000.0
"""Added to the diagonal of the normal equations; these, lag and level were chosen on ten people."""
FLOOR = -9.0
"""Log mel power below which all is silence."""
FOREIGN = 0.2
"""A score about midway between foreign voices' and own ones' of some seconds."""
SLOW = 51
"""Points over which an opening is averaged: what is slower is a head that turns."""

_OWN = Path(__file__).with_name("voice_openings.safetensors")

Floats = NDArray[np.floating]
Clip = tuple[Floats, NDArray[np.bool_], Floats]
"""Openings ``[n, 4]``, present ``[n]`` and bands ``[n, 20]`` on one clock."""
_Prepared = tuple[Floats, NDArray[np.bool_], Floats]
"""What :func:`_openings` gives ``[n, 2]``, present ``[n]``, and what :func:`_inputs` gives ``[n, 181]``."""


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
    at which it fits best of ``LAGS_TOLD``, above 0 for audio that comes late; and of how many ``seconds``.
    """

    score: float
    lag: int
    seconds: float

    @property
    def evidence(self) -> float:
        """How much speaks for the voice: the score above what foreign voices have, times seconds. By this, clips of
        different lengths are compared: of a short one neither a high score nor a low one says much.
        """
        return (self.score - FOREIGN) * self.seconds


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


def _whitened(series: Floats) -> Floats:
    """Each point less some of the one before; the first is 0."""
    found = np.zeros_like(series)
    found[1:] = series[1:] - WHITENED * series[:-1]
    return found


def _products(seen: Floats, audio: Floats, weight: Floats) -> NDArray[np.float64]:
    """Of each column, over the weighted rows: the sum of products about the means, both sums of squares, and how many
    rows there are, ``[4, V]``.
    """
    w = weight[:, None] / max(float(weight.sum()), 1e-9)
    a, b = seen - (seen * w).sum(0), audio - (audio * w).sum(0)
    total = np.full(seen.shape[1], weight.sum())
    return np.stack([(a * b * w).sum(0) * total, (a * a * w).sum(0) * total, (b * b * w).sum(0) * total, total])


def fit(clips: Sequence[Clip], *, align: bool = True, rounds: int = 3) -> VoiceModel:
    """Learn from genuine clips. With ``align`` each is moved by its own lag, found by what was learnt so far."""
    prepared = [_prepared(*clip) for clip in clips]
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
            lags = [LAGS_SEEN[int(_scores(_sums(weights, one, LAGS_SEEN), LAGS_SEEN).argmax())] for one in prepared]
    return VoiceModel(np.asarray(weights, np.float64))


def _sums(weights: Floats, one: _Prepared, lags: Sequence[int]) -> NDArray[np.float64]:
    """What each lag's correlations are made of, with what is expected and with the level: ``[L, 2, 4, V]``. Those of
    several clips may be added.
    """
    openings, present, inputs = one
    level = _whitened(inputs[:, CONTEXT : -1 : 2 * CONTEXT + 1].mean(1, keepdims=True))
    voices = _whitened(inputs @ weights), np.repeat(level, len(EXPECTED), 1)
    seen = _whitened(openings)
    follows = (present & np.concatenate([[False], present[:-1]])).astype(float)
    found = []
    for lag in lags:
        mouth, voice = _moved(len(openings), lag)
        found.append([_products(seen[mouth], audio[voice], follows[mouth]) for audio in voices])
    return np.array(found)


def _scores(sums: NDArray[np.float64], lags: Sequence[int]) -> NDArray[np.float64]:
    """The score at each lag."""
    both, own, its = np.moveaxis(sums[:, :, :3] / np.maximum(sums[:, :, 3:], 1e-9), 2, 0)
    by_model, by_level = (both / np.sqrt(own * its + 1e-9)).mean(-1).T
    unusual = UNUSUAL * np.abs(np.array(lags) - USUAL)
    return np.asarray((by_model + LEVEL * by_level) / (1 + LEVEL) - unusual)


def judge(model: VoiceModel, opened: Floats, present: NDArray[np.bool_], bands: Floats) -> Fit:
    """How well a mouth's openings ``[n, 4]`` fit a voice's bands ``[n, 20]``."""
    return judge_together(model, [(opened, present, bands)])


def judge_together(model: VoiceModel, clips: Sequence[Clip]) -> Fit:
    """How well a mouth fits a voice in several clips of one video, pooled lag by lag. Their order does not matter."""
    total = sum(_sums(model.weights, _prepared(*clip), LAGS_TOLD) for clip in clips)
    scores = _scores(np.asarray(total), LAGS_TOLD)
    seen = scores[LAGS_SEEN[0] - LAGS_TOLD[0] : LAGS_SEEN[-1] - LAGS_TOLD[0] + 1]
    seconds = sum(len(opened) for opened, _, _ in clips) / SPEECH_RATE
    return Fit(float(seen.max()), LAGS_TOLD[int(scores.argmax())], seconds)


def _prepared(opened: Floats, present: NDArray[np.bool_], bands: Floats) -> _Prepared:
    return _openings(opened, present), present, _inputs(bands)
