"""What is trained, each at the same budget: the same samples, steps, batches, optimiser.

``cue``: the cue module's learned part and the linear cue head, nothing else. ``backbone``: the frozen backbone's mean
features and the core's classifier. ``both``: the core's own :class:`Specialist` over both, with its attention head and
its loss on the cue head beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.attention import CrossAttentionHead
from dfcore.models.classifier import MLPClassifier
from dfcore.models.specialist import Parts, Specialist
from dfcore.specs import MAP_SIZE, SpecialistSpec

from .features import Learned
from .samples import Samples

__all__ = ["ARMS", "Budget", "cell_parts", "predict", "train"]

ARMS = ("cue", "backbone", "both")
CUE_WEIGHT = 0.3
"""Weight of the cue head's loss in ``both``: what the curriculum's stages use."""
OWN_WEIGHT = 0.3
"""Weight of the cue module's own loss, where it has one (the curriculum's ``stage.auxiliary_weight``)."""
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Budget:
    """How long is trained, and how fast."""

    steps: int = 100
    lr: float = 1e-3
    weight_decay: float = 1e-2


class _Cue(nn.Module):
    def __init__(self, spec: SpecialistSpec) -> None:
        super().__init__()
        self.learned = Learned(spec)
        self.head = nn.Linear(spec.features, 2)

    def forward(self, data: Mapping[str, Tensor], _: Tensor | None, labels: Tensor | None) -> tuple[Tensor, ...]:
        logits = self.head(self.learned(data).flatten(1))
        own = self.learned.auxiliary_loss(data, labels) if labels is not None else None
        return (logits,) if own is None else (logits, own)


class _Backbone(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.classifier = MLPClassifier(features)

    def forward(self, _: Mapping[str, Tensor], tokens: Tensor, __: Tensor | None) -> tuple[Tensor, ...]:
        return (self.classifier(self.norm(tokens.mean((2, 3)))),)


class _Kept(nn.Module):
    """Stands for the backbone: its map is already there."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.num_features, self.image_size = features, 0


class _Both(Specialist):
    """The core's specialist over kept maps."""

    def __init__(self, spec: SpecialistSpec, features: int) -> None:
        head, judge = CrossAttentionHead(features, spec.channels), MLPClassifier(features + spec.features)
        super().__init__(spec, Parts(_Kept(features), Learned(spec), head, judge), {})
        self.view_names = ("face",)

    def forward(self, data: Mapping[str, Tensor], tokens: Tensor, labels: Tensor | None) -> tuple[Tensor, ...]:
        output = super().forward({**data, "face": tokens}, labels)
        return output.logits, output.auxiliary, output.cue_logits

    def tokens(self, face: Tensor) -> Tensor:
        return face


def _build(arm: str, spec: SpecialistSpec, samples: Samples) -> nn.Module:
    if arm == "cue":
        return _Cue(spec)
    assert samples.tokens is not None
    features = samples.tokens.shape[1]
    return _Backbone(features) if arm == "backbone" else _Both(spec, features)


def train(
    arm: str, spec: SpecialistSpec, samples: Samples, chosen: NDArray[np.int64], budget: Budget, seed: int
) -> nn.Module:
    """A model of an arm, trained on the samples numbered ``chosen``; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _build(arm, spec, samples)
        optimiser = torch.optim.AdamW(model.parameters(), lr=budget.lr, weight_decay=budget.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, budget.lr, total_steps=budget.steps, pct_start=0.1)
        model.train()
        for batch in _batches(chosen, budget.steps, generator):
            labels = torch.from_numpy(samples.label[batch])
            loss = _loss(_run(model, samples, batch, labels), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return model.eval()


def _batches(chosen: NDArray[np.int64], steps: int, generator: torch.Generator) -> Iterator[NDArray[np.int64]]:
    """So many batches, going through the samples in a new order each time."""
    size = min(_BATCH, len(chosen))
    left = chosen[:0]
    for _ in range(steps):
        if len(left) < size:
            left = chosen[torch.randperm(len(chosen), generator=generator).numpy()]
        yield left[:size]
        left = left[size:]


@torch.no_grad()
def predict(model: nn.Module, samples: Samples, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Margins fake - real ``[n]`` of the samples numbered ``chosen``."""
    rows, back = np.unique(samples.row[chosen], return_inverse=True)
    first = {int(row): i for i, row in reversed(list(enumerate(samples.row)))}
    numbers = np.array([first[int(row)] for row in rows], np.int64)
    margins = []
    for start in range(0, len(numbers), _BATCH):
        logits = _run(model, samples, numbers[start : start + _BATCH])[0]
        margins.append((logits[:, 1] - logits[:, 0]).double().numpy())
    return np.concatenate(margins)[back] if margins else np.zeros(0)


@torch.no_grad()
def cell_parts(
    model: nn.Module, samples: Samples, chosen: NDArray[np.int64], genuine: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What each cell adds to the margin of the samples numbered ``chosen``: ``[n, 7, 7]``, of a cue head.

    A cue head is linear in the cells, so their sum is the margin less the genuine samples' mean margin.
    """
    assert isinstance(model, _Cue)

    def maps(numbers: NDArray[np.int64]) -> Tensor:
        rows = torch.from_numpy(samples.row[numbers])
        return model.learned({name: values[rows] for name, values in samples.data.items()})

    weight = model.head.weight[1] - model.head.weight[0]
    usual = maps(genuine).mean(0, keepdim=True)
    moved = (maps(chosen) - usual).flatten(2)  # [n, C, 49]
    parts = (moved * weight.view(1, moved.shape[1], -1)).sum(1)
    return parts.view(len(parts), MAP_SIZE, MAP_SIZE).double().numpy()


def _loss(output: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """``output``: logits; the cue module's own loss, where it has one; the cue head's logits, where it is beside."""
    loss = F.cross_entropy(output[0], labels)
    if len(output) > 1:
        loss = loss + OWN_WEIGHT * output[1]
    if len(output) > 2:
        loss = loss + CUE_WEIGHT * F.cross_entropy(output[2], labels)
    return loss


def _run(
    model: nn.Module, samples: Samples, batch: NDArray[np.int64], labels: Tensor | None = None
) -> tuple[Tensor, ...]:
    rows = torch.from_numpy(samples.row[batch])
    tokens = None if samples.tokens is None else samples.tokens[rows].float()
    found: tuple[Tensor, ...] = model({name: values[rows] for name, values in samples.data.items()}, tokens, labels)
    return found
