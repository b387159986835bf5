"""Running a plugin's code: what it raises is its own fault, and is told as such."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dfcore.announcement.source import last_own_frame, place_of, root_of
from dfcore.errors import DfcoreError, PluginError
from dfcore.filesystem.writing import is_full
from dfcore.specs import resolve
from dfcore.text import described

__all__ = ["construct", "dotted", "plugin_code", "plugin_error", "wrong_call"]


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
        if is_full(error) or type(error).__name__ == "OutOfMemoryError":  # torch's, of an accelerator
            raise
        raise plugin_error(what, code, error) from error


def plugin_error(what: str, code: str | Callable[..., object], error: BaseException, hint: str = "") -> PluginError:
    """What a plugin's code raised, as the error that names plugin, function, file and line; arguments as above.

    ``hint`` is a sentence on what to write, where that is known.
    """
    path = dotted(code)
    package = root_of(path)
    frame = last_own_frame(error, package, skip=1)  # the first is the ``yield`` above
    place = f" in {frame.name}, {frame.filename}:{frame.lineno}" if frame else ""
    failed = f"{what} ({path}) failed{place}: {described(error).rstrip('.')}.{f' {hint}' if hint else ''}"
    return PluginError(
        f"{failed} This is a fault of the plugin package {_brought(package)}, not of the data, and nothing is noted "
        "against the file: upgrade the plugin, report it to its authors, or leave it out."
    )


def construct(what: str, code: str | Callable[..., Any], /, *given: Any, **named: Any) -> Any:
    """What a plugin's class or function makes of these arguments.

    Args:
        what: what is made, for messages: ``"callback 'notify'"``.
        code: its dotted path ``package.module:attribute``, or the class or function itself.
        given: arguments.
        named: arguments by name.

    Raises:
        PluginError: the code cannot be imported, does not take these arguments, or raised something.
    """
    made = resolve(code, what)
    wrong = wrong_call(made, *given, **named)
    if wrong:
        taken = ", ".join([*("..." for _ in given), *(f"{name}=..." for name in named)])
        how = f"called with ({taken})" if taken else "called without arguments"
        names = "".join(f", {name}" for name in named)
        write = "Give each parameter a default value, or set it inside."
        if taken:
            write = f"Write `def __init__(self{', name' if given else ''}{names}):`."
        raise PluginError(f"{what} ({dotted(code)}) is {how}: {wrong}. {write}")
    with plugin_code(what, code):
        return made(*given, **named)


def wrong_call(code: Callable[..., Any], /, *given: Any, **named: Any) -> str:
    """Why a class, function or method does not take these arguments, with its line; "" where it does, or hides it."""
    try:
        signature = inspect.signature(code)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*given, **named)
    except TypeError as error:
        name = getattr(code, "__name__", type(code).__name__)
        own = code.__init__ if isinstance(code, type) else code  # type: ignore[misc]
        place = place_of(own) or place_of(code)
        return f"{place}: {name}{signature}: {error}" if place else f"{name}{signature}: {error}"
    return ""


def dotted(code: str | Callable[..., object]) -> str:
    """The dotted path of a class or function; of a path itself."""
    return code if isinstance(code, str) else f"{code.__module__}:{getattr(code, '__qualname__', code)}"


def _brought(package: str) -> str:
    """A package, with the distribution that brought it where that is an installed plugin."""
    from dfcore.plugins.discovery import distribution_of

    name, version = distribution_of(package)
    return f"{package} ({name} {version})" if version else package
