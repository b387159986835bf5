"""Saved specialists: ``{name}_stage{N}_final.pt`` and the best epochs' ``.zip``.

Both hold a state dict and the same description (*meta*), plain values only::

    format           1
    specialist       "cm"
    plugin_version   version of the plugin's distribution, "" when it is not installed as one
    distribution     its name, so that a reader without the plugin is told what to install
    dfcore_version   version of the core that wrote it
    cues             [[name, channels], ...] as announced when it was trained
    model            what dfcore.models.factory.create needs to build it again
    hash             state_hash of the weights: names the parent, and shows damage
    stage, metrics, config, ...   from the caller

A ``.pt`` is a dictionary of these and ``state_dict``, written by ``torch.save``. A ``.zip`` holds
``model.safetensors`` and ``meta.json``, compressed. Nothing read is ever executed: what is not exactly this, or
would unpack to more than the file can honestly hold, is refused with :class:`~dfcore.errors.CheckpointError`.

Writing is atomic; see :func:`dfcore.filesystem.writing.replacing`.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from dfcore.errors import CheckpointError, ModelError
from dfcore.filesystem.writing import replacing
from dfcore.models.files import archives
from dfcore.models.files.archives import FORMAT, META, TENSORS
from dfcore.plugins.discovery import distribution_of
from dfcore.specs import SpecialistSpec
from dfcore.version import __version__

__all__ = [
    "FORMAT",
    "check_state",
    "describe",
    "first",
    "mismatches",
    "read",
    "read_final",
    "read_zip",
    "save_final",
    "save_zip",
    "state_hash",
]

State = dict[str, Tensor]
Meta = dict[str, Any]


class Saved(Protocol):
    """What is saved: a :class:`dfcore.models.specialist.Specialist`."""

    spec: SpecialistSpec
    model_config: dict[str, Any]

    def state_dict(self) -> Mapping[str, Tensor]:
        """The weights, by name."""
        ...


def save_final(path: Path, model: Saved, meta: Mapping[str, Any]) -> None:
    """Write ``{name}_stage{N}_final.pt``, atomically; it is read back before it takes its name.

    Raises:
        WriteError: it cannot be written; what was there before is untouched.
        ModelError: the specialist was loaded to judge.
        CheckpointError: what was written does not read back.
        TypeError: ``meta`` holds something other than plain values.
    """
    state, header = _content(model, meta)
    with replacing(path, _size(state)) as temporary, temporary.open("wb") as file:
        torch.save({**header, "state_dict": state}, file)
        file.flush()
        archives.load_torch(temporary, mmap=True)


def read_final(path: Path, *, mapped: bool = False, check: bool = True) -> Meta:
    """The content of a ``*_final.pt``: the description and ``state_dict``, on the CPU.

    Args:
        path: the file.
        mapped: leave the tensors in the file, mapped into memory: for who copies them at once. A file that is written
            over while they are in use ends the process.
        check: look at every value. Without, :func:`check_state` must be called before they are used.

    Raises:
        CheckpointError: it is not a file of ours, is damaged, or holds what would have to be executed.
    """
    path = Path(path)
    content = archives.load_torch(path, mmap=mapped)
    state = archives.check_tensors(path, content.get("state_dict"))
    if check:
        check_state(path, state, content)
    return content


def save_zip(path: Path, model: Saved, meta: Mapping[str, Any]) -> None:
    """Write a compressed ``.zip``, atomically; it is tested and read back before it takes its name.

    Raises:
        WriteError: it cannot be written; what was there before is untouched.
        ModelError: the specialist was loaded to judge.
        CheckpointError: what was written does not read back.
        TypeError: ``meta`` holds something other than plain values.
    """
    state, header = _content(model, meta)
    parts = {META: json.dumps(header, indent=1).encode(), TENSORS: safetensors.torch.save(state)}
    with replacing(path, _size(state)) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, data in parts.items():
                entry = zipfile.ZipInfo(name)  # no clock in it: the same content gives the same bytes
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data, compresslevel=1)
        with zipfile.ZipFile(temporary) as archive:
            bad = archive.testzip()
        if bad or archives.read_meta(temporary)["hash"] != header["hash"]:
            raise CheckpointError(f"{path}: what was written does not read back. Check the disk, and write it again.")


def read_zip(path: Path, *, check: bool = True) -> tuple[State, Meta]:
    """The content of a best-epoch ``.zip``: the weights, on the CPU, and their description; ``check`` as in
    :func:`read_final`.

    Raises:
        CheckpointError: it is not a file of ours, is damaged, or would unpack to more than is plausible.
    """
    path = Path(path)
    meta, state = archives.read_meta(path), archives.read_tensors(path)
    if check:
        check_state(path, state, meta)
    return state, meta


def read(path: Path, *, mapped: bool = False, check: bool = True) -> tuple[State, Meta]:
    """Weights and description of either kind of file, told apart by content; ``mapped`` and ``check`` as in
    :func:`read_final`.

    Raises:
        CheckpointError: as :func:`read_final` and :func:`read_zip`.
    """
    path = Path(path)
    if archives.is_zip_of_ours(path):
        return read_zip(path, check=check)
    content = read_final(path, mapped=mapped, check=check)
    return content.pop("state_dict"), content


def describe(path: Path) -> Meta:
    """The description alone, of either kind of file; the weights are neither read nor checked.

    Raises:
        CheckpointError: it is not a file of ours.
    """
    path = Path(path)
    if archives.is_zip_of_ours(path):
        return archives.read_meta(path)
    return {key: value for key, value in archives.load_torch(path, mmap=True).items() if key != "state_dict"}


def state_hash(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the tensors' names, dtypes, shapes and bytes, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{list(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """What keeps ``found`` from being loaded in place of ``expected``, one line each: wrong shapes first."""
    shapes = [
        f"{name} is {list(found[name].shape)}, expected {list(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    missing = [f"{name} is missing" for name in expected if name not in found]
    return shapes + missing + [f"{name} is unexpected" for name in found if name not in expected]


def first(problems: list[str], count: int = 3) -> str:
    """The first few problems as one phrase."""
    rest = len(problems) - count
    return "; ".join(problems[:count]) + (f"; and {rest} more" if rest > 0 else "")


def check_state(path: Path, state: State, meta: Meta) -> None:
    """Refuse weights that are not those of their description, or not all finite.

    Raises:
        CheckpointError: it says what to do.
    """
    if state_hash(state) != meta["hash"]:
        raise CheckpointError(
            f"{path}: the weights are not those that its description names (their SHA-256 differs). The file was "
            "damaged or changed after it was written; take another copy, or an earlier epoch's file."
        )
    bad = [name for name, tensor in state.items() if tensor.is_floating_point() and not _is_finite(tensor)]
    if bad:
        raise CheckpointError(
            f"{path}: {len(bad)} of its tensors hold values that are not finite numbers (the first: {bad[0]}). Every "
            "score would be NaN: take an earlier epoch's file, or train again."
        )


def _is_finite(tensor: Tensor) -> bool:
    # numpy's test takes one thread, and lets others of Python's go on
    known = tensor.dtype in (torch.float16, torch.float32, torch.float64)
    return bool(np.isfinite(tensor.detach().numpy()).all()) if known else bool(torch.isfinite(tensor).all())


def _content(model: Saved, meta: Mapping[str, Any]) -> tuple[State, Meta]:
    if getattr(model, "only_judges", False):
        raise ModelError(
            f"specialist {model.spec.name!r} was loaded to judge: batch norms of its backbone have become part of its "
            "convolutions, and no file of weights has it so. Copy its own file, or load that with dfcore.load."
        )
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    own = {
        "format": FORMAT,
        "specialist": model.spec.name,
        **dict(zip(("distribution", "plugin_version"), distribution_of(model.spec.module), strict=True)),
        "dfcore_version": __version__,
        "cues": [[cue.name, cue.channels] for cue in model.spec.cues],
        "model": model.model_config,
        "hash": state_hash(state),
    }
    return state, _plain({"stage": None, "metrics": {}, "config": {}, **meta, **own})


def _size(state: State) -> int:
    return sum(tensor.nbytes for tensor in state.values())


def _plain(value: Any) -> Any:
    """``value`` in what JSON has; a number that is not finite becomes None."""
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):  # numpy's and torch's scalars
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"a checkpoint's description holds plain values only, not {type(value).__name__}: {value!r}")
