"""Whether what a file of weights says of its model can be, and its tensors are those of its backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dfcore.config import code_named, convert, keys
from dfcore.errors import CheckpointError, ConfigError
from dfcore.models.files import weights

__all__ = ["another_backbone", "check_backbone", "model_arguments"]


_ARGUMENTS: dict[str, type | tuple[type, ...]] = {
    "backbone": str,
    "attention_head": str,
    "classifier": str,
    "heads": int,
    "dropout": (int, float),
    "image_size": int,
}
"""What a description says of the model, and of which type."""
_LATER_ARGUMENTS: dict[str, type] = {"backbone_input_size": int, "normalize_features": bool}
"""Likewise, those that files of before do not have."""


def model_arguments(path: Path, model: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says about the model, checked: it comes from a file and goes into a call.

    Raises:
        CheckpointError: something in it is unknown, missing, or cannot be.
    """
    wrong = [key for key in model if key not in _ARGUMENTS and key not in _LATER_ARGUMENTS]
    wrong += [key for key, kind in _LATER_ARGUMENTS.items() if type(model.get(key, kind())) is not kind]
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


def check_backbone(
    path: Path, name: str, state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> None:
    """Refuse a file whose backbone is not of the size that it says, before that is run and takes its memory.

    Raises:
        CheckpointError: the tensors are not those of the backbone that is named.
    """
    own = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    problems = weights.mismatches(expected, own)
    if problems:
        raise another_backbone(path, name, weights.first(problems))


def another_backbone(path: Path, name: str, why: str) -> CheckpointError:
    """The error for a file whose tensors are of another backbone than it says."""
    return CheckpointError(
        f"{path} says that its backbone is {name!r}, and its tensors are of another: {why}. The file was changed or "
        "damaged, or written with another version of timm; train again."
    )
