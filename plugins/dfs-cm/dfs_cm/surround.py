"""Face against surround: weights of the 49 cells, and contrasts between them.

A real frame is judged against itself: what differs between clips (content, camera, last encoder) is mostly shared by
the face and what surrounds it, and what a splice leaves is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["cell_contrast", "face_contrast", "face_share", "weighted_mean"]

FLOOR = 1e-3
"""Weight of every cell on either side: where one side is empty both means agree, and the contrast is 0."""


def face_share(tile_face: Tensor) -> Tensor:
    """Share of each tile that lies in the face: ``[B, 49, 4, 4]`` to ``[B, 49]``, 0..1."""
    return tile_face.mean((-2, -1))


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over the last axis: ``values`` [B, K, N], ``weights`` [B, N] >= 0, result [B, K, 1].

    Every weight is raised by ``FLOOR``, so that all-zero weights give the plain mean.
    """
    raised = (weights + FLOOR).unsqueeze(1)
    return (values * raised).sum(-1, keepdim=True) / raised.sum(-1, keepdim=True)


def cell_contrast(values: Tensor, share: Tensor) -> Tensor:
    """Each cell minus the surround's mean: ``values`` [B, K, 49], ``share`` [B, 49] of face, result [B, K, 49]."""
    return values - weighted_mean(values, 1 - share)


def face_contrast(values: Tensor, share: Tensor) -> Tensor:
    """The face's mean minus the surround's, the same in every cell: [B, K, 49] to [B, K, 49]."""
    difference = weighted_mean(values, share) - weighted_mean(values, 1 - share)
    return torch.broadcast_to(difference, values.shape)
