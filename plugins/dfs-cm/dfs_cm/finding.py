"""What CM says in words: the face's compression history against that of surroundings of equal content."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.models.findings import Trace
from dfs_cm.block_boundaries import boundary_steps
from dfs_cm.compression_level import grid_excess, zero_shares
from dfs_cm.dct import block_dct
from dfs_cm.module import comparisons
from dfs_cm.quantization import LIMIT, QUALITIES

__all__ = ["Finding"]

_MIDDLE = 4
"""Of :func:`dfs_cm.compression_level.zero_shares`: the middle band, below the middle threshold."""


class Finding:
    """Three numbers of a frame: what of the face the surround does not explain."""

    traces = (
        Trace(
            "recompression_nepers",
            "encoded again, the face changes more than surroundings of equal content",
            "encoded again, the face changes less than surroundings of equal content",
            "nepers",
        ),
        Trace(
            "zeroed_share",
            "more of the face's middle frequencies are zero than in surroundings of equal content",
            "fewer of the face's middle frequencies are zero than in surroundings of equal content",
            digits=3,
        ),
        Trace(
            "grid_step_nepers",
            "the 8-pixel block grid is stronger in the face than in surroundings of equal content",
            "the 8-pixel block grid is weaker in the face than in surroundings of equal content",
            "nepers",
            digits=3,
        ),
    )

    def measure(self, views: Mapping[str, Tensor], cue_module: nn.Module) -> dict[str, Tensor]:
        """Each number of each sample; see :class:`dfcore.models.findings.Finding`."""
        tiles, tile_face, ghost = (views[name].float() for name in ("tiles", "tile_face", "ghost"))
        blocks, cells = comparisons(ghost, tile_face)
        change = blocks.residual(ghost.transpose(1, 2).flatten(2)[:, :QUALITIES]).clamp(-LIMIT, LIMIT)
        zeros = zero_shares(block_dct(tiles, 8).abs_())[..., _MIDDLE]
        steps = grid_excess(boundary_steps(tiles, -1), boundary_steps(tiles, -2))[..., 0]
        level = cells.in_face(cells.residual(torch.stack([zeros, steps], 1)))[..., 0]
        return {
            "recompression_nepers": blocks.in_face(change).mean((1, 2)),
            "zeroed_share": level[:, 0],
            "grid_step_nepers": level[:, 1],
        }
