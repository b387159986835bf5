"""What the model's replaceable parts must do. B is the batch, C the cue channels, F the backbone's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

__all__ = ["Attended", "AttentionHead", "Backbone", "Classifier", "CueModule", "SpecialistOutput"]

Views = Mapping[str, Tensor]


class Attended(NamedTuple):
    """An attention head's result: ``pooled`` [B, F], ``cues`` [B, C*49], ``attention`` [B, 49, 49].

    ``attention[b, i, j]`` is how much backbone cell i looks at cue cell j (mean over the heads; rows sum to 1).
    """

    pooled: Tensor
    cues: Tensor
    attention: Tensor


class SpecialistOutput(NamedTuple):
    """``logits`` [B, 2], ``cue_logits`` [B, 2], ``attention`` [B, 49, 49], ``cue_map`` [B, C, 7, 7], ``auxiliary`` [],
    the cue module's own loss (0 where it has none, or no labels were given), and ``features`` [B, F + C*49], what the
    classifier sees, before it is augmented.
    """

    logits: Tensor
    cue_logits: Tensor
    attention: Tensor
    cue_map: Tensor
    auxiliary: Tensor
    features: Tensor | None = None


@runtime_checkable
class Backbone(Protocol):
    """An ``nn.Module``. Constructed as ``factory(name, pretrained=bool, weights=Path | None)``.

    One that lets the user choose the face's size takes ``image_size=int`` too; it is given only when the user asks.
    Where two threads may call it at once it says so with ``concurrent = True``; on a CPU it then judges the halves of a
    batch at the same time. Where a part of it takes one tensor, and nothing else reads that part's layers, it may name
    the part with ``foldable = "model"`` (``""`` is all of it): loaded to judge, that then has its batch norms in its
    convolutions (:mod:`dfcore.models.backbones.folding`). A class derived from one that says so, with a ``forward`` of
    its own, must say it anew.
    """

    num_features: int
    image_size: int

    def __call__(self, face: Tensor) -> Tensor:
        """``face`` [B, 3, S, S], ImageNet-normalised float, to ``[B, F, 7, 7]``."""
        ...


@runtime_checkable
class CueModule(Protocol):
    """An ``nn.Module`` constructed with no arguments.

    It may have ``auxiliary_loss(views, labels) -> Tensor | None``: a loss of its own, the mean over the samples that it
    concerns (a contrastive loss on real clips with audio), or None when it concerns none. It is added in training at
    the weight ``stage.auxiliary_weight``.
    """

    channels: int

    def __call__(self, views: Views) -> Tensor:
        """The views that the specialist announced to the cue map ``[B, C, 7, 7]``, in the announced cue order.

        Raises:
            KeyError: a view is missing; the message names it.
        """
        ...


@runtime_checkable
class AttentionHead(Protocol):
    """An ``nn.Module`` constructed as ``factory(features=F, channels=C, heads=int, dropout=float)``."""

    def __call__(self, tokens: Tensor, cues: Tensor) -> Attended:
        """``tokens`` [B, F, 7, 7] and ``cues`` [B, C, 7, 7]."""
        ...


@runtime_checkable
class Classifier(Protocol):
    """An ``nn.Module`` constructed as ``factory(features=F + C*49, dropout=float)``."""

    def __call__(self, features: Tensor) -> Tensor:
        """``[B, F + C*49]`` to logits ``[B, 2]`` (real, fake)."""
        ...
