"""Motion of the face against the head's and the background's: from the flow, from the face box, from the codec."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_tm.clip_view import SUMMARY, ClipView, broadcast, regularity, summary
from dfs_tm.flow import Flow

__all__ = ["MotionFlowCue", "mean_motion", "without_vectors"]

_FLOOR = 1e-3
_STILL = 0.05
"""Length of a vector in pixels that is added before the logarithm."""
_CELLS, _BROAD = 3, 5
"""Features that the codec's vectors give, in each cell and for the whole clip."""


def mean_motion(vectors: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of ``vectors`` ``[B, T, 2, G, G]`` with ``weight`` ``[B, G, G]``: ``[B, T, 2]``."""
    share = (weight + _FLOOR) / (weight + _FLOOR).sum((1, 2), keepdim=True)
    return (vectors * share[:, None, None]).sum((3, 4))


class MotionFlowCue(nn.Module):
    """The cue ``motion_flow``: ``[B, channels, 7, 7]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(2 * SUMMARY + _CELLS + 3 * 8 + _BROAD, channels, hidden=48)

    def describe(self, clip: ClipView, flow: Flow, codec: Tensor) -> Tensor:
        """The operator alone: ``[B, 40, 49]``; ``codec`` is the view ``motion``, float ``[B, T, 3, 28, 28]``."""
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


def without_vectors(features: Tensor, hidden: Tensor) -> Tensor:
    """What :meth:`MotionFlowCue.describe` gives where the file has no vectors, in the samples that are ``hidden``.

    Args:
        features: ``[B, 40, 49]``; left as they are.
        hidden: bool ``[B]``.
    """
    cells = slice(2 * SUMMARY, 2 * SUMMARY + _CELLS)
    absent = features.clone()
    absent[:, cells] = torch.log(torch.tensor([_STILL, _STILL, 1.0], device=features.device))[:, None]
    absent[:, -_BROAD:] = 0
    return torch.where(hidden[:, None, None], absent, features)


def _codec_cells(codec: Tensor) -> Tensor:
    """Per cell: log mean length of the codec's vectors, of their change, and the share known: ``[B, 3, 49]``."""
    known = codec[:, :, 2]
    length = codec[:, :, :2].square().sum(2).sqrt()
    change = codec[:, 1:, :2].sub(codec[:, :-1, :2]).square().sum(2).sqrt() * known[:, 1:] * known[:, :-1]
    maps = torch.stack([torch.log(length.mean(1) + _STILL), torch.log(change.mean(1) + _STILL), known.mean(1)], 1)
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
