"""Batch norms as part of the convolutions before them, for a backbone that only judges.

With fixed statistics a batch norm is a scale and a shift of each channel, and so is a convolution times a scale plus a
bias: ``g (conv(x, W) + b - m) / sqrt(v + e) + h`` is ``conv(x, s W) + (b - m) s + h`` with ``s = g / sqrt(v + e)``.
What such a norm reads and writes, the whole of a layer's map, is saved.

Which convolution feeds which norm, and nothing else, no list of modules tells. So the network is run once with a value
that has a type and nothing more (:class:`_Value`), and its convolutions and norms note what they are given. A network
that needs to know a size or a number, reads the weights of a convolution or norm itself, gives something else than
tensors, or has hooks, is left as it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from dfcore.errors import PluginError
from dfcore.models.backbones.halves import has_hooks
from dfcore.plugins.calls import dotted

__all__ = ["FoldedNorm", "fold_norms", "foldable_part"]

_log = logging.getLogger(__name__)

LARGEST = 2.0**15
"""Of a folded weight or bias: half precision, in which a GPU may compute, ends at twice that."""
_CONVOLUTIONS = {("torch.nn.modules.conv", "Conv2d"), ("timm.layers.conv2d_same", "Conv2dSame")}
_NORMS = {("torch.nn.modules.batchnorm", "BatchNorm2d"), ("timm.layers.norm_act", "BatchNormAct2d")}
"""By their names: timm may not be imported yet. A class derived from one is not one: it may standardise its weights."""


class FoldedNorm(nn.Module):
    """What is left of a batch norm: timm's has an activation."""

    def forward(self, x: Tensor) -> Tensor:
        """``x`` as it is, or what the layers in the norm make of it."""
        for layer in self._modules.values():
            x = layer(x) if layer is not None else x
        return x


class _Unknown(Exception):  # noqa: N818 - says of what
    """Code was reached that computes with what a :class:`_Value` does not have."""


