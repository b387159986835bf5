"""Whether the specialist can judge a clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import SPEECH_RATE, ClipAccess

__all__ = ["GATE", "LEAST_MOUTH", "LEAST_VOICE", "abstain_reason", "voiced_points"]

GATE = -45.0
"""dBFS below which there is no voice."""
LEAST_VOICE = 1.0
"""Seconds of voice without which nothing can be said of its delay."""
LEAST_MOUTH = 0.8
"""Share of the points at which the mouth must be seen."""
_STEP = 16000 // SPEECH_RATE


def abstain_reason(clip: ClipAccess) -> str | None:
    """The reason to abstain, or None: there must be a mouth to see and a voice to hear."""
    speech = clip.speech(mouth=False)
    if speech is None:
        return "no moving mouth: a photo, or a clip that was prepared without speech"
    if speech.present.mean() < LEAST_MOUTH:
        return (
            f"the mouth is in view for {speech.present.mean() * len(speech.present) / SPEECH_RATE:.1f} of "
            f"{len(speech.present) / SPEECH_RATE:.1f} s"
        )
    if speech.audio is None:
        return "the file has no audio"
    seconds = voiced_points(speech.audio).sum() / SPEECH_RATE
    if seconds < LEAST_VOICE:
        return f"{seconds:.2f} s of voice; {LEAST_VOICE:.0f} s are needed"
    return None


def voiced_points(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """For each whole 40 ms of 16 kHz audio, whether its level is above -45 dBFS: bool ``[n // 640]``."""
    pieces = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP).astype(np.float64) / 32768
    level = 10 * np.log10(pieces.var(axis=1) + 1e-12)  # about the mean: a constant offset is no audio
    return np.asarray(level > GATE)
