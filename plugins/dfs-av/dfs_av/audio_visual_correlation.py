"""Correlation of the mouth's signals with the audio's, per delay and time segment.

An open mouth is loud: mouth area and the audio's envelope correlate, and the mouth begins to move 0.1 to 0.3 s before
the voice (Chandrasekaran et al. 2009). So do the openings that landmarks give and those that a voice lets one expect
(:mod:`dfs_av.expected_openings`). The delay of the strongest correlation is the delay between the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection
from dfs_av.expected_openings import FEATURES as BY_LANDMARKS
from dfs_av.expected_openings import ExpectedOpenings
from dfs_av.speech_view import LAGS, STARTS, SpeechView, aligned, cells, delayed, grouped, segments

__all__ = ["AudioVisualCorrelationCue", "lagged_correlation"]

_SEEN, _AUDIO = 4, 6
_PAIRS = _SEEN * _AUDIO
_FLOOR = 1e-3
"""Of a signal's energy, so that what does not vary correlates with nothing."""


def lagged_correlation(seen: Tensor, audio: Tensor, weight: Tensor) -> Tensor:
    """Normalised correlation at each delay: ``[B, V, n]`` and ``[B, A, n]`` to ``[B, V, A, 31]``, -1..1.

    Delay d compares the mouth at t with the audio at t + d: audio that comes k points late peaks at +k. Each delay
    takes means and energies over the points where both lie within.

    Args:
        seen: the mouth's signals.
        audio: the audio's, ``[B, A, N]`` with the mouth's n points in the middle of its N, or N = n.
        weight: of the mouth's points, ``[B, n]``.
    """
    later, inside = delayed(audio)
    each = (inside * weight[:, None])[:, None]  # [B, 1, 31, n]
    total = each.sum(-1) + 1e-6
    spread = seen[:, :, None] - ((seen[:, :, None] * each).sum(-1) / total)[..., None]  # [B, V, 31, n]
    other = later - ((later * each).sum(-1) / total)[..., None]  # [B, A, 31, n]
    shared = torch.einsum("bvdn,badn->bvad", spread * each, other)
    own = (spread.square() * each).sum(-1)[:, :, None]
    its = (other.square() * each).sum(-1)[:, None]
    found: Tensor = shared / ((own + _FLOOR) * (its + _FLOOR)).sqrt()
    return found


class AudioVisualCorrelationCue(nn.Module):
    """The cue ``audio_visual_correlation``: ``[B, channels, 7, 7]``; rows are time segments, columns groups of delays.

    Args:
        channels: of the map.
        invariant: measure delays from the clip's own strongest one.
    """

    def __init__(self, channels: int, *, invariant: bool = False) -> None:
        super().__init__()
        self.invariant = invariant
        self.expected_openings = ExpectedOpenings(invariant=invariant)
        self.projection = CueProjection(4 * _PAIRS + 7 + BY_LANDMARKS, channels, hidden=48)

    def forward(self, speech: SpeechView) -> Tensor:
        """The cue's part of the map."""
        with torch.no_grad():
            features = self.describe(speech)
        out: Tensor = self.projection(features)
        return out

    def describe(self, speech: SpeechView) -> Tensor:
        """The operators alone: ``[B, 116, 49]``; the last 13 are :class:`~dfs_av.expected_openings.ExpectedOpenings`.

        Per pair of signals the mean correlation of the cell's delays in its segment, and of the whole clip the mean
        and the maximum, and the maximum above the mean of all delays; then the clip's delay of the strongest
        correlation summed over the pairs, how far it stands out, and what share of the segment was weighed.
        """
        # What is said while the voice is off counts too: a mouth must be shut in a pause. So only absence weighs 0.
        weight = speech.present * speech.voice.amax(1, keepdim=True)
        whole = lagged_correlation(speech.seen, speech.audio, weight).flatten(1, 2)  # [B, P, 31]
        rows = torch.stack([_segment(speech, weight, start) for start in STARTS], 2)  # [B, P, 7, 31]
        if self.invariant:
            place = whole.mean(1).argmax(-1)[:, None].expand(-1, _PAIRS)
            whole, rows = aligned(whole, place), aligned(rows, place[..., None].expand(-1, -1, len(STARTS)))
        local, _ = grouped(rows)
        mean, most = grouped(whole)
        above = most - whole.mean(-1, keepdim=True)
        total = whole.mean(1)  # [B, 31]
        peak, place = total.max(-1)
        delay = (place - LAGS).float()
        sharp = torch.softmax(20 * total, -1)
        steps = torch.arange(-LAGS, LAGS + 1, device=total.device).float()
        expected = (sharp * steps).sum(-1)
        clip = torch.stack([delay / LAGS, delay.abs() / LAGS, peak - total.median(-1).values, expected / LAGS], 1)
        clip = torch.cat([clip, (peak - total[:, LAGS])[:, None]], 1)
        share = segments(weight).mean(-1)[:, None]
        parts = [local.flatten(2), cells(columns=torch.cat([mean, most, above], 1)), cells(share, sharp_groups(sharp))]
        return torch.cat([*parts, cells(clip=clip), self.expected_openings(speech)], 1)


def sharp_groups(share: Tensor) -> Tensor:
    """A distribution over the delays, summed in the seven columns: ``[B, 31]`` to ``[B, 1, 7]``."""
    mean, _ = grouped(share)
    return mean[:, None]


def _segment(speech: SpeechView, weight: Tensor, start: int) -> Tensor:
    """Correlations within one segment of the mouth; the audio's may lie outside of it: ``[B, P, 31]``."""
    mask = torch.zeros_like(weight)
    mask[:, start : start + segments(weight).shape[-1]] = 1
    return lagged_correlation(speech.seen, speech.audio, weight * mask).flatten(1, 2)
