"""What is to be said of an exception that is nobody's own error: whose code it was, where, and what it means."""

from __future__ import annotations

import traceback
from pathlib import Path

from dfcore.errors import PluginError

__all__ = ["described", "plugin_error"]


def plugin_error(what: str, error: BaseException) -> PluginError:
    """An exception from a plugin's code, as a :class:`~dfcore.errors.PluginError` that says where it was raised.

    Args:
        what: the component, in words: ``face detector 'centerface'``.
        error: what it raised.
    """
    return PluginError(f"{what} failed: {described(error)} (at {_place(error)}). Its plugin needs repair.")


def described(error: BaseException) -> str:
    """Type and message in one line; the type alone where there is no message."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(error: BaseException) -> str:
    """``file:line`` of the innermost frame, the file with its folder."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    file = Path(frames[-1].filename)
    return f"{file.parent.name}/{file.name}:{frames[-1].lineno}"
