"""Imports timm, working around torchvision's missing CUDA operators.

timm imports torchvision. A torchvision wheel that is linked against CUDA cannot load its own operator library beside a
CPU-only torch. Its import then fails at two unconditional registrations (``operator torchvision::nms does not exist``),
and so does timm's. Declaring the schemas of the two operators is enough for the import: what dfcore and timm use of
torchvision is plain Python. ``torchvision.ops.nms`` itself stays unusable, and says so when it is called.

Both also import ``torch._dynamo``, PyTorch's compiler, which takes longer to import than all of timm: torchvision for
one function, timm to decorate a few methods of one model. Neither is needed to build a model or to run it, so the
compiler is imported when one of them is called. ``huggingface_hub``, which takes as long as all of timm's models, is
imported when timm first asks it for something.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, reload
from importlib.util import find_spec
from threading import RLock
from types import ModuleType
from typing import Any

import torch

__all__ = ["import_timm", "mend_torchvision"]

_log = logging.getLogger(__name__)

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_SYMPTOM = "operator torchvision::"

_COMPILER = "torch._dynamo"
_UTILS = f"{_COMPILER}.utils"
_HUB, _TIMMS_HUB = "huggingface_hub", "timm.models._hub"
_HUB_FUNCTIONS = ("HfApi", "hf_hub_download", "model_info")
_HUB_ERRORS = ("EntryNotFoundError", "RepositoryNotFoundError")

_importing = RLock()
"""One thread at a time: another would take the first one's stand-ins for what was there before, and put them back."""
_declared: torch.library.Library | None = None  # torch drops the schemas when this object goes


def import_timm() -> ModuleType:
    """The module ``timm``, importable also where torchvision's operator library is not.

    Raises:
        ImportError: timm or torchvision is not installed.
    """
    with _importing:
        if "timm" not in sys.modules and _COMPILER not in sys.modules:
            try:
                with _compiler_on_demand(), _hub_on_demand():
                    return _import_both()
            except (ImportError, AttributeError) as error:  # a release that asks more of the compiler
                _log.debug("timm needs torch._dynamo to be imported: %s", error)
        return _import_both()


def _import_both() -> ModuleType:
    mend_torchvision()
    return import_module("timm")


@contextmanager
def _compiler_on_demand() -> Iterator[None]:
    """What is imported inside gets the two functions of the compiler that timm and torchvision name as they are
    imported; each imports the compiler when it is called.
    """
    disable = torch.compiler.disable
    torch.compiler.disable = _disabled_on_demand
    sys.modules[_UTILS] = stand_in = ModuleType(_UTILS)
    stand_in.is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.compiler.disable = disable
        if sys.modules.get(_UTILS) is stand_in:
            del sys.modules[_UTILS]


@contextmanager
def _hub_on_demand() -> Iterator[None]:
    """What is imported inside gets the names of ``huggingface_hub`` that timm imports: functions that import it when
    one of them is called, and put its own in their place, its errors before anything can raise them. Nothing is done
    where it is imported already, or not installed.
    """
    if _HUB in sys.modules or find_spec(_HUB) is None:
        yield
        return
    hub, utils = ModuleType(_HUB), ModuleType(f"{_HUB}.utils")
    for name in _HUB_FUNCTIONS:
        setattr(hub, name, functools.partial(_of_the_hub, name))
    for name in _HUB_ERRORS:
        setattr(utils, name, type(name, (Exception,), {}))
    stand_ins = {_HUB: hub, f"{_HUB}.utils": utils}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        timms = sys.modules.get(_TIMMS_HUB)
        if timms is not None and not getattr(timms, "_has_hf_hub", False):  # a release that imports other names
            reload(timms)


def _of_the_hub(name: str, *args: Any, **kwargs: Any) -> Any:
    """The function of ``huggingface_hub``, and from now on timm has all of them from there."""
    timms = sys.modules.get(_TIMMS_HUB)
    if timms is not None:
        reload(timms)  # in place: what was imported from it before sees the new names
    return getattr(import_module(_HUB), name)(*args, **kwargs)


def _is_compile_supported(device_type: str) -> Any:
    return import_module(_UTILS).is_compile_supported(device_type)


def _disabled_on_demand(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """``torch.compiler.disable``, done when the decorated function is first called."""
    if not callable(fn) or isinstance(fn, type):
        return functools.partial(_disabled_on_demand, recursive=recursive, reason=reason)
    done: list[Callable[..., Any]] = []

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not done:
            done.append(torch.compiler.disable(fn, recursive, reason=reason))
        return done[0](*args, **kwargs)

    return call


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
