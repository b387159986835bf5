"""What the replaceable parts of training must do."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import Protocol, runtime_checkable

from torch import Tensor

from dfcore.announcement.source import place_of
from dfcore.errors import PluginError, nearest
from dfcore.plugins.calls import dotted, plugin_code, wrong_call
from dfcore.plugins.discovery import is_plugin
from dfcore.training.run import BaseCallback, Callback, Run

__all__ = [
    "BaseCallback",
    "Callback",
    "FeatureAugmentation",
    "FeatureLoss",
    "Loss",
    "require_callback",
    "tell",
]

_CALLS = {
    **dict.fromkeys(("on_start", "on_step", "on_epoch", "on_finish", "on_exit"), ("run",)),
    "state_dict": (),
    "load_state_dict": ("state",),
}
"""The methods of a callback, and what each is called with."""


def require_callback(callback: object) -> None:
    """Check that an object has the methods of :class:`Callback`, and that they can be called as the loop calls them.

    Raises:
        PluginError: one is missing, or takes other arguments; the message gives the line and what to write.
    """
    kind = type(callback)
    path, names = dotted(kind), [name for name in dir(kind) if not name.startswith("__")]
    for name, arguments in _CALLS.items():
        method, write = getattr(callback, name, None), f"Write `def {name}({', '.join(('self', *arguments))}):`."
        if not callable(method):
            close = nearest(name, [one for one in names if one not in _CALLS])
            hint = f"Is {close!r} meant? " if close else ""
            raise PluginError(
                f"callback {path} ({place_of(kind)}) has no method {name}. {hint}{write} A subclass of "
                "dfcore.training.protocols.BaseCallback has all of them."
            )
        wrong = wrong_call(method, *arguments)
        if wrong:
            raise PluginError(f"callback {path}: {name} is called with ({', '.join(arguments)}); {wrong}. {write}")


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


@runtime_checkable
class FeatureLoss(Protocol):
    """A loss of what the classifier sees, an ``nn.Module``. Constructed with no arguments."""

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        """``features`` float32 ``[B, D]`` of length 1 and ``labels`` int64 ``[B]`` to a float32 ``[]``: the mean over
        the samples, or pairs of samples, of one process's batch.
        """
        ...


@runtime_checkable
class FeatureAugmentation(Protocol):
    """Changes what the classifier sees in training. Constructed with no arguments.

    What it draws comes from torch's global generators: their states are saved with the run.
    """

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        """``features`` ``[B, D]`` of length 1 and ``labels`` int64 ``[B]`` to ``[B, D]``, whose labels are the same."""
        ...


def tell(run: Run, method: str) -> None:
    """Call a method of every callback, in their order.

    What a caller's own callback raises is the caller's, and passes through.

    Raises:
        PluginError: one of a plugin raised something; the message names the callback and the line.
    """
    for callback in run.callbacks:
        kind = type(callback)
        with plugin_code(f"{method} of callback {kind.__name__}", kind) if _of_a_plugin(kind) else nullcontext():
            getattr(callback, method)(run)


@cache
def _of_a_plugin(kind: type) -> bool:
    return is_plugin(kind.__module__)
