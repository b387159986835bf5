"""Luma steps across the codec's block grid, at every phase.

Block coding leaves steps where blocks meet. Pixels that were coded on another grid, once less or through a resampling,
step elsewhere or less. The steps are measured at every phase modulo 8 and 16, so that no grid is assumed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection
from dfs_cm.comparison import Comparison
from dfs_cm.surround import weighted_mean

__all__ = ["PERIODS", "BlockBoundariesCue", "agreement", "boundary_steps", "fold", "phase_profile", "phase_steps"]

PERIODS = (8, 16)


def boundary_steps(luma: Tensor, axis: int = -1) -> Tensor:
    """Mean absolute step between neighbouring columns (axis -1) or rows (axis -2) of an image.

    ``[..., H, W]`` to float32 ``[..., W - 1]`` (or ``H - 1``), in luma levels; value i is the step onto pixel i + 1.
    """
    return luma.float().diff(dim=axis).abs_().mean(-2 if axis == -1 else -1)


def fold(steps: Tensor, period: int) -> Tensor:
    """Mean of :func:`boundary_steps` at each phase of a grid: ``[..., n]`` to ``[..., period]``.

    The step of phase p is |x[p + m·period] - x[p + m·period - 1]|: phase 0 lies on the grid whose blocks begin at the
    image's first pixel (the image's own edge has no step).
    """
    phases = torch.arange(1, steps.shape[-1] + 1, device=steps.device) % period
    folding = (phases[:, None] == torch.arange(period, device=steps.device)).float()
    return (steps @ folding) / folding.sum(0).clamp(min=1)


def phase_steps(luma: Tensor, period: int, axis: int = -1) -> Tensor:
    """Mean absolute step across columns (axis -1) or rows (axis -2) at each phase of a grid: ``[..., period]``."""
    return fold(boundary_steps(luma, axis), period)


def phase_profile(steps: Tensor, floor: float = 0.05) -> Tensor:
    """Log of the steps over their mean: 0 everywhere for an image without blocks. ``[..., period]``."""
    return ((steps + floor) / (steps.mean(-1, keepdim=True) + floor)).log()


def agreement(profile: Tensor, reference: Tensor) -> Tensor:
    """Cosine of two phase profiles after their means are taken off, -1..1: ``[..., period]`` to ``[...]``."""
    a, b = profile - profile.mean(-1, keepdim=True), reference - reference.mean(-1, keepdim=True)
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1) + 1e-3)


class BlockBoundariesCue(nn.Module):
    """Phase profiles of each tile in both directions, their strongest phase, and whether the surround agrees."""

    def __init__(self, channels: int = 10) -> None:
        super().__init__()
        measures = 2 * sum(PERIODS) + 3 * 2 * len(PERIODS)
        self.projection = CueProjection(measures + 1, channels)

    def forward(self, columns: Tensor, rows: Tensor, cells: Comparison, share: Tensor) -> Tensor:
        """:func:`boundary_steps` of the tiles in both directions ``[B, 49, 63]``, face ``share`` [B, 49]."""
        with torch.no_grad():
            measures = cells.residual(self.measures(columns, rows, share))
            features = torch.cat([measures, share.unsqueeze(1)], 1)
        projected: Tensor = self.projection(features)
        return projected

    @staticmethod
    def measures(columns: Tensor, rows: Tensor, share: Tensor) -> Tensor:
        """Profiles and, for each direction and period, peak, value on the grid and agreement: ``[B, 60, 49]``."""
        profiles, summaries = [], []
        for steps in (columns, rows):
            for period in PERIODS:
                profile = phase_profile(fold(steps, period))  # [B, 49, period]
                surround = weighted_mean(profile.mT, 1 - share).mT  # [B, 1, period]
                profiles.append(profile.mT)
                summaries += [profile.amax(-1), profile[..., 0], agreement(profile, surround)]
        return torch.cat([*profiles, torch.stack(summaries, 1)], 1)
