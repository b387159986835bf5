"""What the replaceable parts of training must do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from dfcore.training.run import BaseCallback, Callback

__all__ = ["BaseCallback", "Callback", "Loss"]


@runtime_checkable
class Loss(Protocol):
    """A loss, an ``nn.Module``. Constructed as ``factory(class_weights=Tensor[2] | None, **options)``.

    ``class_weights`` (float32, mean 1 over the samples drawn) is the share of the class-balance correction that the
    sampler does not take; None where the sampler takes all of it. Options are ``label_smoothing`` (float in 0..1),
    ``focal_gamma`` (float) and ``focal_alpha`` (float or None): each is passed only when the configuration changes it,
    and refused of a loss whose factory does not name it.
    """

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """``logits`` float32 ``[B, 2]`` and ``labels`` int64 ``[B]`` to a loss for each sample, float32 ``[B]``.

        The trainer takes the mean over all samples of an optimiser step. A loss that took its own mean over each
        batch would weigh samples by the size of the batch that they happen to be in.
        """
        ...
