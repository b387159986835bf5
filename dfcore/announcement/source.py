"""Where something is written: file and line, for messages."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["announced_at", "home_of", "last_own_frame", "line_with", "place_of", "root_of"]


def root_of(path: str) -> str:
    """The package that a dotted path begins with."""
    return path.partition(":")[0].partition(".")[0]


def home_of(package: str) -> Path | None:
    """The folder of a package, or the file of a single module; None where it has none. Nothing is imported."""
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None)
    if file is None:
        try:
            spec = find_spec(package)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec and spec.has_location else None
        folders = list(spec.submodule_search_locations or ()) if spec else []
        if file is None:
            return Path(folders[0]) if folders else None
    return Path(file).parent if Path(file).name == "__init__.py" else Path(file)


def last_own_frame(error: BaseException, package: str, *, skip: int = 0) -> traceback.FrameSummary | None:
    """The last of a package's own lines on the way to an error; else the very last line, of the import system's none.

    Args:
        error: as it was caught.
        package: whose lines are meant.
        skip: frames at the beginning that are the caller's own.
    """
    frames = [one for one in traceback.extract_tb(error.__traceback__)[skip:] if "importlib" not in one.filename]
    home = home_of(package)
    own = [frame for frame in frames if home is not None and Path(frame.filename).is_relative_to(home)]
    return next(iter((own or frames)[-1:]), None)


def place_of(thing: Any) -> str:
    """``file:line`` where a class, function or method is defined; "" where that cannot be told."""
    import inspect  # only a mistake needs it

    try:
        target = inspect.unwrap(thing)
        lines, first = inspect.getsourcelines(target)
        return f"{inspect.getsourcefile(target)}:{first + _begins(lines)}"
    except (TypeError, OSError):
        return ""


def _begins(lines: list[str]) -> int:
    """The number of the line with the name, behind decorators."""
    words = ("def ", "async def ", "class ")
    return next((number for number, line in enumerate(lines) if line.lstrip().startswith(words)), 0)


def line_with(function: Callable[..., Any], words: Iterable[str]) -> str:
    """``file:line`` of the first line of a function that holds one of the words, the first word first; else where it
    begins; "" where there is no source.
    """
    import inspect

    try:
        target = inspect.unwrap(function)
        file = inspect.getsourcefile(target)
        lines, first = inspect.getsourcelines(target)
    except (TypeError, OSError):
        return ""
    for word in words:
        for number, line in enumerate(lines):
            if word in line:
                return f"{file}:{first + number}"
    return f"{file}:{first + _begins(lines)}"


def announced_at(path: str, field: str = "") -> str:
    """``file:line`` where a loaded announcement holds the dotted path; "" where none does.

    With a ``field`` (``"views="``) it is the line of that field beside the path, where there is one.
    """
    for module in [module for module in list(sys.modules.values()) if _announces(module)]:
        try:
            lines = Path(module.__file__ or "").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(lines, 1):
            if f'"{path}"' in line or f"'{path}'" in line:
                beside = [n for n, other in enumerate(lines, 1) if field and field in other]
                return f"{module.__file__}:{min(beside, key=lambda n: abs(n - number), default=number)}"
    return ""


def _announces(module: object) -> bool:
    return isinstance(module, ModuleType) and "DFCORE_API" in vars(module) and bool(module.__file__)
