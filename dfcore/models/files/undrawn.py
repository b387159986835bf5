"""Building a module whose parameters are replaced at once: no start is given to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["TooLarge", "Undrawn"]

_WRITING = frozenset(
    getattr(torch.Tensor, f"{name}_")
    for name in (
        *("normal", "uniform", "log_normal", "exponential", "cauchy", "bernoulli", "random", "erfinv"),
        *("fill", "zero", "copy", "add", "sub", "mul", "div", "clamp"),
    )
)
"""By which initialisers write into a tensor."""
_STARTING = _WRITING | {
    initialiser
    for name, initialiser in vars(nn.init).items()
    if name.endswith("_") and not name.startswith("_") and callable(initialiser)
}
"""These, and torch's initialisers themselves: what they call is not seen here once one of them was."""
_MAKING = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})


class TooLarge(Exception):  # noqa: N818 - says of what
    """What is built takes more memory than it may."""


class Undrawn(TorchFunctionMode):
    """A context in which modules are built with parameters of any value: for those that get saved ones afterwards.

    Half of the time of building an EfficientNet goes into drawing weights that a file then replaces; and a parameter
    that nothing was written into takes no memory yet. Parameters alone are left so, all of which a state dict holds;
    buffers are made as ever. torch's own generator is not advanced by parameters.

    Args:
        limit: bytes of tensors that may be made, those that are dropped again counted in.

    Raises:
        TooLarge: from inside, where more are made; none of their memory was written to yet.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self._made = limit, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Leave a parameter as it is where it would be written into."""
        if func in _STARTING:
            target = args[0] if args else (kwargs or {}).get("tensor")
            if isinstance(target, nn.Parameter):
                return target
        made = func(*args, **(kwargs or {}))
        if func in _MAKING:
            self._made += made.nbytes
            if self._made > self.limit:
                raise TooLarge(f"more than {self.limit / 2**20:.0f} MiB")
        return made
