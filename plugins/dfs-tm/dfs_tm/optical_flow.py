"""What the cost volume says beside the flow: how good, how certain, how reversible the match is, and what it leaves."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_tm.clip_view import SUMMARY, ClipView, against_surround, broadcast, regularity, summary
from dfs_tm.flow import Flow

__all__ = ["OpticalFlowCue"]

_MAPS = 5


class OpticalFlowCue(nn.Module):
    """The cue ``optical_flow``: ``[B, channels, 7, 7]``.

    Peak, entropy and second peak of the cost volume, forward-backward error and the residual after warping: their
    summaries over time per cell, and the face's against the surround's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(2 * _MAPS * SUMMARY + 2 * 8, channels, hidden=48)

    def describe(self, clip: ClipView, flow: Flow) -> Tensor:
        """The operator alone: ``[B, 56, 49]``."""
        maps = (
            torch.log((1 - flow.peak).clamp(min=0) + 0.01),
            flow.entropy,
            flow.second,
            torch.log(flow.back + 0.1),
            flow.residual,
        )
        series = [F.adaptive_avg_pool2d(part, 7).flatten(2) for part in maps]
        local = torch.cat([summary(values) for values in series], 1)
        weight = clip.face[:, None]
        inside = (series[4] * weight).sum(-1) / (weight.sum(-1) + 1e-3)
        broad = [against_surround(local, clip.face), regularity(series[4].mean(-1)), regularity(inside)]
        return torch.cat([local, broadcast(torch.cat(broad, 1))], 1)
