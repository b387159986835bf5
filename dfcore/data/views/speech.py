"""Views of a clip's speech: the mouth, the voice, and where there is either."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfcore.data.clips import MOUTH_SIDE, SPEECH_RATE, Speech
from dfcore.data.views.augment import Draw
from dfcore.data.views.lattice import Lattice
from dfcore.data.views.upright import UprightFrames
from dfcore.errors import StoreError

__all__ = [
    "COLUMNS",
    "FLOOR",
    "MELS",
    "POINTS",
    "audio_present",
    "log_mel",
    "mel_spectrum",
    "middle_speech",
    "mouth",
    "mouth_present",
]

POINTS = 60
"""Points of the views: 2.4 seconds. Of longer speech the middle is read."""
MELS = 80
COLUMNS = 4
"""Columns of the log-mel spectrum per point."""
FLOOR = 1e-6
"""Least mel power: a spectrum of silence is log(1e-6) throughout."""
_RATE = 16000
_FFT, _WINDOW, _HOP = 512, 400, 160


def mouth(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """The mouth: uint8 ``[60, 96, 96]``; 0 for a clip without speech."""
    speech = middle_speech(upright, mouth=True)
    if speech is None:
        return torch.zeros(POINTS, MOUTH_SIDE, MOUTH_SIDE, dtype=torch.uint8)
    images = torch.from_numpy(np.array(speech.mouth))
    return images.flip(-1) if upright.flip else images


def mouth_present(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """Where the mouth image is a frame of this person: float32 ``[60]``, 1 or 0."""
    speech = middle_speech(upright)
    return torch.zeros(POINTS) if speech is None else torch.from_numpy(speech.present.astype(np.float32))


def log_mel(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """The audio's log-mel spectrum: float32 ``[80, 240]``; column m is centred at point m / 4."""
    speech = middle_speech(upright)
    if speech is None or speech.audio is None:
        return torch.full((MELS, POINTS * COLUMNS), float(np.log(FLOOR)))
    return torch.from_numpy(mel_spectrum(speech.audio))


def audio_present(upright: UprightFrames, _: Lattice, __: Draw, ___: int) -> Tensor:
    """Where there is audio at all: float32 ``[60]``, 0 without a audio track, beyond its ends and where it is exactly 0
    for the 40 ms about a point.
    """
    speech = middle_speech(upright)
    if speech is None or speech.audio is None:
        return torch.zeros(POINTS)
    half = _RATE // SPEECH_RATE // 2
    padded = np.pad(speech.audio != 0, (half, half))[: POINTS * 2 * half]
    return torch.from_numpy(padded.reshape(POINTS, -1).any(axis=1).astype(np.float32))


def mel_spectrum(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Natural log of the mel power of 16 kHz audio ``[160 n]``: float32 ``[80, n]``, column m centred at m * 10 ms.

    Hann windows of 25 ms, an FFT of 512, triangles on the mel scale of O'Shaughnessy (2595 log10(1 + f / 700)) from 0
    to 8 kHz that sum to 1 at every frequency; so the sum of a column's powers is 38400 times the mean square of the
    windowed signal (half of 512 times the window's energy), whatever its spectrum.
    """
    signal = np.pad(samples.astype(np.float32) / 32768, (_WINDOW // 2, _WINDOW // 2))
    windows = torch.from_numpy(signal).unfold(0, _WINDOW, _HOP)[: -(-len(samples) // _HOP)] * _hann()
    spectrum = torch.fft.rfft(windows, _FFT, dim=1)  # torch's is several times as fast as numpy's
    power = (spectrum.real.square() + spectrum.imag.square()).numpy()
    return np.log(np.maximum(_triangles() @ power.T, np.float32(FLOOR)))  # numpy's product, which autocast leaves alone


@lru_cache(maxsize=1)
def _hann() -> Tensor:
    return (0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(_WINDOW, dtype=torch.float64) / _WINDOW)).float()


@lru_cache(maxsize=1)
def _triangles() -> NDArray[np.float32]:
    """``[80, 257]``."""
    hertz = np.arange(_FFT // 2 + 1) * _RATE / _FFT
    place = 2595 * np.log10(1 + hertz / 700)
    step = place[-1] / (MELS + 1)
    weights = np.clip(1 - np.abs(place / step - np.arange(1, MELS + 1)[:, None]), 0, 1)
    weights[0, place < step], weights[-1, place > MELS * step] = 1, 1  # the outermost reach to the ends
    return np.asarray(weights, np.float32)


def middle_speech(upright: UprightFrames, *, mouth: bool = False) -> Speech | None:
    """The middle 60 points of the clip's speech, with the images of the mouth or without; or None.

    Raises:
        StoreError: it has fewer.
    """
    found = upright.access.speech(mouth=mouth)
    if found is None or len(found.present) == POINTS:
        return found
    extra = len(found.present) - POINTS
    if extra < 0:
        raise StoreError(
            f"{upright.access.source.video}: its clips hold {len(found.present) / SPEECH_RATE} s of speech; "
            f"{POINTS / SPEECH_RATE} s are needed. Prepare it again with `dfcore prepare`."
        )
    part, step = slice(extra // 2, extra // 2 + POINTS), _RATE // SPEECH_RATE
    audio = None if found.audio is None else found.audio[part.start * step : part.stop * step]
    dense = None if found.landmarks is None else found.landmarks[part]
    start = found.start + part.start / SPEECH_RATE
    return Speech(found.mouth[part], found.present[part], start, audio, dense)  # openings are kept of 60 points alone
