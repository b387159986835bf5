"""Train, measure and run deepfake-video detectors, one specialist for each kind of trace.

As a library::

    import dfcore

    model = dfcore.create("cm")                         # a specialist with an ImageNet backbone
    model = dfcore.load("runs/cm_stage1/cm_stage1_final.pt")

Importing this package imports no torch; ``create`` and ``load`` do when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dfcore.version import __version__

if TYPE_CHECKING:
    from dfcore.models.factory import create, load

__all__ = ["__version__", "create", "load"]


def __getattr__(name: str) -> Any:
    if name in ("create", "load"):
        from dfcore.models import factory

        return getattr(factory, name)
    raise AttributeError(f"module 'dfcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
