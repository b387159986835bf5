"""The cue module of the specialist ``bg``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.models.cues import required_view
from dfs_bg.background_consistency import BackgroundConsistencyCue
from dfs_bg.face_boundary import FaceBoundaryCue
from dfs_bg.lighting import LightingCue
from dfs_bg.regions import read_region
from dfs_bg.shadow import ShadowCue

__all__ = ["CHANNELS", "CueModule"]

CHANNELS = {"face_boundary": 14, "lighting": 10, "shadow": 8, "background_consistency": 12}
"""The cues in channel order, as announced."""
_VIEWS = {
    "context": (3, None, None),
    "face_mask": (1, None, None),
    "tiles": (49, 64, 64),
    "tile_face": (49, 4, 4),
}


class CueModule(nn.Module):
    """Four cues of the face against its surround: ``[B, 44, 7, 7]``.

    Every operator is fixed and needs no gradient; a small learned projection follows each. Computed in float32.
    """

    channels = sum(CHANNELS.values())

    def __init__(self) -> None:
        super().__init__()
        self.face_boundary = FaceBoundaryCue(CHANNELS["face_boundary"])
        self.lighting = LightingCue(CHANNELS["lighting"])
        self.shadow = ShadowCue(CHANNELS["shadow"])
        self.background_consistency = BackgroundConsistencyCue(CHANNELS["background_consistency"])

    def forward(self, views: Mapping[str, Tensor]) -> Tensor:
        """The cue map, float32 ``[B, 44, 7, 7]``.

        Args:
            views: ``context`` float ``[B, 3, S, S]``, ImageNet-normalised; ``face_mask`` float ``[B, 1, S, S]``;
                ``tiles`` uint8 ``[B, 49, 64, 64]``; ``tile_face`` float ``[B, 49, 4, 4]``. Others are ignored.

        Raises:
            KeyError: a view is missing.
            ModelError: a view has another shape.
        """
        context, mask, tiles, tile_face = (required_view(views, name, shape, "bg") for name, shape in _VIEWS.items())
        with torch.autocast(tiles.device.type, enabled=False):
            with torch.no_grad():
                region = read_region(context.float(), mask.float())
            cues = (
                self.face_boundary(region),
                self.lighting(region),
                self.shadow(region),
                self.background_consistency(tiles, tile_face.float()),
            )
            return torch.cat(cues, 1)
