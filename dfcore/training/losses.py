"""The losses that the core ships, and how a loss is made from its announced name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dfcore.announcement.source import place_of
from dfcore.config import StageConfig
from dfcore.errors import ConfigError, PluginError
from dfcore.plugins.calls import construct, dotted, plugin_code

__all__ = ["CrossEntropy", "Focal", "build_loss", "loss_options", "require_loss"]


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


class Focal(nn.Module):
    """Focal loss (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5).

    For a sample of class y with probability p_y: ``-alpha_y * (1 - p_y)^gamma * log p_y``, alpha_y being ``alpha`` for
    fake, ``1 - alpha`` for real, and 1 for both where ``alpha`` is None. Class weights multiply it.
    """

    class_weights: Tensor | None

    def __init__(
        self, class_weights: Tensor | None = None, focal_gamma: float = 2.0, focal_alpha: float | None = None
    ) -> None:
        super().__init__()
        if focal_gamma < 0 or not 0 < (0.5 if focal_alpha is None else focal_alpha) < 1:
            raise ConfigError(
                f"focal loss: stage.focal_gamma must not be negative and stage.focal_alpha lie between 0 and 1, not "
                f"{focal_gamma} and {focal_alpha}."
            )
        self.register_buffer("class_weights", class_weights)
        self.gamma, self.alpha = focal_gamma, focal_alpha

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """``logits`` ``[B, 2]`` and ``labels`` ``[B]`` to ``[B]``."""
        log_p = -F.cross_entropy(logits, labels, reduction="none")
        # 1 - p by expm1: where p is nearly 1 the difference would be lost.
        losses = (-torch.expm1(log_p)).clamp(min=1e-12) ** self.gamma * -log_p
        if self.alpha is not None:
            losses = losses * torch.where(labels == 1, self.alpha, 1 - self.alpha)
        return losses if self.class_weights is None else losses * self.class_weights[labels]


_NAMES = {"label_smoothing": "label smoothing", "focal_gamma": "gamma", "focal_alpha": "alpha"}


def build_loss(
    name: str, factory: Callable[..., Any], class_weights: Tensor | None, options: Mapping[str, Any]
) -> nn.Module:
    """The loss that ``factory`` (announced as ``name``) makes.

    Args:
        name: for messages.
        factory: see :class:`dfcore.training.protocols.Loss`.
        class_weights: float32 ``[2]``, or None.
        options: those of the configuration that are set; each key is one of ``stage``.

    Raises:
        ConfigError: an option is asked of a loss that has none such.
        PluginError: the loss cannot be made, or does not give a loss for each sample.
    """
    taken = signature(factory).parameters
    any_key = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    for key in options:
        if key not in taken and not any_key:
            raise ConfigError(
                f"the loss {name!r} takes no {_NAMES.get(key, key)}. Leave stage.{key} at its default, or choose "
                "another loss with stage.loss."
            )
    loss: nn.Module = construct(f"loss {name!r}", factory, class_weights=class_weights, **options)
    require_loss(name, loss)
    return loss


def require_loss(name: str, loss: Callable[..., Any]) -> None:
    """Check that a loss gives one for each sample: a mean would pass unnoticed, and weigh samples wrongly.

    Raises:
        PluginError: it gives anything else, or raises something.
    """
    with torch.no_grad(), plugin_code(f"loss {name!r}", type(loss)):
        found = loss(torch.tensor([[0.5, -0.5], [-1.0, 1.0]]), torch.tensor([0, 1]))
    if not isinstance(found, Tensor) or found.shape != (2,):
        gave = list(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
        place = place_of(getattr(type(loss), "forward", type(loss)))
        raise PluginError(
            f"loss {name!r}, {dotted(type(loss))} ({place}), gave {gave} for logits [2, 2], labels [2]; expected [2]: "
            "a loss for each sample. Write reduction='none', and take no mean."
        )


def loss_options(stage: StageConfig) -> dict[str, Any]:
    """The options of a loss that the configuration sets to something else than their default."""
    default = StageConfig()
    return {key: getattr(stage, key) for key in _NAMES if getattr(stage, key) != getattr(default, key)}
