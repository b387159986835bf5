"""Face compared with surround, under equal content.

How much a block changes when it is encoded again, how many of its coefficients are zero, how strong its grid is: all of
this depends most on how busy and how sharp the block is. A face that was made sharper or softer than its surround would
look like one with another history.

So every measure is regressed on the local spectrum (log energies of four bands of the 8x8 DCT) and activity, using the
surround's blocks only. The trace is what this does not explain in the face. Blocks of the face with content that the
surround does not have cannot be predicted from it, so they get less weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dfs_cm.surround import FLOOR, weighted_mean

__all__ = ["Comparison", "curve", "unexplained", "whiten"]

RIDGE = 1.0
"""Added to the regression's sums of squares, in places: matters only for a tiny surround."""
NOISE = 0.02
"""Added to the confounders' variances, in squared nepers: what is alike everywhere stays small."""
SHRINK = 0.02
"""Share of the face that has to be comparable before its mean is believed by half."""


def whiten(confounders: Tensor, weights: Tensor, noise: float = NOISE) -> Tensor:
    """Confounders ``[B, Q, N]`` without their mean, uncorrelated and of unit variance under ``weights`` ``[B, N]``."""
    w = (weights + FLOOR).unsqueeze(1)
    centred = confounders - weighted_mean(confounders, weights)
    scatter = (w * centred) @ centred.mT / w.sum(-1, keepdim=True)
    scatter = scatter + noise * torch.eye(scatter.shape[-1], device=scatter.device, dtype=scatter.dtype)
    factor = torch.linalg.cholesky_ex(scatter).L  # unlike `cholesky`, does not wait for the device
    return torch.linalg.solve_triangular(factor, centred, upper=False)


def curve(confounders: Tensor, weights: Tensor) -> Tensor:
    """Confounders for a curved fit: ``[B, P, N]`` to ``[B, P + P (P + 1) / 2, N]``, with all products of two.

    They are standardised over the weighted places first, and held within ±3: beyond what the surround shows, the curve
    goes on level.
    """
    a = confounders - weighted_mean(confounders, weights)
    a = (a / (weighted_mean(a.square(), weights) + 0.1).sqrt()).clamp(-3, 3)
    first, second = torch.triu_indices(a.shape[1], a.shape[1], device=a.device)
    return torch.cat([a, a[:, first] * a[:, second]], 1)


def unexplained(values: Tensor, design: Tensor, weights: Tensor, ridge: float = RIDGE) -> Tensor:
    """What is left of ``values`` after a weighted linear fit on ``design``, everywhere.

    Least squares under ``weights`` (the surround's), in closed form, one fit for each sample and channel::

        S = Σ w (a - ā)(a - ā)ᵀ + ridge·1       slope = S⁻¹ Σ w (a - ā)(g - ḡ)       residual = g - ḡ - slopeᵀ (a - ā)

    Args:
        values: g, ``[B, K, N]``, e.g. log ghost.
        design: a, ``[B, P, N]``, e.g. log activity; P confounders.
        weights: w, ``[B, N]`` >= 0; all are raised slightly, so that an empty surround is not a division by zero.
        ridge: > 0; draws the slope to 0 where there is little to fit.

    Returns:
        The residual ``[B, K, N]``.
    """
    w = (weights + FLOOR).unsqueeze(1)
    a, g = design - weighted_mean(design, weights), values - weighted_mean(values, weights)
    weighted = w * a
    scatter = weighted @ a.mT + ridge * torch.eye(a.shape[1], device=a.device, dtype=a.dtype)
    slope = torch.linalg.solve_ex(scatter, weighted @ g.mT).result  # unlike `solve`, does not wait for the device
    return g - slope.mT @ a


@dataclass(frozen=True, slots=True)
class Comparison:
    """Places of a window (its 784 blocks of 16x16, or its 49 tiles) and what they may differ in without any forgery.

    Attributes:
        design: float ``[B, P, N]``, the confounders, whitened over the surround, with their products.
        share: float ``[B, N]``, of each place in the face, 0..1.
        comparable: float ``[B, N]``, 0..1, how much of what a place shows is usual in the surround.
    """

    design: Tensor
    share: Tensor
    comparable: Tensor

    @classmethod
    def of(cls, confounders: Tensor, share: Tensor, *, curved: bool) -> Comparison:
        """Of ``confounders`` ``[B, Q, N]`` and the face's ``share`` ``[B, N]`` of each place.

        A place at a squared Mahalanobis distance d² from the surround counts exp(1 - d²/Q), at most 1: fully within
        what is usual there, hardly beyond twice.
        """
        surround = 1 - share
        white = whiten(confounders, surround)
        comparable = (1 - white.square().mean(1)).clamp(max=0).exp()
        return cls(curve(white, surround) if curved else white, share, comparable)

    @property
    def surround(self) -> Tensor:
        """``[B, N]``, weight in the surround, 0..1."""
        return 1 - self.share

    def residual(self, values: Tensor) -> Tensor:
        """What the surround does not explain of ``values``, as far as places are comparable: ``[B, K, N]``."""
        return unexplained(values, self.design, self.surround) * self.comparable.unsqueeze(1)

    def in_face(self, residual: Tensor) -> Tensor:
        """The residual's mean over the face's comparable places, ``[B, K, N]`` to ``[B, K, 1]``.

        Drawn to 0 where few are comparable, and 0 without a face.
        """
        share = self.share.unsqueeze(1)
        counted = (share * (self.comparable.unsqueeze(1) + SHRINK)).sum(-1, keepdim=True)
        return (residual * share).sum(-1, keepdim=True) / (counted + FLOOR)
