"""What AV says in words: the audio's delay against the lips, and how well any delay fits."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dfcore.models.findings import Trace
from dfs_av.lip_sync import LipSyncCue, delay_curve, similarities
from dfs_av.module import read_views
from dfs_av.speech_view import LAGS

__all__ = ["Finding"]

_STEP = 40.0
"""Milliseconds from one delay to the next."""


class Finding:
    """The delay at which lips and voice are most alike, by the learned towers of ``lip_sync``; and how far that
    likeness stands out from the median of the 31 delays (SyncNet's confidence, Chung and Zisserman 2016).

    Only 0.6 s to either side are looked at: a voice that is further off, or another text, fits at no delay.
    """

    traces = (
        Trace(
            "delay_ms",
            "the audio comes later than the lips move",
            "the audio comes earlier than the lips move",
            "ms",
            digits=0,
            always="the audio's delay against the lips",
        ),
        Trace("sync_confidence", "", "lips and voice fit each other at no delay", digits=3),
    )

    def measure(self, views: Mapping[str, Tensor], cue_module: nn.Module) -> dict[str, Tensor]:
        """Each number of each sample; NaN without a voice. See :class:`dfcore.models.findings.Finding`."""
        cue = cue_module.lip_sync
        assert isinstance(cue, LipSyncCue)
        speech = read_views(views)
        found, inside = similarities(*cue.towers(speech.shapes, speech.cepstra, speech.audio_present))
        curve = delay_curve(found, inside, speech.weight)
        peak, place = curve.max(-1)
        silent = speech.weight.sum(1) == 0
        return {
            "delay_ms": ((place - LAGS) * _STEP).masked_fill(silent, float("nan")),
            "sync_confidence": (peak - curve.median(-1).values).masked_fill(silent, float("nan")),
        }
