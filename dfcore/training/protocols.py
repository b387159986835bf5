"""What the replaceable parts of training must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from dfcore.training.run import Run

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


@runtime_checkable
class Callback(Protocol):
    """Something that happens beside training. Constructed with no arguments.

    Every process calls every method; one that writes or prints asks ``run.world.is_main``. ``run`` is the same
    :class:`dfcore.training.run.Run` throughout. Setting ``run.stop`` to a reason ends training after the epoch.
    """

    def on_start(self, run: Run) -> None:
        """Before the first step, or the first step after a resume (the state is loaded by then)."""
        ...

    def on_step(self, run: Run) -> None:
        """After each optimiser step. Reading a tensor's value here makes a GPU wait: do it rarely."""
        ...

    def on_epoch(self, run: Run) -> None:
        """After each epoch's validation; ``run.history[-1]`` is the epoch's line."""
        ...

    def on_finish(self, run: Run) -> None:
        """After the last epoch. A finish that was cut short is called again by the resumed run."""
        ...

    def on_exit(self, run: Run) -> None:
        """At the very end, also after an error or an interruption: to close what is open."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: plain numbers, strings, lists, dictionaries, tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        ...


class BaseCallback:
    """A callback that does nothing, to start from."""

    def on_start(self, run: Run) -> None:
        """Nothing."""

    def on_step(self, run: Run) -> None:
        """Nothing."""

    def on_epoch(self, run: Run) -> None:
        """Nothing."""

    def on_finish(self, run: Run) -> None:
        """Nothing."""

    def on_exit(self, run: Run) -> None:
        """Nothing."""

    def state_dict(self) -> dict[str, Any]:
        """No state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """No state."""
