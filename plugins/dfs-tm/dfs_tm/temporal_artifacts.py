"""Flicker: second temporal differences, the temporal spectrum of small regions, blocks that stay exactly still.

A face that is made frame by frame changes independently from frame to frame: its second difference is large against
its first, and the spectrum of its mean colour is white, where skin in front of a camera drifts (about 1/f). Exposure
and the codec's own pulsing are shared with the surround; so face minus surround is described beside.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_tm.clip_view import ClipView, against_surround, broadcast, cells, summary

__all__ = ["BINS", "TemporalArtifactsCue", "flicker", "roughness"]

BINS = 8
"""Frequencies of a 16-frame series above 0, up to half the frame rate."""
_FLOOR = 1e-3


def flicker(series: Tensor) -> Tensor:
    """Log power of ``[B, 16, N]`` after its mean and a Hann window: ``[B, 8, N]``, bins 1 to 8 of 16 frames."""
    frames = series.shape[1]
    window = torch.hann_window(frames, periodic=True, device=series.device)
    centred = series - series.mean(1, keepdim=True)
    spectrum = torch.fft.rfft(centred * window[:, None], dim=1)
    return torch.log(spectrum.abs().square()[:, 1 : BINS + 1] / window.square().sum() + _FLOOR)


def roughness(series: Tensor) -> Tensor:
    """Log ratio of second to first squared temporal differences of maps ``[B, T, S, S]``, per cell: ``[B, 49]``.

    log 3 for frames independent of each other (6 variances against 2), less for what moves on, 0 for one step.
    """
    first = cells(series.diff(dim=1).square()).mean(1)
    second = cells(series.diff(n=2, dim=1).square()).mean(1)
    return torch.log(second + 0.1) - torch.log(first + 0.1)


class TemporalArtifactsCue(nn.Module):
    """The cue ``temporal_artifacts``: ``[B, channels, 7, 7]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(2 * (3 * BINS + 3 + 6), channels, hidden=48)

    def describe(self, clip: ClipView, change: Tensor) -> Tensor:
        """The operator alone: ``[B, 66, 49]``; ``change`` is the evidence, float ``[B, T, 49, 3, 4, 4]``."""
        u, v = clip.chroma.unbind(2)
        means = [cells(part) for part in (clip.luma, u, v)]
        spectra = torch.cat([flicker(mean) for mean in means], 1)
        rough = torch.stack([roughness(F.avg_pool2d(clip.luma, 2)), roughness(u), roughness(v)], 1)
        native = change.float().mean((-2, -1))  # [B, T, 49, 3]
        still = summary(native[:, 1:, :, 0])[:, :2]
        excess = native[:, 2:, :, 2] - native[:, 2:, :, 1]
        own = torch.cat([still, summary(excess)], 1)
        local = torch.cat([spectra, rough, own], 1)
        return torch.cat([local, broadcast(against_surround(local, clip.face))], 1)
