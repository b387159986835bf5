"""Run a model over samples: every sample once, on however many processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dfcore.data.views.finish import move_views
from dfcore.evaluation.metrics.scores import probability_of

__all__ = ["Predictions", "predict_samples"]


class _Precision(Protocol):
    def autocast(self) -> AbstractContextManager[Any]: ...


class _World(Protocol):
    def gather(self, value: Any) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model said of N samples.

    Attributes:
        video: int64 ``[N]``, the sample's video (its position in the dataset).
        label: int64 ``[N]``, 0 real, 1 fake.
        logits: float32 ``[N, 2]`` of the classifier.
        cue_logits: float32 ``[N, 2]`` of the cue head alone.
        judged: bool ``[N]``, False where the specialist abstains from the sample's clip; None where it never does.
    """

    video: NDArray[np.int64]
    label: NDArray[np.int64]
    logits: NDArray[np.float32]
    cue_logits: NDArray[np.float32]
    judged: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.label)

    def only(self, chosen: NDArray[np.bool_]) -> Predictions:
        """Those that are chosen."""
        judged = None if self.judged is None else self.judged[chosen]
        return Predictions(self.video[chosen], self.label[chosen], self.logits[chosen], self.cue_logits[chosen], judged)

    @property
    def margin(self) -> NDArray[np.float64]:
        """``[N]``, the classifier's log-odds of "fake"."""
        return _margin(self.logits)

    @property
    def cue_margin(self) -> NDArray[np.float64]:
        """``[N]``, the cue head's log-odds of "fake"."""
        return _margin(self.cue_logits)

    @property
    def fake(self) -> NDArray[np.float64]:
        """``[N]``, the classifier's probability of "fake"."""
        return probability_of(self.margin)

    @property
    def cue_fake(self) -> NDArray[np.float64]:
        """``[N]``, the cue head's probability of "fake"."""
        return probability_of(self.cue_margin)


def _margin(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return logits[:, 1].astype(np.float64) - logits[:, 0]


@torch.no_grad()
def predict_samples(
    model: nn.Module,
    loader: Iterable[Mapping[str, Any]],
    device: torch.device,
    precision: _Precision,
    world: _World,
    *,
    channels_last: bool = False,
    check: Callable[[], None] | None = None,
) -> Predictions:
    """Run ``model`` in evaluation mode over this process's share of the samples, and gather all of them.

    Args:
        model: the bare model (not wrapped for distributed training); its mode is restored afterwards.
        loader: batches ``{"views", "label", "video"}``, with ``"judged"`` where the specialist may abstain, of the
            samples ``rank, rank + size, ...`` in that order, as
            :func:`dfcore.training.loaders.evaluation_loader` gives them: no sample twice, none left out.
        device: where the model is.
        precision: its ``autocast()`` is the context of the forward pass.
        world: the processes that take part.
        channels_last: memory format of the images.
        check: called before each batch; may raise to stop.

    Returns:
        The same predictions on every process, in the dataset's order whatever the number of processes.
    """
    was_training = model.training
    model.eval()
    parts: list[tuple[Tensor, ...]] = []
    try:
        for batch in loader:
            if check is not None:
                check()
            with precision.autocast():
                output = model(move_views(batch["views"], device, channels_last=channels_last))
            # Kept on the device: copying each batch back would make the CPU wait for it.
            judged = batch.get("judged", torch.ones(len(batch["label"]), dtype=torch.bool))
            parts.append((batch["video"], batch["label"], output.logits.float(), output.cue_logits.float(), judged))
    finally:
        model.train(was_training)
    return _interleave(world.gather(_to_arrays(parts)))


def _to_arrays(parts: list[tuple[Tensor, ...]]) -> tuple[NDArray, ...]:
    if not parts:
        nothing = np.zeros((0, 2), np.float32)
        return np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, nothing, np.zeros(0, np.bool_)
    return tuple(torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True))


def _interleave(shares: list[tuple[NDArray, ...]]) -> Predictions:
    """Put the shares ``r, r + size, ...`` of the processes back into one order."""
    size = len(shares)
    position = np.concatenate([rank + size * np.arange(len(share[0])) for rank, share in enumerate(shares)])
    order = np.argsort(position)
    video, label, logits, cue_logits, judged = (np.concatenate(column)[order] for column in zip(*shares, strict=True))
    return Predictions(video, label, logits, cue_logits, judged)
