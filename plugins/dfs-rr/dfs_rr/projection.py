"""The learned part behind each operator: the same small network in every cell."""

from __future__ import annotations

from torch import Tensor, nn

from dfcore.models.cues import bounded

__all__ = ["Projection"]

HIDDEN = 24


class Projection(nn.Module):
    """Descriptors ``[B, 49, D]``, which are of about unit spread, to ``[B, 49, C]``, cell by cell."""

    def __init__(self, descriptors: int, channels: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Linear(descriptors, HIDDEN), nn.LayerNorm(HIDDEN), nn.GELU(), nn.Linear(HIDDEN, channels)
        )

    def forward(self, described: Tensor) -> Tensor:
        """``[B, 49, C]``."""
        mixed: Tensor = self.mix(bounded(described))
        return mixed