class _Value(Tensor):
    """A tensor of which neither size nor numbers are known.

    Attributes:
        users: how often it was given to a function.
    """

    users: int

    @staticmethod
    def make() -> _Value:
        """Another one."""
        value = torch.Tensor._make_wrapper_subclass(_Value, ())
        value.users = 0
        return value

    @classmethod
    def __torch_function__(cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Another value, whatever is computed."""
        for one in _values((args, kwargs)):
            one.users += 1
        return _Value.make()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Never: compiled code came here, of which not all is seen."""
        raise _Unknown(str(func))


def _values(given: Any) -> Iterator[_Value]:
    if isinstance(given, _Value):
        yield given
    elif isinstance(given, dict):
        yield from _values(list(given.values()))
    elif isinstance(given, (list, tuple)):
        for one in given:
            yield from _values(one)


def foldable_part(backbone: nn.Module) -> nn.Module | None:
    """The part of a backbone that it names ``foldable``; None where it names none.

    What a class says of itself holds no more where a class derived from it has a ``forward`` of its own: that may call
    the part's layers one by one.

    Raises:
        PluginError: it has no such part.
    """
    name = getattr(backbone, "foldable", None)
    if name is None:
        return None
    for kind in () if "foldable" in vars(backbone) else type(backbone).__mro__:
        if "foldable" in vars(kind):
            break
        if "forward" in vars(kind):
            return None
    try:
        return backbone.get_submodule(name)
    except AttributeError as error:
        raise PluginError(
            f"backbone {dotted(type(backbone))} says foldable = {name!r}, and has no such part. Name an attribute that "
            "is a module, or leave `foldable` out."
        ) from error


def fold_norms(network: nn.Module) -> int:
    """Make the batch norms of a network part of the convolutions before them, where nothing else sees what is between.

    What the network gives changes by rounding alone. It must not be trained afterwards, and its parameters are others.

    Args:
        network: takes one tensor; in evaluation mode, with its weights.

    Returns:
        How many were.
    """
    if network.training or has_hooks(network):
        return 0
    folded = 0
    for convolution, norm in _pairs(network):
        if _fold(convolution, norm):
            norm._parameters.clear()
            norm._buffers.clear()
            norm.__class__ = FoldedNorm  # whoever holds it besides its parent
            folded += 1
    return folded


def _pairs(network: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    """Each convolution whose result is seen by one batch norm alone, which sees nothing else; with that norm."""
    convolutions = [one for one in network.modules() if _is_one_of(one, _CONVOLUTIONS)]
    norms = [one for one in network.modules() if _is_one_of(one, _NORMS) and _can_go(one)]
    if not convolutions or not norms:
        return []
    calls: Counter[nn.Module] = Counter()
    origins: list[tuple[nn.Module, _Value]] = []
    seen: list[tuple[nn.Module, _Value]] = []

    def convolve(one: nn.Module, given: Any) -> _Value:
        calls[one] += 1
        _use(given)
        origins.append((one, _Value.make()))
        return origins[-1][1]

    def normalise(one: nn.Module, given: Any) -> _Value:
        calls[one] += 1
        _use(given)
        seen.append((one, given))
        return _Value.make()

    with _as_before(network), _replaced(convolutions, convolve), _replaced(norms, normalise):
        try:
            with torch.inference_mode():
                found = network(_Value.make())
            if not _is_plain(found):
                raise _Unknown(f"it gives a {type(found).__name__}")
            _use(found)
        except Exception as error:  # foreign code that got a value of which it knows nothing
            _log.debug("the batch norms of %s stay apart: %s: %s", type(network).__name__, type(error).__name__, error)
            return []
    by_value = {id(value): (one, value) for one, value in origins}
    joined = [(*by_value[id(value)], norm) for norm, value in seen if id(value) in by_value]
    return [
        (convolution, norm)
        for convolution, value, norm in joined
        if value.users == 1 and calls[convolution] == calls[norm] == 1
    ]


def _use(given: Any) -> None:
    for value in _values(given):
        value.users += 1


def _is_plain(given: Any) -> bool:
    """Whether :func:`_values` finds all values in it."""
    if isinstance(given, dict):
        return all(map(_is_plain, given.values()))
    return all(map(_is_plain, given)) if isinstance(given, (list, tuple)) else isinstance(given, Tensor)


@contextmanager
def _as_before(network: nn.Module) -> Iterator[None]:
    """What modules keep inside is not there afterwards: a value without numbers would stand for the real one."""
    kept = [held for one in network.modules() for held in (vars(one), one._buffers, one._parameters, one._modules)]
    before = [(held, dict(held)) for held in kept]
    try:
        yield
    finally:
        for held, values in before:
            held.clear()
            held.update(values)


@contextmanager
def _replaced(modules: list[nn.Module], forward: Callable[[nn.Module, Any], _Value]) -> Iterator[None]:
    """Inside, the modules compute ``forward``, and have no parameters and statistics that others could read."""
    before = [(one, one._parameters, one._buffers) for one in modules]
    try:
        for one, *_ in before:
            vars(one).update(_parameters={}, _buffers={})
            vars(one)["forward"] = lambda given, one=one: forward(one, given)
        yield
    finally:
        for one, parameters, buffers in before:
            vars(one).update(_parameters=parameters, _buffers=buffers)
            vars(one).pop("forward", None)


def _is_one_of(module: nn.Module, kinds: set[tuple[str, str]]) -> bool:
    return (type(module).__module__, type(module).__qualname__) in kinds and "forward" not in vars(module)


def _can_go(norm: nn.Module) -> bool:
    """Whether the norm has statistics, and holds nothing but what :class:`FoldedNorm` computes in the same order."""
    return norm.running_mean is not None and list(norm._modules) in ([], ["drop", "act"])


def _fold(convolution: Any, norm: Any) -> bool:
    """Whether the norm's scale and shift could be put into the convolution; nothing is changed where not."""
    weight: Tensor = convolution.weight
    if weight.dtype != torch.float32 or weight.shape[0] != norm.num_features:
        return False
    with torch.no_grad():
        scale = torch.rsqrt(_exact(norm.running_var) + norm.eps)
        shift = -_exact(norm.running_mean)
        shift = shift if convolution.bias is None else shift + _exact(convolution.bias)
        scale = scale if norm.weight is None else scale * _exact(norm.weight)
        shift = shift * scale if norm.bias is None else shift * scale + _exact(norm.bias)
        least, most = (float(value) for value in weight.aminmax())
        widest = max(-least, most) * float(scale.abs().max())
        if not (widest <= LARGEST and float(shift.abs().max()) <= LARGEST):  # nor where one is no number
            return False
        scaled = weight.clone().mul_(scale.float().to(weight.device).view(-1, 1, 1, 1))  # others may share the weight
        convolution.weight = nn.Parameter(scaled, requires_grad=weight.requires_grad)
        convolution.bias = nn.Parameter(shift.float().to(weight.device), requires_grad=weight.requires_grad)
    return True


def _exact(tensor: Tensor) -> Tensor:
    """In float64, on the CPU: the same from whatever device, and not all of them have it."""
    return tensor.detach().cpu().double()
