"""Build specialists by name, and load saved ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfcore.config import code_named, convert, keys
from dfcore.errors import CheckpointError, ConfigError, ModelError, UnknownNameError
from dfcore.models import weights
from dfcore.models.specialist import Parts, Specialist
from dfcore.plugins import OFFICIAL, registry
from dfcore.specs import SpecialistSpec, resolve

__all__ = ["create", "load"]

GENERAL_BACKBONE = "timm"
"""The announced backbone that takes every name which no plugin announces."""


def create(
    name: str,
    *,
    backbone: str = "efficientnet_b4",
    pretrained: bool = True,
    backbone_weights: Path | str | None = None,
    attention_head: str = "cross",
    classifier: str = "mlp",
    heads: int = 8,
    dropout: float = 0.3,
    image_size: int = 0,
    seed: int | None = None,
    device: torch.device | str = "cpu",
) -> Specialist:
    """A new specialist, in training mode.

    Args:
        name: an installed specialist (``cm``).
        backbone: an announced backbone, else any timm model by its own name.
        pretrained: start the backbone from ImageNet weights, downloaded where they are not cached.
        backbone_weights: a file with the backbone's weights (``.safetensors`` or ``.pth``), in place of the download.
        attention_head: an announced attention head.
        classifier: an announced classifier.
        heads: attention heads.
        dropout: of attention head and classifier.
        image_size: side S of the face view in pixels; 0 lets the backbone choose (224 for ``efficientnet_b4``).
        seed: makes everything that starts at random reproducible, and leaves torch's own generator as it was.
        device: where it is put; what is drawn is the same everywhere.

    Raises:
        UnknownNameError: no such specialist, backbone, attention head or classifier.
        UsageError: the specialist announces itself only.
        ModelError: a part cannot be built or has a wrong size.
        WeightsError: the pretrained weights cannot be had, or do not fit.
    """
    spec = registry().trainable(name)
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout must be at least 0 and below 1, not {dropout}. Set model.dropout.")
    with _seeded(seed):
        eye = _backbone(backbone, pretrained, Path(backbone_weights) if backbone_weights else None, image_size)
        features = _positive(eye, "num_features", backbone)
        cue_module = _cue_module(spec)
        head = _component("attention_head", attention_head)(
            features=features, channels=spec.channels, heads=heads, dropout=dropout
        )
        judge = _component("classifier", classifier)(features=features + spec.features, dropout=dropout)
        config = {
            "backbone": backbone,
            "attention_head": attention_head,
            "classifier": classifier,
            "heads": heads,
            "dropout": dropout,
            "image_size": _positive(eye, "image_size", backbone),
        }
        return Specialist(spec, Parts(eye, cue_module, head, judge), config).to(device)


def load(path: Path | str, *, device: torch.device | str = "cpu") -> Specialist:
    """A saved specialist (``*_final.pt`` or a best-epoch ``.zip``), in evaluation mode; downloads nothing.

    Raises:
        CheckpointError: the file cannot be read or trusted, or does not fit the installed specialist.
        UnknownNameError: the specialist, or a part of it, is not installed.
    """
    path = Path(path)
    state, meta = weights.read(path)
    _require_installed(path, meta)
    _check_cues(path, meta)
    arguments = _model_arguments(path, meta["model"])
    _check_backbone(path, arguments["backbone"], arguments["image_size"], state)
    model = create(meta["specialist"], pretrained=False, **arguments)
    problems = weights.mismatches(model.state_dict(), state)
    if problems:
        raise CheckpointError(
            f"{path} does not fit the installed specialist {meta['specialist']!r}: {weights.first(problems)}. "
            f"It was written by dfcore {meta['dfcore_version']} with plugin version "
            f"{meta['plugin_version'] or 'unknown'}; install those versions, or train again."
        )
    model.load_state_dict(state)
    return model.to(device).eval()


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Seed the CPU generator inside, and put it back outside; nothing without a seed."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _component(kind: str, name: str) -> Callable[..., nn.Module]:
    spec = registry().component(kind, name)
    factory: Callable[..., nn.Module] = resolve(spec.factory, f"{kind.replace('_', ' ')} {name!r}")
    return factory


def _backbone(name: str, pretrained: bool, file: Path | None, image_size: int) -> nn.Module:
    announced = name in registry().components("backbone") and name != GENERAL_BACKBONE
    factory = _component("backbone", name if announced else GENERAL_BACKBONE)
    extra: dict[str, Any] = {}
    if image_size:
        if "image_size" not in signature(factory).parameters:
            raise ModelError(f"backbone {name!r} has a fixed image size; leave model.image_size at 0.")
        extra["image_size"] = image_size
    return factory(name, pretrained=pretrained, weights=file, **extra)


def _cue_module(spec: SpecialistSpec) -> nn.Module:
    module: nn.Module = resolve(spec.module, f"specialist {spec.name!r}")()
    channels = getattr(module, "channels", None)
    if channels != spec.channels:
        raise ModelError(
            f"cue module {spec.module!r} has {channels} channels, but specialist {spec.name!r} announces "
            f"{spec.channels} ({', '.join(f'{cue.name} {cue.channels}' for cue in spec.cues)}). Fix the plugin."
        )
    return module


def _positive(module: nn.Module, attribute: str, name: str) -> int:
    value = getattr(module, attribute, None)
    if not isinstance(value, int) or value < 1:
        raise ModelError(f"backbone {name!r} must have an integer {attribute} above 0, not {value!r}.")
    return value


_ARGUMENTS: dict[str, type | tuple[type, ...]] = {
    "backbone": str,
    "attention_head": str,
    "classifier": str,
    "heads": int,
    "dropout": (int, float),
    "image_size": int,
}


def _model_arguments(path: Path, model: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says about the model, checked: it comes from a file and goes into a call."""
    wrong = [key for key in model if key not in _ARGUMENTS]
    wrong += [key for key, kind in _ARGUMENTS.items() if not isinstance(model.get(key), kind)]
    if wrong:
        raise CheckpointError(
            f"{path}: its description of the model does not fit this dfcore ({', '.join(wrong)}). "
            "Install the dfcore that wrote it, or train again."
        )
    for key, value in model.items():
        try:
            convert(f"model.{key}", value, *keys()[f"model.{key}"])
        except ConfigError as error:
            raise CheckpointError(f"{path}: what it says of its model cannot be: {error}") from error
    code = code_named({f"model.{key}": value for key, value in model.items()})
    if code is not None:
        raise CheckpointError(
            f"{path}: its {code[0]} is {code[1]!r}: a file of weights names what is announced, or a model of timm, and "
            "neither code nor a place to fetch it from."
        )
    return model


