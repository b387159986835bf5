"""Structural similarity from frame to frame, inside the face against outside, and how regular it is.

SSIM after Wang et al., IEEE TIP 2004, eq. 13, on 8x8 windows of luma. Its logarithmic distance log(1 - SSIM) is near
to a change's energy relative to the texture. A clip with a dropped or repeated frame is irregular as a whole, face and
background alike, so the series of the whole image is described too, against its own median.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_tm.clip_view import SUMMARY, ClipView, against_surround, broadcast, regularity, summary

__all__ = ["FrameConsistencyCue", "log_distance", "ssim"]

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_WINDOW = 8
_FLOOR = 1e-3


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of 8x8 windows, four pixels apart, of images ``[N, S, S]`` in 0..255: ``[N, S/4, S/4]``, -1..1."""

    def mean(maps: Tensor) -> Tensor:
        return F.avg_pool2d(maps[:, None], _WINDOW, 4, 2, count_include_pad=False)[:, 0]

    a, b = mean(first), mean(second)
    power_a, power_b = mean(first.square()) - a.square(), mean(second.square()) - b.square()
    shared = mean(first * second) - a * b
    return ((2 * a * b + _C1) * (2 * shared + _C2)) / ((a.square() + b.square() + _C1) * (power_a + power_b + _C2))


def log_distance(similarity: Tensor) -> Tensor:
    """log(1 - SSIM), from -6.9 for equal images to 0.7."""
    return torch.log((1 - similarity).clamp(min=0) + _FLOOR)


class FrameConsistencyCue(nn.Module):
    """The cue ``frame_consistency``: ``[B, channels, 7, 7]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(2 * SUMMARY * 2 + 3 * 8, channels, hidden=48)

    def describe(self, clip: ClipView) -> Tensor:
        """The operator alone: ``[B, 40, 49]``."""
        small = F.avg_pool2d(clip.luma, 2)
        first, second = (part.flatten(0, 1) for part in (small[:, :-1], small[:, 1:]))
        shape = clip.luma.shape[0], clip.luma.shape[1] - 1
        distance = log_distance(ssim(first, second)).unflatten(0, shape)
        change = (first - second).abs()
        moved = torch.log(F.avg_pool2d(change[:, None], 2)[:, 0] + 0.1).unflatten(0, shape)
        series = [F.adaptive_avg_pool2d(maps, 7).flatten(2) for maps in (distance, moved)]
        local = torch.cat([summary(values) for values in series], 1)
        weight = clip.face[:, None]
        inside = (series[1] * weight).sum(-1) / (weight.sum(-1) + _FLOOR)
        outside = (series[1] * (1 - weight)).sum(-1) / ((1 - weight).sum(-1) + _FLOOR)
        whole = regularity(series[0].mean(-1))
        broad = torch.cat([against_surround(local, clip.face), whole, regularity(inside), regularity(outside)], 1)
        return torch.cat([local, broadcast(broad)], 1)
