"""The recompression ghost, compared between face and surround under equal content.

Data that was quantised before changes little when it is quantised again in the same way (Farid, IEEE TIFS 2009, for
JPEG; here for H.264 too). How much a block changes depends most on its content, so the log change is regressed on the
local spectrum over the surround's blocks (:mod:`dfs_cm.comparison`); the residual is the trace. Its sign is not fixed
in advance. The face's inside is compared with its own rim too: there content, light and focus are alike without a fit.
The raw ghost, activity and motion are given as means over the surround only: these describe how the clip
was coded, and cannot tell that the face is sharper or softer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.models.cues import CueProjection, inner_minus_rim
from dfs_cm.comparison import Comparison
from dfs_cm.surround import weighted_mean

__all__ = ["MAPS", "QUALITIES", "QuantizationCue", "soft_argmin"]

QUALITIES = 6
"""Maps of the ghost for each kind of frames."""
MAPS = 2 * QUALITIES
"""Ghosts of the reference frames, then of the B frames. After them come log activity in space and in time, and the
spectrum's bands."""
MEASURES = MAPS + 6
"""All maps of the evidence."""
LIMIT = 3.0
"""Residuals in nepers are cut off there."""


def soft_argmin(values: Tensor, temperature: float = 0.25) -> Tensor:
    """Position of the least value along axis 1, as the mean position under softmax(-values / temperature).

    ``values`` ``[B, K, N]`` to ``[B, 1, N]``, from 0 to K - 1: it lies between two qualities where they are alike.
    """
    places = torch.arange(values.shape[1], device=values.device, dtype=values.dtype)[:, None]
    return ((-values / temperature).softmax(1) * places).sum(1, keepdim=True)


class QuantizationCue(nn.Module):
    """The ghost without what content explains, in each cell and over the face, and the quality of its minimum."""

    def __init__(self, channels: int = 10) -> None:
        super().__init__()
        self.projection = CueProjection(2 * (MAPS + 2) + MAPS + 2 + MEASURES + 1 + 1, channels)

    def forward(self, ghost: Tensor, blocks: Comparison, share: Tensor, parts: Tensor) -> Tensor:
        """``ghost`` ``[B, 49, 18, 4, 4]``, the window's ``blocks``, face ``share`` [B, 49], ``parts`` of the face
        ``[B, 49, 2, 4, 4]``.
        """
        with torch.no_grad():
            features = self.features(ghost, blocks, share, parts)
        projected: Tensor = self.projection(features)
        return projected

    @staticmethod
    def features(ghost: Tensor, blocks: Comparison, share: Tensor, parts: Tensor) -> Tensor:
        """The operator's output, ``[B, K, 49]``."""
        maps = ghost.transpose(1, 2).flatten(2)  # [B, 18, 49 * 16]
        residual = blocks.residual(maps[:, :MAPS]).clamp(-LIMIT, LIMIT)
        face = blocks.in_face(residual)
        cells = residual.unflatten(-1, (-1, 16)).mean(-1)
        lowest = [soft_argmin(part) for found in (cells, face) for part in found.split(QUALITIES, 1)]
        broad = torch.cat([face, *lowest[2:], weighted_mean(maps[:, : MAPS + 2], blocks.surround)], 1)
        broad = torch.cat([broad, inner_minus_rim(maps, parts)[..., None]], 1).expand(-1, -1, cells.shape[-1])
        return torch.cat([cells, *lowest[:2], broad, share.unsqueeze(1)], 1)
