"""Installed plugins, read from metadata; and the guarded import of one announcement."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Any

from dfcore.announcement.hooks import hook_mistakes
from dfcore.announcement.imports import why_not_imported
from dfcore.announcement.source import root_of
from dfcore.errors import PluginApiError, PluginError, PluginImportError

__all__ = ["GROUP", "HEAVY", "PluginEntry", "discover", "distribution_of", "import_announcement", "is_plugin"]

HEAVY = ("torch", "timm", "torchvision", "numpy", "scipy", "rich", "av", "onnxruntime", "matplotlib", "sklearn", "PIL")
"""What an announcement must not import, for it is read by every ``dfcore describe``."""

GROUP = "dfcore.plugins"
"""The entry-point group."""
_ALLOWED, _DENIED = "DFCORE_PLUGINS", "DFCORE_DISABLE_PLUGINS"


@dataclass(frozen=True, slots=True, order=True)
class PluginEntry:
    """An installed plugin, as its metadata names it."""

    name: str
    distribution: str
    version: str
    module: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"plugin {self.name!r} ({self.distribution} {self.version})"


def discover() -> list[PluginEntry]:
    """Installed and enabled plugins, by name; nothing of them is imported."""
    return [entry for entry in _installed() if _enabled(entry)]


def left_out(name: str) -> str:
    """What to do about a plugin that is installed and not enabled, by its name or its distribution's; "" if it is."""
    for entry in _installed():
        if name in (entry.name, entry.distribution) and not _enabled(entry):
            denied = {entry.name, entry.distribution} & _names(os.environ.get(_DENIED, ""))
            variable = _DENIED if denied else _ALLOWED
            return f"{entry.distribution} {entry.version} is installed and left out by {variable}: change that variable"
    return ""


def is_plugin(path: str) -> bool:
    """Whether an installed plugin's package is what a dotted path begins with."""
    return any(root_of(entry.module) == root_of(path) for entry in _installed())


def distribution_of(path: str) -> tuple[str, str]:
    """The distribution that brought what a dotted path names, and its version, "" where it is not installed as one.

    A plugin's distribution may have any name; of a package that is no plugin's, the one named like it is taken.
    """
    package = root_of(path)
    for entry in _installed():
        if root_of(entry.module) == package:
            return entry.distribution, entry.version
    name = package.replace("_", "-")
    try:
        return name, metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return name, ""


def _installed() -> list[PluginEntry]:
    found = set()
    for point in metadata.entry_points(group=GROUP):
        distribution = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else "unknown"
        found.add(PluginEntry(point.name, distribution, version, point.value))
    return sorted(found)


def _enabled(entry: PluginEntry) -> bool:
    allowed, denied = os.environ.get(_ALLOWED), os.environ.get(_DENIED, "")
    names = {entry.name, entry.distribution}
    if names & _names(denied):
        return False
    return allowed is None or bool(names & _names(allowed))


def _names(text: str) -> set[str]:
    return {part.strip() for part in text.split(",") if part.strip()}


def import_announcement(entry: PluginEntry) -> Any:
    """The plugin's announcement module, imported; it speaks this core's API, and all its hooks exist.

    Raises:
        PluginError: it does not import, speaks another API, or implements hooks that there are not.
    """
    try:
        module = import_module(entry.module)
    except (Exception, SystemExit) as error:
        why = why_not_imported(entry.module, error, entry.distribution)
        raise PluginImportError(
            f"{entry} does not import: {why} DFCORE_DISABLE_PLUGINS={entry.name} leaves it out meanwhile."
        ) from error
    _check_api(entry, module)
    wrong = hook_mistakes(module)
    if wrong:
        raise PluginError("\n".join(f"{entry}: {text}" for text in wrong))
    return module


def _check_api(entry: PluginEntry, module: Any) -> None:
    from dfcore.hookspecs import API
    from dfcore.version import __version__

    spoken = getattr(module, "DFCORE_API", None)
    if spoken == API:
        return
    if not isinstance(spoken, int):
        raise PluginApiError(
            f"{entry} does not say which API it was written for: {module.__file__} needs the line `DFCORE_API = {API}`."
        )
    older = "dfcore" if spoken > API else entry.distribution
    raise PluginApiError(
        f"{entry} speaks API {spoken}, dfcore {__version__} speaks API {API}. Upgrade the older one: "
        f"`pip install --upgrade {older}`."
    )
