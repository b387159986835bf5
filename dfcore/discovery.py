"""Installed plugins, read from metadata; and the guarded import of one announcement."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from dfcore.errors import PluginApiError, PluginImportError

__all__ = ["GROUP", "PluginEntry", "discover", "import_announcement"]

GROUP = "dfcore.plugins"
"""The entry-point group."""


@dataclass(frozen=True, slots=True, order=True)
class PluginEntry:
    """An installed plugin, as its metadata names it."""

    name: str
    distribution: str
    version: str
    module: str


def discover() -> list[PluginEntry]:
    """Installed and enabled plugins, by name; nothing of them is imported."""
    found = set()
    for point in entry_points(group=GROUP):
        distribution = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else "unknown"
        found.add(PluginEntry(point.name, distribution, version, point.value))
    return sorted(entry for entry in found if _enabled(entry))


def _enabled(entry: PluginEntry) -> bool:
    allowed, denied = os.environ.get("DFCORE_PLUGINS"), os.environ.get("DFCORE_DISABLE_PLUGINS", "")
    names = {entry.name, entry.distribution}
    if names & _names(denied):
        return False
    return allowed is None or bool(names & _names(allowed))


def _names(text: str) -> set[str]:
    return {part.strip() for part in text.split(",") if part.strip()}


def import_announcement(entry: PluginEntry) -> Any:
    """The plugin's announcement module, imported; it speaks this core's API.

    Raises:
        PluginImportError, PluginApiError
    """
    module = _import(entry)
    _check_api(entry, module)
    return module


def _import(entry: PluginEntry) -> Any:
    try:
        return import_module(entry.module)
    except Exception as error:
        raise PluginImportError(
            f"plugin {entry.name!r} ({entry.distribution} {entry.version}) does not import: "
            f"{type(error).__name__}: {error}. Try `pip install --force-reinstall {entry.distribution}`, "
            f"or leave it out with DFCORE_DISABLE_PLUGINS={entry.name}."
        ) from error


def _check_api(entry: PluginEntry, module: Any) -> None:
    from dfcore.hookspecs import API
    from dfcore.version import __version__

    spoken = getattr(module, "DFCORE_API", None)
    if spoken == API:
        return
    if not isinstance(spoken, int):
        raise PluginApiError(
            f"plugin {entry.name!r} ({entry.distribution}) does not say which API it was written for: "
            f"{entry.module} needs the line `DFCORE_API = {API}`."
        )
    older = "dfcore" if spoken > API else entry.distribution
    raise PluginApiError(
        f"plugin {entry.name!r} ({entry.distribution} {entry.version}) speaks API {spoken}, dfcore {__version__} "
        f"speaks API {API}. Upgrade the older one: `pip install --upgrade {older}`."
    )
