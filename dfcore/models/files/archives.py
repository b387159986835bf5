"""Reading checkpoint files that may be damaged, foreign or hostile: look first, execute nothing.

What goes wrong here is a :class:`~dfcore.errors.CheckpointError` that names the file. Sizes are judged from an
archive's directory before anything is unpacked.
"""

from __future__ import annotations

import os
import pickle
import re
import stat
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import safetensors.torch
import torch
from torch import Tensor

from dfcore.errors import CheckpointError
from dfcore.filesystem.paths import is_folder, require_file
from dfcore.text import name_bytes, parse_json, what_was_said
from dfcore.version import __version__

__all__ = [
    "FORMAT",
    "META",
    "TENSORS",
    "check_header",
    "check_tensors",
    "is_run_state",
    "is_zip_of_ours",
    "load_plain",
    "load_torch",
    "look_at_torch_archive",
    "quietly",
    "read_meta",
    "read_tensors",
    "what_it_calls",
]

FORMAT = 1
"""Raised by one when a change makes older files unreadable."""

TENSORS, META = "model.safetensors", "meta.json"
MAX_META = 16 * 2**20
"""Bytes of description that are read at most."""
FREE_SIZE, MAX_RATIO = 256 * 2**20, 20
"""Members that unpack to more than ``FREE_SIZE`` bytes may not be compressed more than ``MAX_RATIO`` times: trained
weights shrink by about a tenth, a zip bomb a thousandfold."""
KINDS: dict[str, type] = {
    "specialist": str,
    "plugin_version": str,
    "dfcore_version": str,
    "cues": list,
    "model": dict,
    "hash": str,
}
"""What a description holds at least."""
_WORDS = {"str": "a text", "list": "a list", "dict": "a table", "NoneType": "null", "bool": "true or false"}
"""Types as whoever writes JSON knows them."""


def is_zip_of_ours(path: Path) -> bool:
    """Whether this is a best-epoch ``.zip`` rather than a torch file (a zip archive too), by content.

    Raises:
        CheckpointError: it is no file, or an archive that cannot be read.
    """
    _require_file(path)
    with _refusing(path):
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return META in archive.namelist() or TENSORS in archive.namelist()


def load_torch(path: Path, *, mmap: bool = False) -> dict[str, Any]:
    """The dictionary in a torch file, its header checked, on the CPU; with ``mmap`` the tensors are not read.

    Raises:
        CheckpointError: it is not a file of ours.
    """
    return check_header(path, load_plain(path, mmap=mmap))


def load_plain(path: Path, *, mmap: bool = False, whole: bool = False) -> Any:
    """What a torch file holds, on the CPU: plain values and tensors, whoever wrote it.

    Args:
        path: the file.
        mmap: leave the tensors on the disk until they are touched.
        whole: compare every checksum first (torch writes them and never looks at them).

    Raises:
        CheckpointError: it is damaged, no torch archive, or holds what would have to be executed.
    """
    _require_file(path)
    with _refusing(path):
        if not zipfile.is_zipfile(path):
            _refuse(path, "it is no torch archive (damaged, cut short, or of a kind from before torch 1.6)")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if not any(name.endswith("/data.pkl") for name in names):
            held = ", ".join(map(repr, names[:3])) or "nothing"
            _refuse(path, f"it is a zip archive, but neither a best epoch's nor torch's: it holds {held}")
        look_at_torch_archive(path)
        if whole:
            with zipfile.ZipFile(path) as archive:
                bad = archive.testzip()
            if bad:
                _refuse(path, f"it is damaged (the checksum of {bad!r} differs)")
        with quietly():
            mmap = mmap and name_bytes(str(path)) == os.fsencode(path)  # torch maps no file whose name is no UTF-8
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)


@contextmanager
def quietly() -> Iterator[None]:
    """Without torch's remarks on what is odd about a file: it is refused with a message, or read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def look_at_torch_archive(path: Path) -> None:
    """Refuse a torch archive that unpacks to more than it holds, or whose members are not named as torch names them.

    Raises:
        CheckpointError: it is one, or it is no archive.
    """
    with _refusing(path):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        names = [entry.filename for entry in entries]
        outside = [name for name in names if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name)]
        links = [entry.filename for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)]
        if outside or links or len(set(names)) < len(names):
            strange = (outside + links or [name for name in names if names.count(name) > 1])[0]
            _refuse(path, f"its archive has a member that torch does not write ({strange!r})")
        # torch writes nothing compressed: what would unpack to more than the file itself is a bomb.
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if packed or sum(entry.file_size for entry in entries) > path.stat().st_size:
            _refuse(path, "its archive is compressed or declares more than the file holds")


def read_meta(path: Path) -> dict[str, Any]:
    """The description in a ``.zip``.

    Raises:
        CheckpointError: it is not a file of ours.
    """
    with _refusing(path):
        meta = parse_json(_member(path, META).decode("utf-8"))
    return check_header(path, meta)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a ``.zip``, on the CPU.

    Raises:
        CheckpointError: it is not a file of ours.
    """
    with _refusing(path):
        return safetensors.torch.load(_member(path, TENSORS))


