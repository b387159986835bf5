"""Build specialists by name, and load saved ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfcore.announcement.source import announced_at, place_of
from dfcore.errors import CheckpointError, ModelError, PluginError, UnknownNameError
from dfcore.models.backbones.device_views import use_channels_last
from dfcore.models.files import weights
from dfcore.models.files.fitting import another_backbone, check_backbone, model_arguments
from dfcore.models.files.undrawn import TooLarge, Undrawn
from dfcore.models.specialist import Parts, Specialist
from dfcore.plugins import OFFICIAL, registry
from dfcore.plugins.calls import construct
from dfcore.plugins.discovery import distribution_of, left_out
from dfcore.specs import SpecialistSpec, resolve

__all__ = ["create", "cue_module", "load", "load_to_judge"]

_SPARE = 256 * 2**20
"""Bytes of tensors that building a specialist may make besides four times its weights."""
_INPUT = "backbone_input_size"
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
    backbone_input_size: int = 0,
    normalize_features: bool = False,
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
        backbone_input_size: side in pixels that the backbone computes at; faces are resized to it on the device. 0
            takes its own where it has a fixed one, else S.
        normalize_features: bring what the classifier sees to length 1.
        seed: makes everything that starts at random reproducible, and leaves torch's own generator as it was.
        device: where it is put; what is drawn is the same everywhere.

    Raises:
        UnknownNameError: no such specialist, backbone, attention head or classifier.
        UsageError: the specialist announces itself only.
        ModelError: a part cannot be built or has a wrong size.
        PluginError: a plugin's part cannot be imported, constructed, or is not what it announces.
        WeightsError: the pretrained weights cannot be had, or do not fit.
    """
    spec = registry().trainable(name)
    _require_dropout(dropout)
    with _seeded(seed):
        file, sizes = Path(backbone_weights) if backbone_weights else None, (image_size, backbone_input_size)
        eye = _backbone(backbone, pretrained, file, sizes)
        made = _assembled(spec, eye, backbone, attention_head, classifier, heads, dropout, normalize_features)
        return made.to(device)


def _require_dropout(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout must be at least 0 and below 1, not {dropout}. Set model.dropout.")


def _assembled(
    spec: SpecialistSpec,
    eye: nn.Module,
    backbone: str,
    attention_head: str,
    classifier: str,
    heads: int,
    dropout: float,
    normalize_features: bool = False,
) -> Specialist:
    """The specialist about a backbone; arguments as in :func:`create`."""
    features = _positive(eye, "num_features", backbone)
    module = cue_module(spec)
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
        "backbone_input_size": _positive(eye, "input_size" if hasattr(eye, "input_size") else "image_size", backbone),
        "normalize_features": normalize_features,
    }
    return Specialist(spec, Parts(eye, module, head, judge), config)


def load(path: Path | str, *, device: torch.device | str = "cpu") -> Specialist:
    """A saved specialist (``*_final.pt`` or a best-epoch ``.zip``), in evaluation mode; downloads nothing.

    Raises:
        CheckpointError: the file cannot be read or trusted, or does not fit the installed specialist.
        UnknownNameError: the specialist, or a part of it, is not installed.
    """
    return _loaded(Path(path), device)[0]


def load_to_judge(
    path: Path | str, *, device: torch.device | str = "cpu", tried: bool = True, fold: bool = True
) -> tuple[Specialist, dict[str, Any]]:
    """What :func:`load` gives, made to judge fast, and the file's description (:mod:`dfcore.models.files.weights`).

    Its backbone has the memory format of training, and its batch norms in its convolutions
    (:mod:`dfcore.models.backbones.folding`); so it can be neither trained nor saved. Whatever makes thresholds and
    whatever applies them loads specialists here: their scores are the same.

    Args:
        path: the file.
        device: where it is put.
        tried: run a timm backbone once. Without, it is known when the first faces come whether it takes them.
        fold: have the batch norms in the convolutions. Without, it can be trained and saved; for comparisons.

    Raises:
        CheckpointError, UnknownNameError: as :func:`load`.
    """
    return _loaded(Path(path), torch.device(device), to_judge=True, tried=tried, fold=fold)


def _loaded(
    path: Path, device: torch.device | str, *, to_judge: bool = False, tried: bool = True, fold: bool = False
) -> tuple[Specialist, dict[str, Any]]:
    """The specialist and the description, from one reading; parameters are given no start before."""
    state, meta = weights.read(path, mapped=True, check=False)  # copied below
    with ThreadPoolExecutor(1, thread_name_prefix="check") as helper:  # while timm is imported and the model is built
        try:
            wait = helper.submit(weights.check_state, path, state, meta).result
        except RuntimeError:  # no thread can be started: there are too many, or the main one has ended
            wait = partial(weights.check_state, path, state, meta)
        try:
            model = _built(path, state, meta, tried)
        finally:
            wait()  # that the file is damaged is said first: all else may come of it
    if to_judge:
        use_channels_last(model, torch.device(device), keep=False)
    model.load_state_dict(state)
    model.eval()
    if fold:
        model.fold_norms()
    return model.to(device), meta


