"""The recompression ghost, normalised by local activity.

What was quantised before barely changes when it is quantised again (Farid, IEEE TIFS 2009, for JPEG; here for H.264 as
well). How much a block changes depends first of all on how busy it is, in space and in time, so its log change is
regressed on both over the surround's blocks, and what is left over is the trace. Raw and residual are both kept,
neither with a sign decided beforehand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection
from dfs_cm.surround import FLOOR, cell_contrast, face_contrast

__all__ = ["QUALITIES", "QuantizationCue", "activity_residual", "curve", "soft_argmin"]

QUALITIES = 6
"""Maps of the ghost; the evidence's last two channels are log activity in space and in time."""
RIDGE = 1.0
"""Added to the regression's sums of squares, in blocks: matters only for a tiny surround."""
LIMIT = 6.0
"""Residuals in units of the surround's spread are cut off there."""


def activity_residual(values: Tensor, activity: Tensor, weights: Tensor, ridge: float = RIDGE) -> tuple[Tensor, Tensor]:
    """What is left of ``values`` after a weighted linear fit on ``activity``, everywhere.

    Least squares under ``weights`` (the surround's), in closed form, one fit for each sample and channel::

        S = Σ w (a - ā)(a - ā)ᵀ + ridge·1       slope = S⁻¹ Σ w (a - ā)(g - ḡ)       residual = g - ḡ - slopeᵀ (a - ā)

    Args:
        values: g, ``[B, K, N]``, e.g. log ghost.
        activity: a, ``[B, P, N]``, e.g. log activity; P confounders.
        weights: w, ``[B, N]`` >= 0; all are raised slightly, so that an empty surround is not a division by zero.
        ridge: > 0; draws the slope to 0 where there is little to fit.

    Returns:
        The residual ``[B, K, N]``, and its weighted standard deviation ``[B, K, 1]``.
    """
    w = (weights + FLOOR).unsqueeze(1)
    total = w.sum(-1, keepdim=True)
    a = activity - (w * activity).sum(-1, keepdim=True) / total
    g = values - (w * values).sum(-1, keepdim=True) / total
    weighted = w * a
    scatter = weighted @ a.mT + ridge * torch.eye(a.shape[1], device=a.device, dtype=a.dtype)
    slope = torch.linalg.solve_ex(scatter, weighted @ g.mT).result  # unlike `solve`, does not wait for the device
    residual = g - slope.mT @ a
    return residual, ((w * residual.square()).sum(-1, keepdim=True) / total).sqrt()


def curve(activity: Tensor, weights: Tensor) -> Tensor:
    """Confounders for a curved fit: ``[B, P, N]`` to ``[B, P + P (P + 1) / 2, N]``, with all products of two.

    They are standardised over the weighted blocks first, and held within ±3: beyond what the surround shows, the curve
    goes on level.
    """
    w = (weights + FLOOR).unsqueeze(1)
    total = w.sum(-1, keepdim=True)
    a = activity - (w * activity).sum(-1, keepdim=True) / total
    a = (a / ((w * a.square()).sum(-1, keepdim=True) / total + 0.1).sqrt()).clamp(-3, 3)
    first, second = torch.triu_indices(a.shape[1], a.shape[1], device=a.device)
    return torch.cat([a, a[:, first] * a[:, second]], 1)


def soft_argmin(values: Tensor, temperature: float = 0.25) -> Tensor:
    """Position of the least value along axis 1, as the mean position under softmax(-values / temperature).

    ``values`` ``[B, K, N]`` to ``[B, 1, N]``, from 0 to K - 1.
    """
    places = torch.arange(values.shape[1], device=values.device, dtype=values.dtype)[:, None]
    return ((-values / temperature).softmax(1) * places).sum(1, keepdim=True)


class QuantizationCue(nn.Module):
    """Ghost maps, raw and normalised by activity, their course over the qualities, and their contrasts."""

    def __init__(self, channels: int = 10) -> None:
        super().__init__()
        level, residual = QUALITIES + 2 + (QUALITIES - 1) + 2, 2 * QUALITIES
        self.projection = CueProjection(3 * level + 2 * residual + 1, channels)

    def forward(self, ghost: Tensor, tile_face: Tensor, share: Tensor) -> Tensor:
        """``ghost`` ``[B, 49, 8, 4, 4]``, ``tile_face`` ``[B, 49, 4, 4]``, face ``share`` [B, 49]."""
        with torch.no_grad():
            features = self.features(ghost, tile_face, share)
        projected: Tensor = self.projection(features)
        return projected

    @staticmethod
    def features(ghost: Tensor, tile_face: Tensor, share: Tensor) -> Tensor:
        """The operator's output, ``[B, K, 49]``."""
        blocks = ghost.transpose(1, 2).flatten(2)  # [B, 8, 49 * 16]
        raw, activity = blocks[:, :QUALITIES], blocks[:, QUALITIES:]
        surround = 1 - tile_face.flatten(1)
        line, line_spread = activity_residual(raw, activity, surround)
        bent, bent_spread = activity_residual(raw, curve(activity, surround), surround)
        residual = torch.cat([line / (line_spread + 0.1), bent / (bent_spread + 0.1)], 1).clamp(-LIMIT, LIMIT)
        course = (raw.diff(dim=1), soft_argmin(line), soft_argmin(raw - raw.mean(1, keepdim=True)))
        level = torch.cat([raw, activity, *course], 1)
        level, residual = (x.unflatten(-1, (-1, 16)).mean(-1) for x in (level, residual))  # blocks to cells
        parts = (level, cell_contrast(level, share), face_contrast(level, share))
        return torch.cat([*parts, residual, face_contrast(residual, share), share.unsqueeze(1)], 1)