def check_header(path: Path, content: Any) -> dict[str, Any]:
    """``content``, when it is a description that this dfcore understands.

    Raises:
        CheckpointError: it is not.
    """
    if not isinstance(content, dict) or "format" not in content or "specialist" not in content:
        if is_run_state(content):
            _refuse(path, "it is the state of a run under way, which only that run goes on from (resume=True)")
        _refuse(path, f"it does not say that dfcore wrote it (it is {_described(content)})")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {content['format']!r}; this dfcore ({__version__}) reads format {FORMAT}. "
            "Install the dfcore that wrote it, or a newer one."
        )
    for key, kind in KINDS.items():
        if not isinstance(content.get(key), kind):
            found = _word(type(content[key])) if key in content else "missing"
            _refuse(path, f"its {key!r} should be {_word(kind)}, and is {found}")
    return content


def _word(kind: type) -> str:
    return _WORDS.get(kind.__name__, "a number" if kind in (int, float) else f"of the type {kind.__name__}")


def is_run_state(content: Any) -> bool:
    """Whether a torch file's content is that of a run's ``last.pt``."""
    return isinstance(content, dict) and {"conditions", "optimiser", "model"} <= content.keys()


def _described(content: Any) -> str:
    """What somebody else's file holds, with what it may be good for."""
    if not isinstance(content, dict):
        return type(content).__name__
    tensors = sum(isinstance(value, Tensor) for value in content.values())
    if not tensors:
        return f"a dictionary of {len(content)} other things"
    return f"a bare state dict of {tensors} tensors: a timm backbone's is given with model.backbone_weights=FILE"


def check_tensors(path: Path, state: Any) -> dict[str, Tensor]:
    """``state``, when it is a dictionary of plain tensors.

    Raises:
        CheckpointError: it is not.
    """
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        _refuse(path, "its 'state_dict' is not a dictionary of tensors")
    # A view with stride 0 can claim any shape over four bytes; ours are plain.
    if not all(tensor.layout is torch.strided and tensor.is_contiguous() for tensor in state.values()):
        _refuse(path, "its tensors are not plain contiguous ones")
    return state


def _member(path: Path, name: str) -> bytes:
    """One member of a ``.zip`` of ours, after every member's name and size has been looked at."""
    _require_file(path)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = sorted(entry.filename for entry in entries)
        if names != sorted((META, TENSORS)):
            _refuse(path, f"it holds {', '.join(map(repr, names[:5]))}, expected exactly {META!r} and {TENSORS!r}")
        for entry in entries:
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
                _refuse(path, f"{entry.filename!r} is encrypted or compressed in a way that dfcore does not write")
            limit = MAX_META if entry.filename == META else max(FREE_SIZE, MAX_RATIO * path.stat().st_size)
            if entry.file_size > limit:
                _refuse(path, f"{entry.filename!r} declares {entry.file_size} bytes, more than is plausible")
        with archive.open(name) as member:  # with a size: without one, zipfile unpacks first and looks afterwards
            return member.read(archive.getinfo(name).file_size)


def _require_file(path: Path) -> None:
    if is_folder(path):
        _refuse(path, "it is a folder")
    require_file(path, CheckpointError, remedy="Give a *_final.pt or a best-epoch .zip.")


def _refuse(path: Path, reason: str) -> NoReturn:
    raise CheckpointError(
        f"{path} is not a checkpoint that can be used: {reason}. Expected a file written by `dfcore train` "
        "(*_final.pt or a best epoch's .zip); nothing in it was executed."
    )


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside, while foreign bytes are read, is a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds pickled objects that would have to be executed to be read, and is refused "
            f"({what_it_calls(error)}). Use a file written by `dfcore train`."
        ) from error
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read: it is damaged or not a checkpoint ({what_was_said(error)}). "
            "Take another copy, or an earlier epoch's file."
        ) from error


def what_it_calls(error: pickle.UnpicklingError) -> str:
    """What a refused file wanted to have called. (torch's own words begin with how to let it.)"""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return f"it calls for {found[1]}" if found else "torch's safe reader does not take it"
