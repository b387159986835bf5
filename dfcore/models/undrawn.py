"""Building a module whose parameters are replaced at once: no start is given to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["Undrawn"]

_STARTING = frozenset(
    getattr(torch.Tensor, f"{name}_")
    for name in (
        *("normal", "uniform", "log_normal", "exponential", "cauchy", "bernoulli", "random", "erfinv"),
        *("fill", "zero", "copy", "add", "sub", "mul", "div", "clamp"),
    )
)
"""By which initialisers write into a tensor."""


class Undrawn(TorchFunctionMode):
    """A context in which modules are built with parameters of any value: for those that get saved ones afterwards.

    Half of the time of building an EfficientNet goes into drawing weights that a file then replaces; and a parameter
    that nothing was written into takes no memory yet. Parameters alone are left so, all of which a state dict holds;
    buffers are made as ever. torch's own generator is not advanced by parameters.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Leave a parameter as it is where it would be written into."""
        if func in _STARTING and args and isinstance(args[0], nn.Parameter):
            return args[0]
        return func(*args, **(kwargs or {}))
