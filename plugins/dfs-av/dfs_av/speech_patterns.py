"""How voice and mouth are modulated: voice activity, onsets, and the rhythm of syllables (2-8 Hz).

Speech has about four syllables a second, and the mouth opens once for each; both spectra peak there (Chandrasekaran
et al. 2009). A made mouth often moves too little or too smoothly, which shows without audio too (LipForensics).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection
from dfs_av.speech_view import SEGMENT, SpeechView, cells, segments

__all__ = ["RHYTHMS", "SpeechPatternsCue", "coherence", "modulation"]

RHYTHMS = ((1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 5.0), (5.0, 6.5), (6.5, 8.5), (8.5, 12.5))
"""Modulation bands in Hz: the seven columns."""
_RATE = 25
_FLOOR = 1e-4


def _spectra(signals: Tensor) -> Tensor:
    """Complex spectra after mean and Hann window: ``[..., n]`` to ``[..., n // 2 + 1]``."""
    window = torch.hann_window(signals.shape[-1], periodic=True, device=signals.device)
    centred = signals - signals.mean(-1, keepdim=True)
    return torch.fft.rfft(centred * window, dim=-1)


def _pooling(length: int, device: torch.device) -> Tensor:
    """Which share of each frequency of ``length`` points lies in each rhythm: ``[n // 2 + 1, 7]``."""
    hertz = torch.arange(length // 2 + 1, device=device) * _RATE / length
    low, high = torch.tensor(RHYTHMS, device=device).unbind(1)
    inside = ((hertz[:, None] >= low) & (hertz[:, None] < high)).float()
    return inside / inside.sum(0).clamp(min=1)


def modulation(signals: Tensor) -> Tensor:
    """Log mean power of each rhythm: ``[..., n]`` to ``[..., 7]``."""
    power = _spectra(signals).abs().square() / signals.shape[-1]
    return torch.log(power @ _pooling(signals.shape[-1], signals.device) + _FLOOR)


def coherence(first: Tensor, second: Tensor) -> Tensor:
    """Magnitude-squared coherence of two signals in each rhythm, over overlapping segments: ``[B, 60]`` twice to
    ``[B, 7]``, 0..1; it does not change when one is delayed by less than a segment.
    """
    a, b = _spectra(segments(first)), _spectra(segments(second))  # [B, 7, 13]
    pooling = _pooling(SEGMENT, first.device)
    cross = (a * b.conj()).mean(1).abs().square()
    powers = a.abs().square().mean(1) * b.abs().square().mean(1)
    return (cross @ pooling) / (powers @ pooling + _FLOOR)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """How much of ``whole`` is ``part``, over the last axis; 0 of nothing."""
    return part.sum(-1) / whole.sum(-1).clamp(min=1)


class SpeechPatternsCue(nn.Module):
    """The cue ``speech_patterns``: ``[B, channels, 7, 7]``; rows are time segments, columns rhythms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(28, channels)

    def forward(self, speech: SpeechView) -> Tensor:
        """The cue's part of the map."""
        with torch.no_grad():
            features = self.describe(speech)
        out: Tensor = self.projection(features)
        return out

    @staticmethod
    def describe(speech: SpeechView) -> Tensor:
        """The operator alone: ``[B, 28, 49]``: modulation of darkness, motion, level and onsets in the segment and in
        the clip (8 + 4 against their own sum over rhythms), coherence of level with three signals of the mouth;
        per segment voice activity, onsets, mean level, mouth motion and opening's spread; per clip the shares of
        voice (where there is audio), audio and image, and whether there is any audio.
        """
        darkness, gradients, moving, _ = speech.seen.unbind(1)
        level, onset = speech.audio[:, 0], speech.audio[:, -1]
        signals = torch.stack([darkness, moving, level, onset], 1)
        whole = modulation(signals)  # [B, 4, 7]
        local = modulation(segments(signals))  # [B, 4, 7 segments, 7 rhythms]
        relative = whole - whole.mean(-1, keepdim=True)
        shared = torch.stack([coherence(level, signal) for signal in (darkness, gradients, moving)], 1)
        rows = torch.stack(
            [
                _share(segments(speech.voice), segments(speech.audio_present)),
                segments(onset).mean(-1),
                segments(level).mean(-1),
                segments(moving).mean(-1),
                segments(darkness).std(-1),
            ],
            1,
        )
        clip = torch.stack(
            [
                _share(speech.voice, speech.audio_present),
                speech.track.mean(1),
                speech.present.mean(1),
                speech.track.amax(1),
                math.sqrt(_RATE) * moving.std(1),
                level.std(1),
                gradients.std(1),
                onset.amax(1),
            ],
            1,
        )
        return torch.cat([local.flatten(2), cells(rows, torch.cat([whole, relative, shared], 1), clip)], 1)
