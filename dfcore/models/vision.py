"""Imports timm, working around torchvision's missing CUDA operators.

timm imports torchvision. A torchvision wheel that is linked against CUDA cannot load its own operator library beside a
CPU-only torch. Its import then fails at two unconditional registrations (``operator torchvision::nms does not exist``),
and so does timm's. Declaring the schemas of the two operators is enough for the import: what dfcore and timm use of
torchvision is plain Python. ``torchvision.ops.nms`` itself stays unusable, and says so when it is called.
"""

from __future__ import annotations

import logging
from importlib import import_module
from types import ModuleType

import torch

__all__ = ["import_timm", "mend_torchvision"]

_log = logging.getLogger(__name__)

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_SYMPTOM = "operator torchvision::"

_declared: torch.library.Library | None = None  # torch drops the schemas when this object goes


def import_timm() -> ModuleType:
    """The module ``timm``, importable also where torchvision's operator library is not.

    Raises:
        ImportError: timm or torchvision is not installed.
    """
    mend_torchvision()
    import timm

    return timm


def mend_torchvision() -> bool:
    """Make ``import torchvision`` work where only its operator library is missing.

    Nothing is touched where the import works already, and every other failure is passed on unchanged.

    Returns:
        Whether schemas had to be declared in this process (now or earlier).
    """
    global _declared
    try:
        import_module("torchvision")
    except RuntimeError as error:
        if _declared is not None or _SYMPTOM not in str(error):
            raise
        _log.debug("torchvision's operator library does not load beside torch %s: %s", torch.__version__, error)
        _declared = _declare_missing()
        import_module("torchvision")
    return _declared is not None


def _declare_missing() -> torch.library.Library:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)
    return library
