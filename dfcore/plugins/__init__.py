"""The plugins that are installed: found, loaded, and their code run so that its faults are told as its own.

:mod:`~dfcore.plugins.discovery` reads what is installed, :mod:`~dfcore.plugins.loader` imports announcements,
:mod:`~dfcore.plugins.calls` runs a plugin's code, and :mod:`~dfcore.plugins.builtins` is what the core announces.
What an announcement must be is in :mod:`dfcore.announcement`.
"""

from __future__ import annotations

from dfcore.plugins.discovery import PluginEntry, discover
from dfcore.plugins.loader import BUILTINS, COMPONENT_KINDS, OFFICIAL, Registry, registry

__all__ = ["BUILTINS", "COMPONENT_KINDS", "OFFICIAL", "PluginEntry", "Registry", "discover", "registry"]
