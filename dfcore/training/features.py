"""Losses and augmentations of the features that the classifier sees, by their announced names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dfcore.announcement.source import place_of
from dfcore.config import StageConfig
from dfcore.errors import ConfigError, PluginError
from dfcore.plugins import registry
from dfcore.plugins.calls import construct, dotted, plugin_code

__all__ = [
    "Alignment",
    "FeatureTerm",
    "Slerp",
    "Uniformity",
    "build_feature_augmentations",
    "build_feature_losses",
    "feature_loss",
    "require_feature_augmentation",
    "require_feature_loss",
    "slerp",
]

_NEAREST = 1e-6
"""How near to 1 or -1 a cosine counts as it is: the angle's gradient has no bound at them."""


class Alignment(nn.Module):
    """How far apart features of the same class lie: the mean of ``|f(x) - f(y)|^alpha`` over the pairs of a batch with
    one label (Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on
    the Hypersphere", ICML 2020, section 4.1, ``L_align``; the positive pairs here are those of a class).
    """

    def __init__(self, alpha: float = 2.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """``features`` ``[B, D]`` of length 1 and ``labels`` ``[B]`` to ``[]``; 0 where no two have one label."""
        distances, first, second = _pairs(features)
        same = (labels[first] == labels[second]).to(distances)
        # A root's gradient is infinite at 0, and equal features occur; a square needs no root.
        powers = distances if self.alpha == 2 else distances.clamp(min=1e-12) ** (self.alpha / 2)
        return (powers * same).sum() / same.sum().clamp(min=1)


class Uniformity(nn.Module):
    """How unevenly features lie on the sphere: ``log mean exp(-t * |f(x) - f(y)|^2)`` over all pairs of a batch (Wang
    and Isola, ICML 2020, section 4.1, ``L_uniform``, with their t = 2). 0 is the worst; the labels do not count.
    """

    def __init__(self, t: float = 2.0) -> None:
        super().__init__()
        self.t = t

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """``features`` ``[B, D]`` of length 1 to ``[]``; 0 for a batch of one."""
        distances, _, _ = _pairs(features)
        if not len(distances):
            return features.sum() * 0
        return torch.logsumexp(-self.t * distances, dim=0) - math.log(len(distances))


def _pairs(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Squared distances of every two samples, ``[B (B - 1) / 2]``, and which two they are."""
    squares = (features * features).sum(dim=1)
    distances = (squares[:, None] + squares - 2 * features @ features.T).clamp(min=0)
    first, second = torch.triu_indices(len(features), len(features), 1, device=features.device)
    return distances[first, second], first, second


class Slerp:
    """Spherical interpolation within a class, in training: a share of the samples is moved along the great circle
    towards a random other sample of the same class and batch, by a random part of the way. Labels stay true.

    What is drawn comes from torch's generators, whose states a resumed run takes up again.
    """

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        """``features`` ``[B, D]`` of length 1 and ``labels`` ``[B]`` to ``[B, D]`` of length 1."""
        count, device = len(features), features.device
        scores = torch.rand(count, count, device=device)
        scores = scores.masked_fill(labels[:, None] != labels, -2).fill_diagonal_(-1)  # itself, where it is alone
        ways = torch.rand(count, device=device) * (torch.rand(count, device=device) < self.share)
        return slerp(features, features[scores.argmax(dim=1)], ways)


def slerp(start: Tensor, end: Tensor, ways: Tensor) -> Tensor:
    """Points on the great circles from ``start`` to ``end`` (Shoemake, "Animating rotation with quaternion curves",
    SIGGRAPH 1985): ``sin((1 - w) a) / sin(a) * start + sin(w a) / sin(a) * end``, ``a`` being the angle between them.

    Args:
        start: ``[B, D]`` of length 1.
        end: likewise; opposite to ``start`` no circle is the shortest, and any is taken.
        ways: ``[B]``, the share of the way, 0 to 1.
    """
    cosines = (start * end).sum(dim=1).clamp(-1 + _NEAREST, 1 - _NEAREST)
    angles = torch.acos(cosines)
    mixed = torch.sin((1 - ways) * angles)[:, None] * start + torch.sin(ways * angles)[:, None] * end
    return mixed / torch.sin(angles)[:, None]


@dataclass(frozen=True, slots=True)
class FeatureTerm:
    """A loss of the features, and its weight beside the classifier's."""

    name: str
    weight: float
    loss: nn.Module


def feature_loss(term: FeatureTerm, features: Tensor | None, labels: Tensor) -> Tensor:
    """The loss of a batch; ``features`` are a specialist's.

    Raises:
        ConfigError: the model gives none.
        PluginError: the loss raises something.
    """
    if features is None:
        raise ConfigError(
            f"stage.feature_losses={term.name}: this model gives no features. Leave stage.feature_losses empty."
        )
    with plugin_code(f"feature loss {term.name!r}", type(term.loss)):
        found: Tensor = term.loss(features.float(), labels)
    return found


def build_feature_losses(stage: StageConfig, device: torch.device | None = None) -> tuple[FeatureTerm, ...]:
    """The losses that ``stage.feature_losses`` asks for.

    Raises:
        ConfigError: an entry is not of the form ``name=weight``.
        UnknownNameError: nothing of that name is announced.
        PluginError: a loss cannot be made, or gives no single number.
    """
    terms = []
    for entry in stage.feature_losses:
        name, _, text = entry.partition("=")
        terms.append(FeatureTerm(name, _weight(entry, text), _made_loss(name).to(device or "cpu")))
    return tuple(terms)


def _weight(entry: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise ConfigError(
            "stage.feature_losses takes name=weight (uniformity=0.5,alignment=0.1) with weights of at least 0, not "
            f"{entry!r}."
        )
    return weight


def _made_loss(name: str) -> nn.Module:
    spec = registry().component("feature_loss", name)
    loss: nn.Module = construct(f"feature loss {name!r}", spec.factory)
    require_feature_loss(name, loss)
    return loss


def build_feature_augmentations(stage: StageConfig) -> tuple[Callable[[Tensor, Tensor], Tensor], ...]:
    """What ``stage.feature_augment`` asks for, in its order.

    Raises:
        UnknownNameError: nothing of that name is announced.
        PluginError: one cannot be made, or gives other shapes than it was given.
    """
    return tuple(_made_augmentation(name) for name in stage.feature_augment)


def _made_augmentation(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    spec = registry().component("feature_augmentation", name)
    made: Any = construct(f"feature augmentation {name!r}", spec.factory)
    require_feature_augmentation(name, made)
    augment: Callable[[Tensor, Tensor], Tensor] = made
    return augment


def require_feature_loss(name: str, loss: Callable[..., Any]) -> None:
    """Check that a loss of features gives one number for a batch.

    Raises:
        PluginError: it gives anything else, or raises something.
    """
    found = _tried(f"feature loss {name!r}", loss)
    if not isinstance(found, Tensor) or found.shape != ():
        raise _wrong(f"feature loss {name!r}", loss, found, "[]: the mean over the pairs or samples of the batch")


def require_feature_augmentation(name: str, augment: Callable[..., Any]) -> None:
    """Check that an augmentation of features keeps their shape.

    Raises:
        PluginError: it does not, or raises something.
    """
    found = _tried(f"feature augmentation {name!r}", augment)
    if not isinstance(found, Tensor) or found.shape != (4, 3):
        raise _wrong(f"feature augmentation {name!r}", augment, found, "[4, 3]: one for each sample")


def _tried(what: str, made: Callable[..., Any]) -> Any:
    features = nn.functional.normalize(torch.arange(12.0).view(4, 3).sin() + 0.1, dim=1)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), plugin_code(what, type(made)):
        return made(features, torch.tensor([0, 1, 0, 1]))


def _wrong(what: str, made: Any, found: Any, expected: str) -> PluginError:
    gave: Sequence[int] | str = list(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
    where = place_of(getattr(type(made), "forward", type(made)))
    return PluginError(f"{what}, {dotted(type(made))} ({where}), gave {gave} for features [4, 3]; expected {expected}.")
