"""Do the lips open as the voice lets one expect? The operator of the cue ``audio_visual_correlation`` on landmarks.

:mod:`dfs_av.voice_openings` learnt, from genuine speech alone, how far a voice's mel bands let one expect the lips to
be open; each training clip was first moved by its own natural lag. What it learnt is fixed here: a convolution over
nine points. The openings that dense landmarks give are correlated with those expected and with the voice's level at 31
delays, in each time segment of the clip, and in all clips of its video together (:mod:`dfs_av.correlation_sums`).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfs_av.correlation_sums import correlation_of, correlation_sums
from dfs_av.opening_signals import follows, whitened
from dfs_av.speech_view import LAGS, POINTS, SEGMENT, STARTS, SpeechView, aligned, cells, grouped, over_clips
from dfs_av.voice_openings import BANDS, CONTEXT, EXPECTED, LAGS_SEEN, LEVEL, UNUSUAL, USUAL, VoiceModel, own_model

__all__ = ["FEATURES", "ExpectedOpenings", "VoiceFit"]

FEATURES = 13
_NEAR = 4
"""Delays next to the best that are like it because speech is."""
_USED = slice(LAGS + LAGS_SEEN[0], LAGS + LAGS_SEEN[-1] + 1)
"""The delays, of the 31, that genuine clips are seen at."""


class VoiceFit:
    """How well a mouth fits a voice at each delay, and what follows from it.

    Attributes:
        rows: the same of the seven time segments of the sample's own clip, ``[B, 7, 31]``.
        curve: correlation of all the video's clips with what is expected, and a little of that with the level,
            ``[B, 31]``.
        score: the best at the delays that genuine clips have, less for unusual ones: ``[B]``, at most 1.
        row_scores: the same of the segments, ``[B, 7]``.
        place: the delay that fits best of all 31, less for unusual ones, 0..30: ``[B]``.
        above: how far the score lies above the delays not next to the best, in their standard deviations (the same
            voice at other times is the clip's own reference), ``[B]``.
    """

    def __init__(self, curves: Tensor) -> None:
        self.curve, self.rows = curves[:, 0], curves[:, 1:]
        steps = torch.arange(-LAGS, LAGS + 1, device=curves.device)
        usual = curves - UNUSUAL * (steps - USUAL).abs()
        best = usual[..., _USED].amax(-1)
        self.score, self.row_scores = best[:, 0], best[:, 1:]
        self.place = usual[:, 0].argmax(-1)
        far = ((steps + LAGS - self.place[:, None]).abs() > _NEAR).float()
        mean = (self.curve * far).sum(-1) / far.sum(-1)
        spread = (((self.curve - mean[:, None]).square() * far).sum(-1) / far.sum(-1)).sqrt()
        self.above = (self.score - mean) / (spread + 0.08)


class ExpectedOpenings(nn.Module):
    """Part of the cue ``audio_visual_correlation``: rows are time segments, columns groups of delays. Nothing of it is
    learned in training.

    Args:
        invariant: measure delays from the clip's own best one.
        model: what is expected of a voice; None takes the one that comes with the package.
    """

    weights: Tensor

    def __init__(self, *, invariant: bool = False, model: VoiceModel | None = None) -> None:
        super().__init__()
        self.invariant = invariant
        learnt = torch.from_numpy((model or own_model()).weights[:-1]).float()
        kernel = learnt.unflatten(0, (BANDS, 2 * CONTEXT + 1)).permute(2, 0, 1).contiguous()
        self.register_buffer("weights", kernel, persistent=False)

    def curves(self, speech: SpeechView) -> tuple[Tensor, Tensor]:
        """Correlation with the expected openings and with the level, ``[B, 8, 31]`` each: of all the video's clips
        together, and of the seven time segments of the sample's own.
        """
        video, own = speech.video, speech
        clips = video.openings, video.bands, video.present[:, :, None], video.heard
        [sums] = over_clips((video.heard > 0).any(-1), lambda *clip: (self._sums(*clip),), *clips)
        pooled = sums.sum(1)
        spans = own.present[:, None] * _spans(own.present.device)
        found = correlation_of(torch.cat([pooled, self._sums(own.openings, own.bands, spans, own.audio_present)], 1))
        count = len(EXPECTED)
        return found[:, :, :count].mean(2), found[:, :, count:].mean(2)

    def _sums(self, openings: Tensor, bands: Tensor, weight: Tensor, heard: Tensor) -> Tensor:
        """Of the two openings with what is expected and with the level, ``[B, R, 4, 31, 4]``."""
        expected = F.conv1d(bands, self.weights, padding=CONTEXT)
        level = bands.mean(1, keepdim=True).expand_as(expected)
        audio = torch.cat([expected, level], 1) * heard[:, None]
        seen = openings.repeat(1, 2, 1)
        return correlation_sums(whitened(seen), whitened(audio), follows(weight), follows(heard))

    def fit(self, speech: SpeechView) -> VoiceFit:
        """What :func:`dfs_av.voice_openings.judge` says of a clip, of a batch of videos."""
        by_model, by_level = self.curves(speech)
        return VoiceFit((by_model + LEVEL * by_level) / (1 + LEVEL))

    def forward(self, speech: SpeechView) -> Tensor:
        """The operator: ``[B, 13, 49]``.

        Per cell the mean and maximum of the fit at its delays in its segment; per row the segment's best; per column
        the video's (mean, maximum), and the maxima for the expected openings and the level alone; per video its score,
        its delay, its best above the median, the same in deviations of the other delays, the fit at delay 0, and how
        many clips' length was weighed. Where the video has no other clip its own is the sample's.
        """
        by_model, by_level = self.curves(speech)
        curves = (by_model + LEVEL * by_level) / (1 + LEVEL)
        found = VoiceFit(curves)
        delay = (found.place - LAGS).float() / LAGS
        if self.invariant:
            at = found.place[:, None].expand(-1, curves.shape[1])
            curves, by_model, by_level = (aligned(part, at) for part in (curves, by_model, by_level))
            delay = torch.zeros_like(delay)
        mean, most = grouped(curves)
        columns = [mean[:, 0], most[:, 0], grouped(by_model[:, 0])[1], grouped(by_level[:, 0])[1]]
        clip = [
            found.score,
            delay,
            found.score - curves[:, 0].median(-1).values,
            found.above,
            curves[:, 0, LAGS],
            (speech.video.present * speech.video.voice).mean(-1).sum(1),
        ]
        local = torch.stack([mean[:, 1:], most[:, 1:]], 1).flatten(2)
        return torch.cat([local, cells(found.row_scores[:, None], torch.stack(columns, 1), torch.stack(clip, 1))], 1)


@cache
def _spans(device: torch.device) -> Tensor:
    """Which points belong to each of the clip's seven segments: ``[7, 60]``."""
    spans = torch.zeros(len(STARTS), POINTS, device=device)
    for row, start in enumerate(STARTS):
        spans[row, start : start + SEGMENT] = 1
    return spans