def _require_installed(path: Path, meta: dict[str, Any]) -> None:
    """Refuse weights whose specialist is not installed.

    Raises:
        UnknownNameError: it says which distribution to install.
    """
    name, known = meta["specialist"], registry().specialist_names()
    if name in known:
        return
    said, official = str(meta.get("distribution", "")), OFFICIAL.get(name)
    if official:
        install = f"`pip install {official}`"
    elif re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", said):
        install = f"the file says that {said} brings it: if you trust that, `pip install {said}`"
    else:
        install = "install the plugin that brings it"
    raise UnknownNameError("specialist", name, known, f"{path} was trained with it: {install}.")


def _check_backbone(path: Path, name: str, image_size: int, state: dict[str, torch.Tensor]) -> None:
    """Refuse a file whose backbone is not of the size that it says, before that is built and takes its memory.

    Raises:
        CheckpointError: the tensors are not those of the backbone that is named.
    """
    if name in registry().components("backbone") and name != GENERAL_BACKBONE:
        return  # a plugin's own code, which need not work without memory
    own = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            expected = _backbone(name, pretrained=False, file=None, image_size=image_size).state_dict()
    except (RuntimeError, NotImplementedError, ModelError):
        return  # it cannot be made so; building it says why, or goes well
    problems = weights.mismatches(expected, own)
    if problems:
        raise CheckpointError(
            f"{path} says that its backbone is {name!r}, and its tensors are of another: {weights.first(problems)}. "
            "The file was changed or damaged, or written with another version of timm; train again."
        )


def _check_cues(path: Path, meta: dict[str, Any]) -> None:
    spec = registry().specialist(meta["specialist"])
    installed = [[cue.name, cue.channels] for cue in spec.cues]
    if meta["cues"] != installed:
        raise CheckpointError(
            f"{path} was trained with the cues {meta['cues']} (dfs-{spec.name} {meta['plugin_version'] or 'unknown'}), "
            f"but the installed dfs-{spec.name} has {installed}. Install the version that wrote it, or train again."
        )
