"""How strongly a place is compressed: zeroed high frequencies, blockiness against activity, the known quantiser.

The quantiser comes from the last encoder, which real and fake share: it stands beside the others as their normaliser,
with a flag for where it is known, and in training it is hidden for a part of the samples so that nothing leans on it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection, hidden_samples
from dfs_cm.block_boundaries import fold, phase_profile
from dfs_cm.comparison import Comparison
from dfs_cm.surround import weighted_mean

__all__ = ["CompressionLevelCue", "grid_excess", "quantiser_features", "zero_shares"]

THRESHOLDS = (0.75, 1.5, 3.0)
"""Magnitudes below which a coefficient counts as zero. Decoded pixels are rounded, which alone gives every coefficient
an error of standard deviation 0.29, so exact zeros do not come back as zeros."""
BANDS = ((4, 6), (7, 9), (10, 14))
"""Ranges of i + j of the 8x8 frequencies."""


def zero_shares(magnitudes: Tensor) -> Tensor:
    """Share of 8x8 coefficients below each threshold in each band: ``[..., 8, 8, h, w]`` to ``[..., 9]``, 0..1.

    Bands go slowest: the first three values are the lowest band's, from the lowest threshold up.
    """
    index = torch.arange(8, device=magnitudes.device)
    total = index[:, None] + index[None]
    masks = torch.stack([((total >= low) & (total <= high)).float() for low, high in BANDS])
    shares = torch.stack([(magnitudes < t).float().mean((-2, -1)) for t in THRESHOLDS], -3)  # [..., 3, 8, 8]
    return (torch.einsum("...tij,bij->...bt", shares, masks) / masks.sum((1, 2))[:, None]).flatten(-2)


def grid_excess(columns: Tensor, rows: Tensor) -> Tensor:
    """Log step on the 8- and on the 4-pixel grid over the mean step, averaged over columns and rows.

    4 pixels is the side of H.264's smallest transform. :func:`~dfs_cm.block_boundaries.boundary_steps` in both
    directions, ``[..., n]``, to ``[..., 2]``.
    """
    excess = [[phase_profile(fold(steps, period))[..., 0] for steps in (columns, rows)] for period in (8, 4)]
    return torch.stack([(across + down) / 2 for across, down in excess], -1)


def quantiser_features(qp: Tensor, hidden: Tensor) -> Tensor:
    """Known flag, mean and spread of each tile's quantiser: ``[B, 49, 4, 4]`` to ``[B, 3, 49]``.

    Args:
        qp: quantisers 0..51, negative where unknown.
        hidden: bool ``[B]``, samples whose quantiser is treated as unknown.

    Returns:
        The share of blocks known, (mean - 26) / 6 (six steps double H.264's quantiser), and the standard deviation / 6;
        the last two 0 where nothing is known.
    """
    known = ((qp >= 0) & ~hidden[:, None, None, None]).float()
    count = known.sum((-2, -1))
    mean = (qp * known).sum((-2, -1)) / count.clamp(min=1)
    variance = ((qp - mean[..., None, None]).square() * known).sum((-2, -1)) / count.clamp(min=1)
    present = (count > 0).float()
    return torch.stack([count / 16, present * (mean - 26) / 6, present * variance.sqrt() / 6], 1)


class CompressionLevelCue(nn.Module):
    """Zero shares and blockiness without what the local spectrum explains, and the surround's quantiser."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.projection = CueProjection(11 + 3 + 1, channels)

    def forward(
        self, magnitudes: Tensor, columns: Tensor, rows: Tensor, qp: Tensor, cells: Comparison, share: Tensor
    ) -> Tensor:
        """The cue's channels, ``[B, 8, 7, 7]``.

        Args:
            magnitudes: |C| of the tiles' 8x8 blocks, ``[B, 49, 8, 8, 8, 8]``.
            columns: boundary steps across columns, ``[B, 49, 63]``.
            rows: those across rows.
            qp: quantisers ``[B, 49, 4, 4]``, -1 where unknown.
            cells: how the window's tiles are compared.
            share: of the face in each tile, ``[B, 49]``.
        """
        with torch.no_grad():
            hidden = hidden_samples(qp.shape[0], qp.device, training=self.training)
            features = self.features(magnitudes, columns, rows, quantiser_features(qp, hidden), cells, share)
        projected: Tensor = self.projection(features)
        return projected

    @staticmethod
    def features(
        magnitudes: Tensor, columns: Tensor, rows: Tensor, quantiser: Tensor, cells: Comparison, share: Tensor
    ) -> Tensor:
        """The operator's output, ``[B, K, 49]``."""
        residual = cells.residual(torch.cat([zero_shares(magnitudes).mT, grid_excess(columns, rows).mT], 1))
        coded = weighted_mean(quantiser, cells.surround).expand(-1, -1, residual.shape[-1])
        return torch.cat([residual, coded, share.unsqueeze(1)], 1)
