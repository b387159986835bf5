"""What cue modules share: the learned part behind an operator, and the check of a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from dfcore.errors import ModelError
from dfcore.specs import MAP_SIZE

__all__ = ["CueProjection", "required_view"]


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
        self.inner = nn.Linear(features, hidden)  # twice as fast as a convolution of width 1 on a CPU
        self.activation = nn.GELU()
        self.outer = nn.Linear(hidden, channels)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, K, 49]`` to ``[B, C, 7, 7]``."""
        projected: Tensor = self.outer(self.activation(self.inner(self.norm(features).mT)))
        return projected.mT.unflatten(-1, (MAP_SIZE, MAP_SIZE))


def required_view(views: Mapping[str, Tensor], name: str, shape: Sequence[int | None], specialist: str) -> Tensor:
    """The view ``name``, checked.

    Args:
        views: what the cue module was given.
        name: of the view.
        shape: its sizes after the batch; None is any.
        specialist: whose module asks, for the message.

    Raises:
        KeyError: it is missing.
        ModelError: it has another shape.
    """
    if name not in views:
        given = ", ".join(sorted(views)) or "none"
        raise KeyError(f"the cue module of {specialist} needs the view {name!r}; it was given {given}.")
    view = views[name]
    found = view.shape[1:]
    if len(found) != len(shape) or any(want not in (None, size) for want, size in zip(shape, found, strict=True)):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ModelError(f"the view {name!r} must have the shape [B, {expected}], not {list(view.shape)}.")
    return view
