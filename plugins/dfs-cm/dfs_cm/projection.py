"""The small learned part that follows each operator."""

from __future__ import annotations

from torch import Tensor, nn

from dfcore.specs import MAP_SIZE

__all__ = ["CueProjection"]


class CueProjection(nn.Module):
    """From an operator's features to a cue's channels, cell by cell.

    Batch normalisation (without weights of its own) puts operators of different units on one scale; then two linear
    maps with a GELU between. Nothing mixes cells: where a cue speaks is where its operator found something.

    Args:
        features: K, the operator's features of a cell.
        channels: C, the cue's channels.
        hidden: width between the two maps.
    """

    def __init__(self, features: int, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.inner = nn.Conv1d(features, hidden, 1)
        self.activation = nn.GELU()
        self.outer = nn.Conv1d(hidden, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, K, 49]`` to ``[B, C, 7, 7]``."""
        projected: Tensor = self.outer(self.activation(self.inner(self.norm(features))))
        return projected.unflatten(-1, (MAP_SIZE, MAP_SIZE))
