"""Running a plugin's code: what it raises is its own fault, and is told as such."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dfcore.disk import is_full
from dfcore.errors import DfcoreError, PluginError
from dfcore.text import described

__all__ = ["plugin_code", "plugin_error"]


@contextmanager
def plugin_code(what: str, code: str | Callable[..., object]) -> Iterator[None]:
    """Whatever code of a plugin raises inside is a PluginError that names plugin, function, file and line.

    Errors that dfcore raises on purpose, exhausted memory and a full disk pass through: they are not the plugin's.

    Args:
        what: what runs, for the message: ``"evidence ghost"``.
        code: its dotted path ``package.module:attribute``, or the class or function itself.

    Raises:
        PluginError: the code raised something.
    """
    try:
        yield
    except (DfcoreError, MemoryError):
        raise
    except Exception as error:
        if is_full(error):
            raise
        raise plugin_error(what, code, error) from error


def plugin_error(what: str, code: str | Callable[..., object], error: BaseException) -> PluginError:
    """What a plugin's code raised, as the error that names plugin, function, file and line; arguments as above."""
    path = code if isinstance(code, str) else f"{code.__module__}:{getattr(code, '__qualname__', code)}"
    return PluginError(
        f"{what} ({path}) failed{_place(error, path)}: {described(error)}. This is a fault of the plugin package "
        f"{_package(path)}, not of the data, and nothing is noted against the file: upgrade the plugin, report it "
        "to its authors, or leave it out."
    )


def _package(path: str) -> str:
    return path.partition(":")[0].partition(".")[0]


def _place(error: BaseException, path: str) -> str:
    """The last of the plugin's own lines on the way to the error; else the very last."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is the ``yield`` above
    if not frames:
        return ""
    package = sys.modules.get(_package(path))
    file = getattr(package, "__file__", None)
    home = (Path(file).parent if Path(file).name == "__init__.py" else Path(file)) if file else None
    own = [frame for frame in frames if home is not None and Path(frame.filename).is_relative_to(home)]
    last = (own or frames)[-1]
    return f" in {last.name}, {last.filename}:{last.lineno}"
