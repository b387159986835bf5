"""Why something does not import, in words: what is missing or wrong, on which line, and what to do."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from typing import Any

from dfcore.announcement.source import home_of, last_own_frame, root_of
from dfcore.errors import nearest
from dfcore.text import described

__all__ = ["missing_attribute", "own_callables", "why_not_imported"]

_NAME = re.compile(r"cannot import name '(?P<name>\w+)'")


def why_not_imported(module: str, error: BaseException, distribution: str = "") -> str:
    """What stopped the import of a module: whole sentences, that end with what to do.

    Args:
        module: what was imported.
        error: what was raised.
        distribution: what brought the module, where that is known.
    """
    package = root_of(module)
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {described(error)}. Correct that line."
    frame = last_own_frame(error, package)
    at = f"{frame.filename}:{frame.lineno}: " if frame else ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(module, error.name, at, distribution)
    if isinstance(error, ImportError) and (found := _NAME.search(str(error))):
        source = sys.modules.get(error.name or "")
        hint = missing_attribute(source, found["name"]) if source else ""
        return f"{at}{described(error)}.{hint}"
    if root_of(module) in sys.builtin_module_names or frame is None:
        return f"{described(error)}."
    return f"{at}{described(error)}. The line runs when the module is imported: correct it, or move it into a function."


def missing_attribute(module: Any, name: str) -> str:
    """What a module has in place of ``name``: a sentence with a blank before it, or ""."""
    names = [one for one in vars(module) if not one.startswith("_")] if hasattr(module, "__dict__") else []
    own = own_callables(module)
    close = nearest(name, own) or nearest(name, names)
    if close:
        return f" Did you mean {close!r}?"
    return f" It defines {', '.join(own)}." if own else ""


def own_callables(module: Any) -> list[str]:
    """Names of the public classes and functions that a module itself defines, sorted."""
    home = getattr(module, "__name__", "")
    found = getattr(module, "__dict__", {}).items()
    return sorted(
        name
        for name, value in found
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == home
    )


def _missing_module(module: str, missing: str, at: str, distribution: str) -> str:
    package, parent = root_of(module), missing.rpartition(".")[0]
    if missing == package:
        again = f" (`pip install --force-reinstall {distribution}`)" if distribution else ""
        return f"there is no package {missing!r}. Is it misspelt, or was its folder moved? Install it again{again}."
    if root_of(missing) == package:
        where = "" if missing == module or module.startswith(f"{missing}.") else at
        beside = _submodules(parent)
        close = nearest(missing.rpartition(".")[2], beside)
        hint = f" Did you mean '{parent}.{close}'?" if close else f" There are: {', '.join(beside) or 'none'}."
        return f"{where}there is no module {missing!r}.{hint}"
    needed = root_of(missing)
    if home_of(needed) is not None:
        return f"{at}the installed package {needed!r} has no module {missing!r}. Is its version the right one?"
    listed = f"the dependencies of {distribution}" if distribution else "the dependencies in its pyproject.toml"
    return (
        f"{at}it needs the package {needed!r}, which is not installed. `pip install {needed}`, or the distribution "
        f"that brings a package of this name; and name it among {listed}."
    )


def _submodules(package: str) -> list[str]:
    """Names of the modules right in a package; its parents are imported if they are not."""
    import pkgutil  # only a mistake needs it

    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    folders = spec.submodule_search_locations if spec else None
    return sorted(one.name for one in pkgutil.iter_modules(folders)) if folders else []
