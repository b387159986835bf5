"""Every parameter takes part in every backward pass, so that processes can exchange gradients without looking for
those that do not.

A branch may be left unused by a batch (no audio in any of its clips, no real face for the cue module's own loss), and
by one process alone. ``DistributedDataParallel`` would then wait for gradients that do not come. Its own remedy,
``find_unused_parameters``, walks the whole graph in each step, and prints a warning on each process where that finds
nothing. Here the few parameters that may be left out are added to the loss, times zero: where a branch is not used, its
gradient is zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from dfcore.models.backbones.backbone import TimmBackbone

__all__ = ["TakingPart", "may_be_left_out"]


class TakingPart(nn.Module):
    """A model as it is called in training, with a gradient for each of ``parameters`` whatever the batch.

    Args:
        model: gives a :class:`~dfcore.models.protocols.SpecialistOutput`.
        parameters: those that a batch may leave unused; others may be among them.
    """

    def __init__(self, model: nn.Module, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__()
        self.model = model
        self._held = tuple(parameters)

    def forward(self, views: Any, labels: Tensor | None = None) -> Any:
        """What the model gives; its ``auxiliary`` loss depends on each of the parameters, and has the same value."""
        output = self.model(views, labels)
        taking = [one for one in self._held if one.requires_grad] if torch.is_grad_enabled() else []
        if not taking:
            return output
        # One element of each, as it is multiplied by zero: the gradient of the whole is zeros of its shape.
        some = torch.stack([one.flatten()[0].float() for one in taking])
        return output._replace(auxiliary=output.auxiliary + (some * 0).sum())


def may_be_left_out(model: nn.Module, device: torch.device) -> list[nn.Parameter]:
    """The parameters of which it is not certain that every batch uses them: all but those of a timm backbone that a
    trial uses. (timm's models compute the same graph for each batch; of other code that is not known.)

    Args:
        model: a specialist, or any module.
        device: where it is.
    """
    backbone = getattr(model, "backbone", None)
    certain = _used(backbone, device) if isinstance(backbone, TimmBackbone) else set()
    return [one for one in model.parameters() if id(one) not in certain]


def _used(backbone: TimmBackbone, device: torch.device) -> set[int]:
    """The parameters that one face's map depends on, by their ids. Neither gradients nor statistics are left behind."""
    wanted = [one for one in backbone.parameters() if one.requires_grad]
    if not wanted:
        return set()
    training = backbone.training
    backbone.eval()
    size = backbone.image_size
    with torch.enable_grad():
        cells = backbone(torch.zeros(1, 3, size, size, device=device))
        found = torch.autograd.grad(cells.sum(), wanted, allow_unused=True)
    backbone.train(training)
    return {id(one) for one, gradient in zip(wanted, found, strict=True) if gradient is not None}
