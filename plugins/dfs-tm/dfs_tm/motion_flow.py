"""Motion of the face against the head's and the background's: from the flow, from the face box, from the codec."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_tm.clip_view import SUMMARY, ClipView, broadcast, regularity, summary
from dfs_tm.flow import Flow

__all__ = ["MotionFlowCue", "mean_motion"]

_FLOOR = 1e-3


def mean_motion(vectors: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of ``vectors`` ``[B, T, 2, G, G]`` with ``weight`` ``[B, G, G]``: ``[B, T, 2]``."""
    share = (weight + _FLOOR) / (weight + _FLOOR).sum((1, 2), keepdim=True)
    return (vectors * share[:, None, None]).sum((3, 4))


class MotionFlowCue(nn.Module):
    """The cue ``motion_flow``: ``[B, channels, 7, 7]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(2 * SUMMARY + 3 + 3 * 8 + 5, channels, hidden=48)

    def forward(self, clip: ClipView, flow: Flow, codec: Tensor) -> Tensor:
        """The cue's part of the map; ``codec`` is the view ``motion``, float ``[B, T, 3, 28, 28]``."""
        with torch.no_grad():
            features = self.describe(clip, flow, codec)
        out: Tensor = self.projection(features)
        return out

    def describe(self, clip: ClipView, flow: Flow, codec: Tensor) -> Tensor:
        """The operator alone: ``[B, 40, 49]``."""
        side = flow.vectors.shape[-1]
        face = F.adaptive_avg_pool2d(clip.mask.mean(1, keepdim=True), side)[:, 0]
        inside, outside = mean_motion(flow.vectors, face), mean_motion(flow.vectors, 1 - face)
        relative = flow.vectors - outside[..., None, None]
        speed = torch.log(relative.square().sum(2).sqrt() + 0.05)
        turn = flow.vectors.diff(dim=1).square().sum(2).sqrt()  # acceleration: jitter of what should move smoothly
        local = [summary(F.adaptive_avg_pool2d(maps, 7).flatten(2)) for maps in (speed, torch.log(turn + 0.05))]
        box = clip.centre.diff(dim=1)
        series = [torch.log(part.square().sum(-1).sqrt() + 0.05) for part in (inside - outside, inside, inside - box)]
        broad = [regularity(values) for values in series]
        return torch.cat([*local, _codec_cells(codec), broadcast(torch.cat([*broad, _codec(codec, face)], 1))], 1)


def _codec_cells(codec: Tensor) -> Tensor:
    """Per cell: log mean length of the codec's vectors, of their change, and the share known: ``[B, 3, 49]``."""
    known = codec[:, :, 2]
    length = codec[:, :, :2].square().sum(2).sqrt()
    change = codec[:, 1:, :2].sub(codec[:, :-1, :2]).square().sum(2).sqrt() * known[:, 1:] * known[:, :-1]
    maps = torch.stack([torch.log(length.mean(1) + 0.05), torch.log(change.mean(1) + 0.05), known.mean(1)], 1)
    return F.adaptive_avg_pool2d(maps, 7).flatten(2)


def _codec(codec: Tensor, face: Tensor) -> Tensor:
    """Mean codec motion of the face minus that of the surround, over time: ``[B, 5]``."""
    weight = F.interpolate(face[:, None], size=codec.shape[-2:], mode="nearest")[:, 0]
    known = codec[:, :, 2].mean((2, 3))  # [B, T]
    apart = mean_motion(codec[:, :, :2], weight) - mean_motion(codec[:, :, :2], 1 - weight)
    length = apart.square().sum(-1).sqrt()
    return torch.stack(
        [
            length.mean(1),
            length.std(1),
            length.amax(1) - length.median(1).values,
            (known > 0.5).float().mean(1),
            apart.diff(dim=1).abs().mean((1, 2)),
        ],
        1,
    )
