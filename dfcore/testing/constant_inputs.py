"""What an input that never varied in training can do to a score: as little as any other.

A fresh cue module sees made clips in training mode with one channel of one view held at one value, as a codec's flag is
in footage of one codec. Then, in evaluation mode, that channel takes other values. How far this moves the margin of a
cue head, by many random ones, is measured in the spread of the margins of different clips.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dfcore.models.factory import cue_module
from dfcore.specs import SpecialistSpec
from dfcore.testing.views import made_views

__all__ = ["MOST", "Moved", "constant_inputs"]

MOST = 20.0
"""Spreads of the margins of usual clips that a channel which was constant in training may move a margin by."""
_HELD = 1.0
_VALUES = (0.0, -1.0, 30.0)
"""What the channel takes after training: a flag's other value, "unknown", an unusual one."""
_CLIPS = 2
_HEADS = 32
_FEW = 8
"""An axis of a view of up to so many places, before the two of a map, holds channels: each is held for itself."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How far an input moved the margin.

    Attributes:
        view: the view's name.
        channel: which of its channels, as an index such as ``[:, :, 2]``; "" for the whole view.
        spreads: of the margins of different clips.
    """

    view: str
    channel: str
    spreads: float


def constant_inputs(spec: SpecialistSpec, *, seed: int = 0) -> list[Moved]:
    """Each float view of a specialist and each of its channels, held in training and then moved; the farthest first.

    Args:
        spec: the specialist; its cue module is built and run on made clips.
        seed: of its weights and the cue heads'.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        module, head = cue_module(spec), nn.Linear(spec.features, _HEADS)
        made = made_views(spec, _CLIPS)
        views = {name: made[name] for name in dict.fromkeys((*spec.views, *(one.name for one in spec.evidence)))}
        spread = float(_margins(_trained(module, views), head, views).std(0).mean()) + 1e-6
        found = []
        for name, index in _channels(views):
            held = _with(views, name, index, _HELD)
            trained = _trained(module, held)
            start = _margins(trained, head, held)
            ends = [_margins(trained, head, _with(views, name, index, value)) for value in _VALUES]
            # A margin that is no number has moved without bound.
            far = max(float((end - start).square().mean(1).sqrt().nan_to_num(torch.inf).max()) for end in ends)
            found.append(Moved(name, _written(index), far / spread))
    return sorted(found, key=lambda moved: -moved.spreads)


def _trained(module: nn.Module, views: Mapping[str, Tensor]) -> nn.Module:
    """A copy in evaluation mode whose statistics are those of ``views``."""
    module = copy.deepcopy(module).train()
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None  # plain means: one pass is enough
            part.reset_running_stats()
    module(views)
    return module.eval()


def _margins(module: nn.Module, head: nn.Linear, views: Mapping[str, Tensor]) -> Tensor:
    margins: Tensor = head(module(views).flatten(1))
    return margins


def _channels(views: Mapping[str, Tensor]) -> Iterator[tuple[str, tuple[int | slice, ...]]]:
    for name, view in views.items():
        if not view.is_floating_point():
            continue  # images: what is seen in them is no side channel
        yield name, ()
        for axis in range(1, view.ndim - 2):
            if 1 < view.shape[axis] <= _FEW:
                before: tuple[int | slice, ...] = (slice(None),) * axis
                yield from ((name, (*before, place)) for place in range(view.shape[axis]))


def _with(views: Mapping[str, Tensor], name: str, index: tuple[int | slice, ...], value: float) -> dict[str, Tensor]:
    changed = views[name].clone()
    changed[index] = value
    return {**views, name: changed}


def _written(index: tuple[int | slice, ...]) -> str:
    return f"[{', '.join(':' if isinstance(part, slice) else str(part) for part in index)}]" if index else ""
