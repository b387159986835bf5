"""What AV says in words: the audio's delay against the lips, and how well any delay fits."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.models.findings import Trace
from dfs_av.audio_visual_correlation import AudioVisualCorrelationCue
from dfs_av.lip_sync import LipSyncCue, delay_curve, similarities
from dfs_av.module import read_views
from dfs_av.speech_view import LAGS

__all__ = ["FITS", "STANDS_OUT", "Finding", "standing_out"]

STANDS_OUT = 5.0
"""How far the likeness at the best delay must lie above that at the others, in their standard deviations, for a delay
to be told: docs/explain.md says how often a foreign voice gets so far (2 of 100 windows).
"""
FITS = 0.41
"""The landmarks' fit from which on their delay is told, over 2.4 s; over n times as much this over the root of n.
One or 2 of 100 foreign voices get so far, by what was learnt of others, over 2.4, 4.8, 9.6 and 14.4 s alike; and 43,
63, 86 and all of 100 own ones (33 people, of whom 7 talk for 14.4 s).
"""
_STEP = 40.0
"""Milliseconds from one delay to the next."""
_NEAR = 4
"""Delays next to the best that are like it because speech is."""


class Finding:
    """The delay at which lips and voice are most alike, by the learned towers of ``lip_sync``; and how far that
    likeness stands out from the median of the 31 delays (SyncNet's confidence, Chung and Zisserman 2016).

    Beside it, how well the openings by landmarks fit those that the voice lets one expect, in all of the video's clips
    together (:class:`dfs_av.expected_openings.VoiceFit`): that is learnt from real speech, which the towers need hours
    of.

    One of 31 delays is always the best, of a foreign voice too. So a delay is told of a sample only where the fit by
    landmarks is good at a delay that genuine audio has; or else where the towers' likeness stands out from that at the
    delays that are not next to it. Only 0.6 s to either side are looked at: a voice that is further off, or another
    text, fits at no delay.
    """

    traces = (
        Trace(
            "delay_ms",
            "the audio comes later than the lips move",
            "the audio comes earlier than the lips move",
            "ms",
            digits=0,
            always="the audio's delay against the lips",
            unmeasured="No delay of the audio is told: to this model lips and voice are alike at none of 31 delays.",
            resolution=_STEP,
        ),
        Trace("sync_confidence", "", "lips and voice fit each other at no delay", digits=3),
        Trace("voice_fit", "", "the lips do not open as this voice lets one expect"),
    )

    def measure(self, views: Mapping[str, Tensor], cue_module: nn.Module) -> dict[str, Tensor]:
        """Each number of each sample; NaN without a voice. See :class:`dfcore.models.findings.Finding`."""
        cue, correlation = cue_module.lip_sync, cue_module.audio_visual_correlation
        assert isinstance(cue, LipSyncCue)
        assert isinstance(correlation, AudioVisualCorrelationCue)
        speech = read_views(views)
        found, inside = similarities(*cue.towers(speech.shapes, speech.cepstra, speech.audio_present))
        curve = delay_curve(found, inside, speech.weight)
        peak, place = curve.max(-1)
        fit = correlation.expected_openings.fit(speech)
        heard = (speech.video.present * speech.video.heard).mean(-1).sum(1)  # in clips' lengths
        by_landmarks = fit.score >= FITS / heard.clamp(min=0.1).sqrt()
        told = by_landmarks | (standing_out(curve) >= STANDS_OUT)
        delay = (torch.where(by_landmarks, fit.place, place) - LAGS) * _STEP
        silent = speech.weight.sum(1) == 0
        return {
            "delay_ms": delay.masked_fill(silent | ~told, float("nan")),
            "voice_fit": fit.score.masked_fill(silent, float("nan")),
            "sync_confidence": (peak - curve.median(-1).values).masked_fill(silent, float("nan")),
        }


def standing_out(curve: Tensor) -> Tensor:
    """How far the best of each curve's delays lies above those not next to it, in their standard deviations.

    Args:
        curve: likeness at each delay, ``[B, 31]``.
    """
    peak, place = curve.max(-1, keepdim=True)
    far = (torch.arange(curve.shape[-1], device=curve.device) - place).abs() > _NEAR
    count = far.sum(-1)
    mean = (curve * far).sum(-1) / count
    spread = (((curve - mean[:, None]).square() * far).sum(-1) / count).sqrt()
    return (peak[:, 0] - mean) / (spread + 1e-6)
