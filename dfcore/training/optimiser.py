"""The optimiser and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

__all__ = ["learning_rate", "make_optimiser", "set_learning_rate"]


def learning_rate(step: int, total: int, peak: float, warmup: float, final: float = 0.0) -> float:
    """The rate of optimiser step ``step`` (from 0) of ``total``: a linear rise, then a cosine to ``final``.

    With ``W = round(warmup * total)`` steps of rise, step ``k < W`` has ``peak * (k + 1) / (W + 1)``; step W has the
    peak, and a step ``total`` would have ``final``. The function has no state: a resumed run goes on where it was.
    """
    rise = min(round(warmup * total), total - 1)
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the rate, times the group's own factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("lr_factor", 1.0)


def make_optimiser(
    model: nn.Module,
    *,
    lr: float,
    weight_decay: float,
    device: torch.device,
    factor_of: Callable[[str], float] = lambda name: 1.0,
) -> torch.optim.AdamW:
    """AdamW over the parameters that learn; norms, biases and other vectors are not decayed.

    Decay pulls a norm's scale or a bias towards 0, which regularises nothing (Loshchilov and Hutter, 2019, decay
    weights; leaving vectors out is the custom since He et al., 2019, "Bag of Tricks").

    Args:
        model: its parameters.
        lr: the learning rate.
        weight_decay: of matrices and kernels.
        device: where the model is.
        factor_of: from a parameter's name to the factor on its learning rate. The order of the groups follows that of
            the model's parameters, so that a saved state fits as long as the factors are the same.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            factor = factor_of(name)
            for decayed in (True, False):  # both, so that matrices come first whatever the first parameter is
                groups.setdefault((factor, decayed), [])
            groups[factor, parameter.ndim > 1].append(parameter)
    described = [
        {
            "params": parameters,
            "lr": lr * factor,
            "lr_factor": factor,
            "weight_decay": weight_decay if decayed else 0.0,
        }
        for (factor, decayed), parameters in groups.items()
        if parameters
    ]
    fused = device.type == "cuda"  # one kernel for all parameters
    return torch.optim.AdamW(described, lr=lr, fused=fused)
