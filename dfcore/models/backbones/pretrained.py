"""Where a timm backbone's pretrained weights come from: a file of the user's, timm's cache, or its download."""

from __future__ import annotations

import os
import pickle
import socket
import ssl
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from dfcore.errors import CheckpointError, WeightsError
from dfcore.filesystem.paths import require_file
from dfcore.models.files.archives import is_run_state, look_at_torch_archive, quietly, what_it_calls
from dfcore.models.files.weights import first, mismatches
from dfcore.text import name_bytes, what_was_said

__all__ = ["REMEDY", "hub_cache", "load_file", "no_weights", "pretrained_overlay", "read_file", "unreachable"]

REMEDY = (
    "Give a file with backbone_weights=FILE (.safetensors or .pth with timm's parameter names), start at random "
    "with pretrained=False, or try again with a network"
)
HUB_FILE = "model.safetensors"
WAIT = 10.0
"""Seconds after which a server that has not answered counts as out of reach."""
WRAPPERS = ("state_dict", "model")
"""Keys under which training scripts put the weights."""


def load_file(model: nn.Module, path: Path, classifiers: Iterable[str]) -> None:
    """Fill ``model``, which has no classifier, from ``path``; every parameter must be there and fit.

    Args:
        model: a timm model without its classifier.
        path: ``.safetensors``, or anything that ``torch.load(weights_only=True)`` reads.
        classifiers: names of the layers that the file may have and the model has not.

    Raises:
        WeightsError: the file is missing, unreadable or unsafe, or does not fit; the first mismatches are listed.
    """
    dropped = tuple(f"{name}." for name in classifiers)
    state = {name: tensor for name, tensor in read_file(path).items() if not name.startswith(dropped)}
    expected = {  # older files lack these counters; torch starts them at 0
        name: tensor
        for name, tensor in model.state_dict().items()
        if name in state or not name.endswith("num_batches_tracked")
    }
    problems = mismatches(expected, state)
    if problems:
        raise WeightsError(
            f"{path} does not fit the backbone ({len(expected)} tensors expected, {len(state)} found): "
            f"{first(problems)}. Give the weights of the same timm model, under timm's own parameter names."
        )
    model.load_state_dict(state)


def read_file(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` or torch file, without executing anything in it.

    Raises:
        WeightsError: it is missing, unreadable or unsafe.
    """
    require_file(path, WeightsError, "the backbone's weights ")
    try:
        if path.suffix == ".safetensors":
            utf8 = name_bytes(str(path)) == os.fsencode(path)  # the library opens no file whose name is none
            content: Any = safetensors.torch.load_file(path) if utf8 else safetensors.torch.load(path.read_bytes())
        else:
            if zipfile.is_zipfile(path):
                look_at_torch_archive(path)
            with quietly():
                content = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError as error:
        raise WeightsError(f"{error} It was given as backbone_weights.") from error
    except pickle.UnpicklingError as error:
        if "GLOBAL" not in str(error):
            raise _unreadable(path, error) from error
        raise WeightsError(
            f"{path} holds pickled objects that would have to be executed to be read, and is refused "
            f"({what_it_calls(error)}). Save its state dict alone, or as .safetensors."
        ) from error
    except Exception as error:  # foreign bytes: torch asserts, and more, on an old or damaged file
        raise _unreadable(path, error) from error
    return _tensors(path, content)


def _unreadable(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{path} cannot be read as weights: it is damaged, cut short, or of another kind ({_words(error)}). "
        "Give a .safetensors, or what `torch.save(model.state_dict(), ...)` wrote."
    )


def _words(error: Exception) -> str:
    """Torch's own words on what its safe reader refuses go on with how to let a file execute something."""
    return what_it_calls(error) if isinstance(error, pickle.UnpicklingError) else what_was_said(error)


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    """The state dict in ``content``, unwrapped."""
    if isinstance(content, Mapping) and (is_run_state(content) or {"specialist", "state_dict"} <= content.keys()):
        raise WeightsError(
            f"{path} holds a whole specialist of dfcore, not a backbone. To start from it, give its *_final.pt or a "
            "best epoch's .zip with stage.start=FILE, and no backbone_weights."
        )
    if isinstance(content, Mapping):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{path} holds no state dict (names and tensors); backbone_weights takes nothing else.")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


def pretrained_overlay(name: str, cfg: Any) -> dict[str, Any]:
    """What to tell timm so that it finds the pretrained weights quickly: the cached file, or nothing.

    The hub's client retries for most of a minute before it gives up, and for half of one before it uses a file that
    it has: so look first.

    Args:
        name: the model's name.
        cfg: timm's ``PretrainedCfg`` of it, or None.

    Raises:
        WeightsError: there are no such weights, or they are neither cached nor in reach.
    """
    if cfg is None or not cfg.has_weights:
        raise WeightsError(f"timm has no pretrained weights for {name!r}. {REMEDY.rpartition(', or')[0]}.")
    if not cfg.hf_hub_id:  # a plain download: fails at once where there is no network
        return {}
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ImportError as error:
        advice = "`python -m pip install huggingface_hub` mends that"
        raise no_weights(name, f"huggingface_hub cannot be imported: {error}; {advice}") from error

    repository, _, revision = cfg.hf_hub_id.partition("@")
    file = cfg.hf_hub_filename or HUB_FILE
    cached = huggingface_hub.try_to_load_from_cache(repository, file, revision=revision or None)
    if isinstance(cached, str) and not cfg.custom_load:
        return {"file": cached}
    if isinstance(cached, str):
        return {}
    problem = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable(constants.ENDPOINT)
    if problem:
        raise no_weights(name, f"{problem}; they are not in {constants.HF_HUB_CACHE} either")
    return {}


def hub_cache() -> Path:
    """Where downloaded weights go (``HF_HOME`` names another place)."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def no_weights(name: str, reason: str) -> WeightsError:
    """The error for pretrained weights that cannot be had."""
    return WeightsError(f"the pretrained weights of {name!r} cannot be downloaded: {reason}. {REMEDY}.")


def unreachable(url: str, wait: float = WAIT) -> str | None:
    """Why the server at ``url`` cannot be reached, or None; answers within ``wait`` seconds, proxies respected."""
    found: list[str | None] = [f"{url} does not answer within {wait:.0f} s"]

    def ask() -> None:
        found[0] = _ask(url, wait)

    # A thread, because resolving a name takes no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(wait)
    return found[0]


def _ask(url: str, wait: float) -> str | None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=wait).close()
    except urllib.error.HTTPError:
        return None  # it answered
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, ssl.SSLError):
            return None  # it answered; the hub's client has its own certificates
        kind = "no network, or the name is unknown" if isinstance(cause, socket.gaierror) else str(cause)
        return f"{url} is out of reach ({kind})"
    return None
