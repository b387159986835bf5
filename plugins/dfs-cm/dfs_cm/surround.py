"""Face against surround: weights of the 49 cells, and means under them.

A real frame is judged against itself: what differs between clips (content, camera, last encoder) is mostly shared by
the face and what surrounds it, and what a splice leaves is not.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["FLOOR", "face_share", "weighted_mean"]

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