def _built(path: Path, state: Mapping[str, torch.Tensor], meta: dict[str, Any], tried: bool) -> Specialist:
    """The specialist that the state dict fits, with parameters of any value."""
    _require_installed(path, meta)
    _check_cues(path, meta)
    arguments = model_arguments(path, meta["model"])
    spec, sizes = registry().trainable(meta["specialist"]), (arguments.pop("image_size"), arguments.pop(_INPUT, 0))
    _require_dropout(arguments["dropout"])
    known = state.get("token_norm.weight")
    given: dict[str, Any] = {"check": partial(check_backbone, path, arguments["backbone"], state)}
    given |= {} if tried or known is None or known.dim() != 1 else {"num_features": len(known)}
    limit = _SPARE + 4 * sum(tensor.nbytes for tensor in state.values())
    try:
        with Undrawn(limit):
            eye = _backbone(arguments["backbone"], pretrained=False, file=None, sizes=sizes, given=given)
            model = _assembled(spec, eye, **arguments)
    except ModelError as error:
        if isinstance(error.__cause__, TooLarge):
            raise another_backbone(path, arguments["backbone"], f"it takes {error.__cause__}") from error
        raise CheckpointError(f"{path}: the model that it describes cannot be built: {error}") from error
    except UnknownNameError as error:
        hint = f"{path} was written with it: install the plugin that brings it."
        raise UnknownNameError(error.kind, error.name, error.choices, hint) from error
    problems = weights.mismatches(model.state_dict(), state)
    if problems:
        raise CheckpointError(
            f"{path} does not fit the installed specialist {meta['specialist']!r}: {weights.first(problems)}. "
            f"It was written by dfcore {meta['dfcore_version']} with plugin version "
            f"{meta['plugin_version'] or 'unknown'}; install those versions, or train again."
        )
    return model


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
    """What makes a component when called, as its protocol says."""
    return partial(construct, f"{kind.replace('_', ' ')} {name!r}", registry().component(kind, name).factory)


def _backbone(
    name: str,
    pretrained: bool,
    file: Path | None,
    sizes: tuple[int, int],
    given: Mapping[str, Any] | None = None,
) -> nn.Module:
    """The backbone of that name; ``given`` are further arguments for timm's.

    ``sizes`` are those of the face view and of what the backbone computes at, 0 for what it chooses itself.
    """
    announced = name in registry().components("backbone") and name != GENERAL_BACKBONE
    path = registry().component("backbone", name if announced else GENERAL_BACKBONE).factory
    extra: dict[str, Any] = {} if announced else dict(given or {})
    taken = signature(resolve(path, f"backbone {name!r}")).parameters
    own = announced and _INPUT not in taken  # then it computes at the size of the face view
    for key, size in zip(("image_size", _INPUT), sizes, strict=True):
        if not size or (key == _INPUT and own and size == sizes[0]):
            continue
        if key not in taken:
            raise ModelError(f"backbone {name!r} has a fixed image size; leave model.{key} at 0.")
        extra[key] = size
    made: nn.Module = construct(f"backbone {name!r}", path, name, pretrained=pretrained, weights=file, **extra)
    return made


def cue_module(spec: SpecialistSpec) -> nn.Module:
    """A specialist's cue module, as it starts.

    Raises:
        PluginError: it cannot be made, is no module, or has other channels than its cues announce.
    """
    module: nn.Module = construct(f"the cue module of specialist {spec.name!r}", spec.module)
    where = f"{spec.module} ({place_of(type(module))})"
    if not isinstance(module, nn.Module):
        raise PluginError(
            f"the cue module of specialist {spec.name!r}, {where}, must be a torch.nn.Module, not a "
            f"{type(module).__name__}."
        )
    channels = getattr(module, "channels", None)
    if channels != spec.channels:
        announced = ", ".join(f"{cue.name} {cue.channels}" for cue in spec.cues)
        raise PluginError(
            f"the cue module of specialist {spec.name!r}, {where}, has "
            f"{'no attribute channels' if channels is None else f'channels = {channels!r}'}, but its announced cues "
            f"have {spec.channels} channels ({announced}). Write `channels = {spec.channels}` in the class, or correct "
            f"the cues{_announced(spec)}."
        )
    return module


def _announced(spec: SpecialistSpec) -> str:
    place = announced_at(spec.module)
    return f" announced in {place}" if place else ""


def _positive(module: nn.Module, attribute: str, name: str) -> int:
    value = getattr(module, attribute, None)
    if not isinstance(value, int) or value < 1:
        raise ModelError(f"backbone {name!r} must have an integer {attribute} above 0, not {value!r}.")
    return value


def _require_installed(path: Path, meta: dict[str, Any]) -> None:
    """Refuse weights whose specialist is not installed.

    Raises:
        UnknownNameError: it says which distribution to install.
    """
    name, known = meta["specialist"], registry().specialist_names()
    if name in known:
        return
    said, official = str(meta.get("distribution", "")), OFFICIAL.get(name)
    if ignored := left_out(name) or left_out(said):
        install = ignored
    elif official:
        install = f"`pip install {official}`"
    elif re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", said):
        install = f"the file says that {said} brings it: if you trust that, `pip install {said}`"
    else:
        install = "install the plugin that brings it"
    raise UnknownNameError("specialist", name, known, f"{path} was trained with it: {install}.")


def _check_cues(path: Path, meta: dict[str, Any]) -> None:
    spec = registry().specialist(meta["specialist"])
    installed = [[cue.name, cue.channels] for cue in spec.cues]
    if meta["cues"] != installed:
        brought, _ = distribution_of(spec.module)
        raise CheckpointError(
            f"{path} was trained with the cues {meta['cues']} ({brought} {meta['plugin_version'] or 'unknown'}), "
            f"but the installed {brought} has {installed}. Install the version that wrote it, or train again."
        )
