"""``dfcore.toml`` and the environment.

The file is looked for in the working directory and its parents, or named by ``DFCORE_CONFIG``::

    [datasets]
    faceforensics = "/data/FaceForensics++"

    [set]
    "stage.batch_size" = 32

``DFCORE_DATASET_FACEFORENSICS=/data/ff`` names a dataset's folder too, and wins over the file.

A file may come with a folder that somebody else made. So it names what is installed and never code to import
(:func:`file_values`), and where it has things written outside of the working directory, that is said
(:func:`redirected`).
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dfcore.config.sections import checked, code_named
from dfcore.errors import ConfigError, UnknownNameError
from dfcore.filesystem.paths import is_file, read_regular, real_path, require_file, what_it_is
from dfcore.text import name_bytes

__all__ = ["dataset_root", "file_values", "find_file", "read_file", "redirected", "store_name"]

_WRITTEN = {"run.out": "runs", "data.store": "clips"}
"""Keys that say where something is written, and what."""
_LARGEST = 2**20
"""Bytes of a configuration file; parsing takes seconds for each million."""


def find_file(start: Path | None = None) -> Path | None:
    """The configuration file in force, or None."""
    named = os.environ.get("DFCORE_CONFIG")
    if named:
        if not is_file(named):
            raise ConfigError(f"DFCORE_CONFIG names {named}, which is {what_it_is(named) or 'not there'}, not a file.")
        return Path(named)
    here = (start or Path.cwd()).resolve()
    for path in (folder / "dfcore.toml" for folder in (here, *here.parents)):
        if is_file(path):
            return path
        if os.path.lexists(path):
            require_file(path, ConfigError, remedy="It is where the configuration of this folder is looked for.")
    return None


def read_file(path: Path | None = None) -> dict[str, Any]:
    """The configuration file's content: ``{"datasets": {...}, "set": {...}}``; both empty without a file.

    Raises:
        ConfigError: it is not TOML, or has other tables.
    """
    path = path or find_file()
    content: dict[str, Any] = {"datasets": {}, "set": {}}
    if path is None:
        return content
    for name, table in _parsed(path).items():
        if name not in content:
            raise UnknownNameError(f"table in {path}", name, content)
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: [{name}] must be a table.")
        content[name] = table
    content["set"] = _flat(content["set"], path)
    for name, folder in content["datasets"].items():
        if not isinstance(folder, str) or not folder or "\0" in folder:
            raise ConfigError(f"{path}: [datasets] {name} must be a folder's path, not {folder!r:.80}.")
        content["datasets"][name] = str(path.parent / Path(str(folder)).expanduser())
    return content


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_regular(path, most=_LARGEST).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = bytes(error.object[: error.start]).count(b"\n") + 1
        raise ConfigError(f"{path}: line {line} is not UTF-8, as TOML must be. Save the file as UTF-8.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} cannot be read as TOML: its lists or tables are too deep.") from error
    except (OSError, ValueError) as error:  # a number of very many digits is a bare ValueError
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read as TOML: {reason}.") from error


def file_values(path: Path | None = None) -> dict[str, Any]:
    """What ``[set]`` in the configuration file says, as its keys' types; {} without a file.

    Raises:
        UnknownNameError: no such key.
        ConfigError: a value does not fit its key, or is a dotted path in place of an announced name.
    """
    path = path or find_file()
    if path is None:
        return {}
    values = checked(read_file(path)["set"])
    code = code_named(values)
    if code is not None:
        key, name = code
        raise ConfigError(
            f"{path} gives {key} the value {name!r}, which is code to import. A configuration file names only what "
            f"installed plugins announce (`dfcore plugins` lists them). If you trust it, set {key} yourself."
        )
    return values


def redirected(given: Iterable[str] = (), path: Path | None = None) -> list[str]:
    """Sentences about what the configuration file has written outside of the working directory.

    Args:
        given: keys that the caller has set: what the file says of them is not in force.
        path: the file; None means the one in force.
    """
    path, given = path or find_file(), set(given)
    here = Path.cwd().resolve()
    said = []
    for key, what in _WRITTEN.items():
        value = "" if path is None or key in given else file_values(path).get(key, "")
        if value and not real_path(Path(value).expanduser()).is_relative_to(here):
            by = " (named by DFCORE_CONFIG)" if os.environ.get("DFCORE_CONFIG") else ""
            said.append(f"{what} go to {value}, outside of this folder: {path}{by} says so ({key})")
    return said


def _flat(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Dotted keys; a key that is there both ways (``"stage.lr"`` and ``[set.stage] lr``) is refused: which counts?"""
    values: dict[str, Any] = {}
    try:
        pairs = list(_flatten(table))
    except RecursionError as error:
        raise ConfigError(f'{path}: the tables in [set] are too deep. Write keys as `"stage.lr" = 0.001`.') from error
    for key, value in pairs:
        if key in values:
            both = f"{values[key]!r:.80} and {value!r:.80}"
            raise ConfigError(f"{path} sets {key} twice, to {both}. Keep one of them.")
        values[key] = value
    return values


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def store_name(dataset: str, root: str) -> str:
    """The name of a clip store that nobody named: the dataset's, and a mark of its folder."""
    return f"{dataset}-{hashlib.sha256(name_bytes(str(real_path(root)))).hexdigest()[:8]}"


def dataset_root(name: str) -> Path | None:
    """Where the user keeps the dataset ``name``: from the environment, else from the file, else None."""
    variable = os.environ.get(f"DFCORE_DATASET_{name.upper()}")
    if variable:
        return Path(variable).expanduser()
    folder = read_file()["datasets"].get(name)
    return Path(folder) if folder else None
