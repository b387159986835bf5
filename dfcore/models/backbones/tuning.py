"""What of a specialist is trained: all of it, or of its backbone the normalisation layers alone, or nothing.

Attention head, cue module, classifier and cue head start at random, so they are always trained; a linear classifier on
what a frozen encoder gives is what ``head`` comes to. That training the layer norms alone serves better than training
all is shown in Yermakov et al., arXiv 2503.19683 and 2508.06248.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from dfcore.errors import ModelError
from dfcore.models.specialist import Specialist
from dfcore.results import Result

__all__ = ["Parameters", "choose_trained", "count_parameters", "norm_parameters"]


@dataclass(frozen=True, slots=True)
class Parameters(Result):
    """How many parameters there are, and how many of them are trained; of the backbone, and of everything."""

    backbone: int
    backbone_trained: int
    total: int
    trained: int

    @property
    def text(self) -> str:
        """For people."""
        share = self.trained / max(self.total, 1)
        return (
            f"{self.trained:,} of {self.total:,} are trained ({share:.2%}), {self.backbone_trained:,} of "
            f"{self.backbone:,} in the backbone"
        )


def norm_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """Scales and shifts of all normalisation layers in a module: torch's, and by their classes' names timm's own
    (``LayerNorm2d``, ``BatchNormAct2d``, ``RmsNorm``, ``EvoNorm2dS0``, ...).
    """
    for layer in module.modules():
        if "norm" in type(layer).__name__.lower():
            yield from layer.parameters(recurse=False)


def choose_trained(model: Specialist, tune: str) -> None:
    """Have gradients computed for what is trained, and for nothing else.

    Of a backbone of which nothing is trained, batch norms keep their statistics. Where its norms are trained, so are
    these: their running means belong to what the layers in front of them give, which changes with the scales there.

    Args:
        model: what it had before is forgotten.
        tune: ``all``, ``norms`` or ``head``.

    Raises:
        ModelError: the backbone has no normalisation layers with parameters.
    """
    model.requires_grad_(True)
    model.frozen_backbone = tune == "head"
    if tune != "all":
        model.backbone.requires_grad_(False)
    if tune == "norms":
        norms = list(norm_parameters(model.backbone))
        if not norms:
            name = model.model_config.get("backbone", type(model.backbone).__name__)
            raise ModelError(
                f"backbone {name!r} has no normalisation layers that could be trained. Set model.tune to all or head."
            )
        for one in norms:
            one.requires_grad_(True)
    model.train(model.training)


def count_parameters(model: Specialist) -> Parameters:
    """Its parameters, as they are chosen now."""
    parts = []
    for module in (model.backbone, model):
        sizes = [(one.numel(), one.requires_grad) for one in module.parameters()]
        parts += [sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)]
    return Parameters(*parts)
