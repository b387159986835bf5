"""The hooks of one announcement: found, each called by itself, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

from dfcore.announcement.source import last_own_frame, place_of, root_of
from dfcore.errors import nearest
from dfcore.text import described

__all__ = ["call_hook", "hook_mistakes", "hook_names"]

PREFIX = "dfcore_"
_MARK = "dfcore_impl"
"""The attribute by which pluggy knows what ``hookimpl`` marked."""
_UNEXPECTED = re.compile(r"(?P<owner>\w+)\.__init__\(\) got an unexpected keyword argument '(?P<name>\w+)'")


def hook_names() -> list[str]:
    """The hooks that there are."""
    from dfcore import hookspecs

    return [name for name in vars(hookspecs) if name.startswith(PREFIX)]


def hook_mistakes(module: Any) -> list[str]:
    """What is wrong with the hooks of an announcement: misspelt, not marked, with parameters; a sentence each."""
    known, found = hook_names(), []
    for name, value in vars(module).items():
        if not isinstance(value, FunctionType):
            continue
        at, marked = place_of(value), getattr(value, _MARK, None)
        if marked is None:
            close = name if name in known else nearest(name, known)
            if name.startswith(PREFIX) and close and value.__module__ == module.__name__:
                found.append(
                    f"{at}: {name} is never called, for it has no `@hookimpl` above it. Write `@hookimpl` on the line "
                    f"before `def {close}():`."
                )
            continue
        hook = marked.get("specname") or name
        if hook not in known:
            close = nearest(hook, known)
            write = f" Did you mean {close!r}? Write `def {close}():`." if close else ""
            found.append(f"{at}: there is no hook {hook!r}.{write} The hooks are {', '.join(known)}.")
        elif value.__code__.co_argcount or value.__code__.co_kwonlyargcount:
            found.append(f"{at}: the hook {hook} takes no arguments. Write `def {hook}():`.")
    return found


def call_hook(function: Callable[[], Any], hook: str) -> tuple[list[Any], list[str]]:
    """What a hook returns that is of the kind that it announces, and sentences on what is not, or on what it raised."""
    from dfcore import specs as kinds_of

    one = hook == "dfcore_specialist"
    kinds: dict[str, type] = {
        "dfcore_specialist": kinds_of.SpecialistSpec,
        "dfcore_datasets": kinds_of.DatasetSpec,
        "dfcore_stages": kinds_of.StageSpec,
        "dfcore_recipes": kinds_of.RecipeSpec,
    }
    kind = kinds.get(hook, kinds_of.ComponentSpec)
    try:
        result = function()
    except (Exception, SystemExit) as error:
        frame = last_own_frame(error, root_of(function.__module__))
        at = f"{frame.filename}:{frame.lineno}: " if frame else ""
        return [], [f"{at}{hook} raised {described(error)}.{_nearest_keyword(error)}"]
    write = f"Return a {kind.__name__}(...)" if one else f"Return a list: [{kind.__name__}(...), ...]"
    if one and isinstance(result, list | tuple):
        return [], [f"{place_of(function)}: {hook} returned a {type(result).__name__}. {write}; a plugin has one."]
    if result is None or not (one or isinstance(result, list | tuple)):
        what = "nothing (None)" if result is None else f"a {type(result).__name__}"
        return [], [f"{place_of(function)}: {hook} returned {what}. {write}."]
    specs = [result] if one else list(result)
    wrong = [spec for spec in specs if not isinstance(spec, kind)]
    texts = [f"{place_of(function)}: {hook} returned {_shown(spec)}, not a {kind.__name__}. {write}." for spec in wrong]
    return [spec for spec in specs if isinstance(spec, kind)], texts


def _shown(value: Any) -> str:
    text = repr(value)
    return f"the {type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _nearest_keyword(error: BaseException) -> str:
    """What may be meant by a keyword that an announcement's class does not have; "" where there is no such."""
    from dataclasses import fields

    from dfcore import specs

    found = _UNEXPECTED.search(str(error))
    owner = getattr(specs, found["owner"], None) if found else None
    if not found or owner is None:
        return ""
    names = [field.name for field in fields(owner)]
    close = nearest(found["name"], names)
    return f" Did you mean {close!r}?" if close else f" {found['owner']} has {', '.join(names)}."
