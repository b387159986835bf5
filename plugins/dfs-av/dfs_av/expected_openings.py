"""Do the lips open as the voice lets one expect? The operator of the cue ``audio_visual_correlation`` on landmarks.

:mod:`dfs_av.voice_openings` learnt, from genuine speech alone, how far a voice's mel bands let one expect the lips to
be open; each training clip was first moved by its own natural lag. What it learnt is fixed here: a convolution over
nine points. The openings that dense landmarks give are correlated with those expected and with the voice's level at 31
delays, in the clip and in each time segment.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfs_av.speech_view import LAGS, POINTS, SEGMENT, STARTS, SpeechView, aligned, cells, delayed, grouped
from dfs_av.voice_openings import BANDS, CONTEXT, EXPECTED, LAGS_SEEN, LEVEL, UNUSUAL, USUAL, VoiceModel, own_model

__all__ = ["FEATURES", "ExpectedOpenings", "VoiceFit", "paired_correlation"]

FEATURES = 13
_NEAR = 4
"""Delays next to the best that are like it because speech is."""
_USED = slice(LAGS + LAGS_SEEN[0], LAGS + LAGS_SEEN[-1] + 1)
"""The delays, of the 31, that genuine clips are seen at."""


def paired_correlation(seen: Tensor, audio: Tensor, weight: Tensor, heard: Tensor) -> Tensor:
    """Correlation of each signal seen with its own of the audio at each delay, -1..1: ``[B, R, V, 31]``.

    Audio that comes k points late peaks at +k. Unlike :func:`dfs_av.audio_visual_correlation.lagged_correlation` it
    leaves out the points at which the delayed audio is absent.

    Args:
        seen: ``[B, V, n]``.
        audio: ``[B, V, n]``.
        weight: R weightings of the mouth's points, ``[B, R, n]``.
        heard: 1 where there is audio, ``[B, n]``.
    """
    later, _ = delayed(audio)  # [B, V, 31, n]
    held, _ = delayed(heard)  # [B, 31, n]
    each = held[:, None] * weight[:, :, None]  # [B, R, 31, n]
    share = each / (each.sum(-1, keepdim=True) + 1e-6)
    here = torch.einsum("brdn,bvn->brvd", share, seen)
    there = torch.einsum("brdn,bvdn->brvd", share, later)
    both = torch.einsum("brdn,bvn,bvdn->brvd", share, seen, later) - here * there
    own = torch.einsum("brdn,bvn->brvd", share, seen.square()) - here.square()
    its = torch.einsum("brdn,bvdn->brvd", share, later.square()) - there.square()
    found: Tensor = both / (own.clamp(min=0) * its.clamp(min=0) + 1e-6).sqrt()
    return found


class VoiceFit:
    """How well a mouth fits a voice at each delay, and what follows from it.

    Attributes:
        rows: the same of the seven time segments, ``[B, 7, 31]``.
        curve: correlation with what is expected, and a little of that with the level, ``[B, 31]``.
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
        """Correlation with the expected openings and with the level, ``[B, 8, 31]`` each: of the clip and its seven
        time segments.
        """
        heard = speech.audio_present
        expected = F.conv1d(speech.bands, self.weights, padding=CONTEXT)
        level = speech.bands.mean(1, keepdim=True).expand_as(expected)
        weight = speech.present[:, None] * _spans(speech.present.device)
        audio = torch.cat([expected, level], 1) * heard[:, None]
        found = paired_correlation(speech.openings.repeat(1, 2, 1), audio, weight, heard)
        count = len(EXPECTED)
        return found[:, :, :count].mean(2), found[:, :, count:].mean(2)

    def fit(self, speech: SpeechView) -> VoiceFit:
        """What :func:`dfs_av.voice_openings.judge` says of a clip, of a batch."""
        by_model, by_level = self.curves(speech)
        return VoiceFit((by_model + LEVEL * by_level) / (1 + LEVEL))

    def forward(self, speech: SpeechView) -> Tensor:
        """The operator: ``[B, 13, 49]``.

        Per cell the mean and maximum of the fit at its delays in its segment; per row the segment's best; per column
        the clip's (mean, maximum), and the maxima for the expected openings and the level alone; per clip its score,
        its delay, its best above the median, the same in deviations of the other delays, the fit at delay 0, and what
        share was weighed.
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
            (speech.present * speech.voice).mean(1),
        ]
        local = torch.stack([mean[:, 1:], most[:, 1:]], 1).flatten(2)
        return torch.cat([local, cells(found.row_scores[:, None], torch.stack(columns, 1), torch.stack(clip, 1))], 1)


@cache
def _spans(device: torch.device) -> Tensor:
    """Which points belong to the clip and to each of its seven segments: ``[8, 60]``."""
    spans = torch.ones(1 + len(STARTS), POINTS, device=device)
    for row, start in enumerate(STARTS, 1):
        spans[row] = 0
        spans[row, start : start + SEGMENT] = 1
    return spans
