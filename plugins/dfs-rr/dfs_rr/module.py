"""The cue module of ``rr``: four fixed operators, each with a small learned projection."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from dfcore.models.cues import hidden_samples
from dfcore.specs import MAP_SIZE
from dfs_rr.edge_sharpness import EdgeSharpness
from dfs_rr.interpolation import Interpolation
from dfs_rr.multi_scale import MultiScale
from dfs_rr.projection import Projection
from dfs_rr.upscaling import Upscaling
from dfs_rr.window import CONFOUNDERS, VIEWS, Operator, WindowReader, without_quantiser

__all__ = ["CHANNELS", "CueModule"]

CHANNELS = {"multi_scale": 10, "upscaling": 10, "edge_sharpness": 8, "interpolation": 8}
"""The cues in channel order, as announced."""
GROUP = 4
"""Windows that a CPU describes at a time: their maps stay in its cache, which is a third faster than a batch of 8."""

_OPERATORS: tuple[type[Operator], ...] = (MultiScale, Upscaling, EdgeSharpness, Interpolation)


class CueModule(nn.Module):
    """Views to the cue map; see the package's README for what each cue measures."""

    channels = sum(CHANNELS.values())

    def __init__(self) -> None:
        super().__init__()
        self.reader = WindowReader()
        self.operators = nn.ModuleDict()
        self.projections = nn.ModuleDict()
        for (cue, channels), operator in zip(CHANNELS.items(), _OPERATORS, strict=True):
            self.operators[cue] = operator()
            self.projections[cue] = Projection(operator.descriptors + CONFOUNDERS, channels)

    def forward(self, views: Mapping[str, Tensor]) -> Tensor:
        """The cue map, float32 ``[B, 36, 7, 7]``.

        Args:
            views: ``tiles`` uint8 ``[B, 49, 64, 64]``; ``tile_face`` float32 ``[B, 49, 4, 4]``; ``qp`` float32
                ``[B, 49, 4, 4]``, -1 where unknown. Others are ignored.

        Raises:
            KeyError: a view is missing; the message names it.
        """
        return self.project(self.describe(views))

    @torch.no_grad()
    def describe(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The operators' descriptors with the confounders beside them, by cue: float32 ``[B, 49, D]``.

        Fixed functions of the views, so they may be computed once and kept.
        """
        tiles = views.get("tiles")
        if tiles is None or tiles.device.type != "cpu" or is_compiling() or len(tiles) <= GROUP:
            return self._describe(views)
        parts = [
            self._describe({name: views[name][start : start + GROUP] for name in VIEWS if name in views})
            for start in range(0, len(tiles), GROUP)
        ]
        return {cue: torch.cat([part[cue] for part in parts]) for cue in self.operators}

    def _describe(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        window = self.reader(views)
        return {
            cue: torch.cat([operator(window), window.confounders], dim=-1) for cue, operator in self.operators.items()
        }

    def project(self, described: Mapping[str, Tensor]) -> Tensor:
        """The learned half: what :meth:`describe` gave to the cue map ``[B, 36, 7, 7]``.

        In training the quantiser is hidden from a share of the samples, as if the codec gave none.
        """
        first = next(iter(described.values()))
        hidden = hidden_samples(first.shape[0], first.device, training=self.training)
        maps = [projection(without_quantiser(described[cue], hidden)) for cue, projection in self.projections.items()]
        return torch.cat(maps, dim=-1).mT.unflatten(-1, (MAP_SIZE, MAP_SIZE)).contiguous()
