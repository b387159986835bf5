"""The cue module of the specialist ``cm``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.models.cues import required_view
from dfs_cm.block_boundaries import BlockBoundariesCue, boundary_steps
from dfs_cm.comparison import Comparison
from dfs_cm.compression_level import CompressionLevelCue
from dfs_cm.dct import DctCue, block_dct
from dfs_cm.quantization import MAPS, QuantizationCue
from dfs_cm.surround import face_share

__all__ = ["CueModule"]

VIEWS = {
    "tiles": (49, 64, 64),
    "tile_face": (49, 4, 4),
    "tile_parts": (49, 2, 4, 4),
    "qp": (49, 4, 4),
    "ghost": (49, 18, 4, 4),
}
TILE_BLOCKS = 16
"""16x16 blocks of a tile."""


class CueModule(nn.Module):
    """Four cues of compression history on native tiles: ``[B, 40, 7, 7]``.

    Channels 0-11 dct, 12-21 quantization, 22-31 block_boundaries, 32-39 compression_level. Every operator is fixed,
    needs no gradient and compares the face with its surround under equal content (:mod:`dfs_cm.comparison`); a small
    learned projection follows each. All of it is computed in float32, under autocast too.
    """

    channels = 40

    def __init__(self) -> None:
        super().__init__()
        self.dct = DctCue(12)
        self.quantization = QuantizationCue(10)
        self.block_boundaries = BlockBoundariesCue(10)
        self.compression_level = CompressionLevelCue(8)

    def forward(self, views: Mapping[str, Tensor]) -> Tensor:
        """The cue map, float32 ``[B, 40, 7, 7]``.

        Args:
            views: ``tiles`` uint8 [B, 49, 64, 64] native luma; ``tile_face`` float [B, 49, 4, 4] share of each
                16x16 block in the face; ``tile_parts`` float [B, 49, 2, 4, 4] that in its inside and rim; ``qp`` float
                [B, 49, 4, 4], -1 where unknown; ``ghost`` float [B, 49, 18, 4, 4], see
                :func:`dfs_cm.evidence.extract_ghost`.

        Raises:
            KeyError: a view is missing.
            ModelError: a view has another shape.
        """
        given = [required_view(views, name, shape, "cm") for name, shape in VIEWS.items()]
        with torch.autocast(given[0].device.type, enabled=False):
            tiles, tile_face, parts, qp, ghost = (view.float() for view in given)
            with torch.no_grad():
                share = face_share(tile_face)
                magnitudes, magnitudes4 = block_dct(tiles, 8).abs_(), block_dct(tiles, 4).abs_()
                columns, rows = boundary_steps(tiles, -1), boundary_steps(tiles, -2)
                blocks, cells = comparisons(ghost, tile_face)
            cues = (
                self.dct(magnitudes, magnitudes4, blocks, share),
                self.quantization(ghost, blocks, share, parts),
                self.block_boundaries(columns, rows, cells, share),
                self.compression_level(magnitudes, columns, rows, qp, cells, share),
            )
            return torch.cat(cues, 1)


def comparisons(ghost: Tensor, tile_face: Tensor) -> tuple[Comparison, Comparison]:
    """Face against surround, block by block and tile by tile.

    Args:
        ghost: the view, ``[B, 49, 18, 4, 4]``.
        tile_face: share of the face in each block, ``[B, 49, 4, 4]``.
    """
    maps = ghost.transpose(1, 2).flatten(2)
    confounders = torch.cat([maps[:, MAPS : MAPS + 1], maps[:, MAPS + 2 :]], 1)  # activity and the spectrum's bands
    blocks = Comparison.of(confounders, tile_face.flatten(1), curved=True)
    tiles = confounders.unflatten(-1, (-1, TILE_BLOCKS)).mean(-1)
    return blocks, Comparison.of(tiles, face_share(tile_face), curved=False)
