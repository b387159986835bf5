"""The description in a file of weights, read without torch: what to decode is known before the models are loaded.

Nothing is decided by it. Whoever loads the file reads it again with every check, and says what is wrong with it.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from dfcore.filesystem.paths import is_file
from dfcore.text import parse_json

__all__ = ["peek"]

LARGEST = 16 * 2**20
"""Bytes of a description, packed and unpacked, that are looked at."""
META = "meta.json"


def peek(path: Path) -> dict[str, Any] | None:
    """What a ``*_final.pt`` or a best-epoch ``.zip`` says of itself; None where that cannot be told so simply."""
    if not is_file(path):  # a pipe would be waited for
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            name = META if META in names else next(name for name in names if name.endswith("/data.pkl"))
            if archive.getinfo(name).file_size > LARGEST:
                return None
            with archive.open(name) as member:
                content = member.read(LARGEST)
        found = parse_json(content.decode("utf-8")) if name == META else _Plain(io.BytesIO(content)).load()
    except Exception:  # a foreign or damaged file may raise anything; loading it says what is wrong
        return None
    return {key: value for key, value in found.items() if key != "state_dict"} if isinstance(found, dict) else None


class _Plain(pickle.Unpickler):
    """Reads plain values, with None in place of each tensor. Names of any other kind are refused, and none is looked
    up: nothing that a file names is imported or called.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name.startswith("_rebuild_"):
            return _nothing
        if module == "torch" and name.endswith("Storage"):
            return _nothing
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> None:
        return None


def _nothing(*_: Any) -> None:
    """In place of a tensor."""
