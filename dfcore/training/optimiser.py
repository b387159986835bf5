"""The optimiser and its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["learning_rate", "make_optimiser", "set_learning_rate"]


def learning_rate(step: int, total: int, peak: float, warmup: float) -> float:
    """The rate of optimiser step ``step`` (from 0) of ``total``: a linear rise, then a cosine to 0.

    With ``W = round(warmup * total)`` steps of rise, step ``k < W`` has ``peak * (k + 1) / (W + 1)``; step W has the
    peak, and a step ``total`` would have 0. The function has no state: a resumed run goes on where it was.
    """
    rise = min(round(warmup * total), total - 1)
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def make_optimiser(model: nn.Module, *, lr: float, weight_decay: float, device: torch.device) -> torch.optim.AdamW:
    """AdamW over the parameters that learn; norms, biases and other vectors are not decayed.

    Decay pulls a norm's scale or a bias towards 0, which regularises nothing (Loshchilov and Hutter, 2019, decay
    weights; leaving vectors out is the custom since He et al., 2019, "Bag of Tricks").
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = device.type == "cuda"  # one kernel for all parameters
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=fused)
