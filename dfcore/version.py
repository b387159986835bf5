"""The one version of the six distributions."""

from __future__ import annotations

import platform
from collections.abc import Iterable

__all__ = ["__version__", "package_versions"]

__version__ = "0.1.0"


def package_versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of dfcore, of Python, and of these distributions, by name."""
    from importlib import metadata  # costs more to import than this package

    versions = {"dfcore": __version__, "python": platform.python_version()}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed as a distribution"
    return versions
