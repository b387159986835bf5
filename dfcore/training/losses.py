"""The losses that the core ships, and how a loss is made from its announced name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from dfcore.errors import ConfigError

__all__ = ["CrossEntropy", "build_loss"]


class CrossEntropy(nn.Module):
    """Cross-entropy with class weights and label smoothing.

    For a sample of class y, with smoothing e: ``-weight[y] * ((1 - e) * log p[y] + e * mean_c log p[c])``
    (Szegedy et al., 2016, section 7). The weight belongs to the sample's own class, for the smoothed part too, so
    that the classes' shares of the loss do not depend on e.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """``logits`` ``[B, 2]`` and ``labels`` ``[B]`` to ``[B]``."""
        losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=self.label_smoothing)
        return losses if self.class_weights is None else losses * self.class_weights[labels]


def build_loss(
    name: str, factory: Callable[..., Any], class_weights: Tensor | None, label_smoothing: float
) -> nn.Module:
    """The loss that ``factory`` (announced as ``name``) makes.

    Raises:
        ConfigError: label smoothing is asked of a loss that has none.
    """
    options = {"label_smoothing": label_smoothing} if label_smoothing else {}
    try:
        return factory(class_weights=class_weights, **options)
    except TypeError as error:
        if not options:
            raise
        raise ConfigError(
            f"the loss {name!r} takes no label smoothing ({error}). Set stage.label_smoothing=0 or choose another loss."
        ) from error
