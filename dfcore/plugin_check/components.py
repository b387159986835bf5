"""Constructing and running components on made tensors and images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dfcore.announcement.source import place_of
from dfcore.data.protocols import Face
from dfcore.errors import PluginError
from dfcore.plugin_check.problems import Problems
from dfcore.plugins.calls import construct, dotted, plugin_code
from dfcore.specs import MAP_SIZE, ComponentSpec
from dfcore.testing.views import clip_footage
from dfcore.training.features import require_feature_augmentation, require_feature_loss
from dfcore.training.losses import require_loss
from dfcore.training.protocols import require_callback

__all__ = [
    "check_attention_head",
    "check_backbone",
    "check_callback",
    "check_classifier",
    "check_face_detector",
    "check_feature_augmentation",
    "check_feature_loss",
    "check_loss",
]

FEATURES, CHANNELS = 16, 8
"""Of the made tensors: F of the backbone's map, C of the cue map."""
CELLS = MAP_SIZE * MAP_SIZE


def check_backbone(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it without pretrained weights, and run it on two images."""
    what = f"backbone {spec.name!r}"
    with problems.kept(what, spec.factory):
        backbone = construct(what, spec.factory, spec.name, pretrained=False, weights=None)
        sizes = {name: getattr(backbone, name, None) for name in ("num_features", "image_size")}
        for name, value in sizes.items():
            if type(value) is not int or value < 1:
                raise PluginError(f"{_at(what, backbone)} must have an integer {name} above 0, not {value!r}.")
        side = sizes["image_size"] or 0
        found = _run(what, spec, backbone, torch.randn(2, 3, side, side))
        _require(what, backbone, found, (2, sizes["num_features"] or 0, MAP_SIZE, MAP_SIZE))


def check_attention_head(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it and run it on a backbone's and a cue module's made maps."""
    what = f"attention head {spec.name!r}"
    with problems.kept(what, spec.factory):
        head = construct(what, spec.factory, features=FEATURES, channels=CHANNELS, heads=4, dropout=0.1)
        maps = (torch.randn(2, size, MAP_SIZE, MAP_SIZE) for size in (FEATURES, CHANNELS))
        found = _run(what, spec, head, *maps)
        for name, shape in (
            ("pooled", (2, FEATURES)),
            ("cues", (2, CHANNELS * CELLS)),
            ("attention", (2, CELLS, CELLS)),
        ):
            if not hasattr(found, name):
                raise PluginError(
                    f"{_at(what, head)} returned a {type(found).__name__} without {name!r}. Write `return "
                    "Attended(pooled, cues, attention)`, of dfcore.models.protocols."
                )
            _require(f"{what}: {name}", head, getattr(found, name), shape)


def check_classifier(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it and run it on made features."""
    what = f"classifier {spec.name!r}"
    with problems.kept(what, spec.factory):
        features = FEATURES + CHANNELS * CELLS
        classifier = construct(what, spec.factory, features=features, dropout=0.1)
        _require(what, classifier, _run(what, spec, classifier, torch.randn(2, features)), (2, 2))


def check_loss(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it with and without class weights, and take the loss of two samples."""
    for weights in (None, torch.tensor([0.5, 1.5])):
        with problems.kept(f"loss {spec.name!r}", spec.factory):
            require_loss(spec.name, construct(f"loss {spec.name!r}", spec.factory, class_weights=weights))


def check_feature_loss(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it, and take the loss of four made features."""
    what = f"feature loss {spec.name!r}"
    with problems.kept(what, spec.factory):
        require_feature_loss(spec.name, construct(what, spec.factory))


def check_feature_augmentation(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it, and augment four made features."""
    what = f"feature augmentation {spec.name!r}"
    with problems.kept(what, spec.factory):
        require_feature_augmentation(spec.name, construct(what, spec.factory))


def check_face_detector(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it and look for faces in a grey image and in a made one."""
    what = f"face detector {spec.name!r}"
    with problems.kept(what, spec.factory):
        detector = construct(what, spec.factory)
        luma = clip_footage(frames=1).y[0]
        for image in (np.full((96, 128, 3), 128, np.uint8), np.repeat(luma[..., None], 3, axis=2)):
            with plugin_code(what, spec.factory):
                found = detector.detect(image)
            if not isinstance(found, list) or not all(isinstance(face, Face) for face in found):
                raise PluginError(
                    f"{_at(what, detector)} must return a list of dfcore.data.protocols.Face, [] where there is none; "
                    f"it returned {found!r}."
                )


def check_callback(spec: ComponentSpec, problems: Problems) -> None:
    """Construct it, and see that its methods can be called as the training loop calls them; none is but state_dict."""
    what = f"callback {spec.name!r}"
    with problems.kept(what, spec.factory):
        callback = construct(what, spec.factory)
        require_callback(callback)
        with plugin_code(what, spec.factory):
            state = callback.state_dict()
        if not isinstance(state, dict):
            place = place_of(type(callback).state_dict)
            raise PluginError(
                f"{what}, {dotted(type(callback))}: state_dict ({place}) returned a {type(state).__name__}, not a "
                "dictionary. Write `return {}` where there is nothing to resume."
            )


def _run(what: str, spec: ComponentSpec, module: Any, *given: Tensor) -> Any:
    if isinstance(module, torch.nn.Module):
        module.eval()
    with torch.no_grad(), plugin_code(what, spec.factory):
        return module(*given)


def _require(what: str, module: Any, found: Any, expected: tuple[int, ...]) -> None:
    if not isinstance(found, Tensor) or found.shape != expected:
        gave = list(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise PluginError(f"{_at(what, module)} gave {gave}, expected {list(expected)}.")
    if not torch.isfinite(found).all():
        raise PluginError(f"{_at(what, module)} gave values that are not finite numbers on made input.")


def _at(what: str, thing: Any) -> str:
    place = place_of(getattr(type(thing), "forward", type(thing)))
    return f"{what}, {dotted(type(thing))} ({place}),"
