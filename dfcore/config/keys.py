"""What a configuration key is: its meaning, the values that it takes, and how what was given becomes one.

Every door (``dfcore.toml``, the command line, ``configure(set=...)``, :func:`dfcore.config.override`) goes through
:func:`convert`, so that the same value is refused everywhere, with the same message, before anything is done.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from dfcore.errors import ConfigError
from dfcore.filesystem.paths import name_trouble
from dfcore.text import parse_duration

__all__ = ["Key", "convert", "key", "key_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """A key's meaning and range; a bound that is None is open.

    Attributes:
        meaning: a sentence or two, as docs/config.md shows it.
        at_least, at_most: bounds that are allowed themselves.
        above, below: bounds that are not.
        choices: the words that a text may be; () leaves it free.
        path: whether it is the path of a file or folder: an address is none.
        empty: whether a text may be empty.
        duration: whether a text that is not empty says how long (``"11h30m"``).
    """

    meaning: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    path: bool = False
    empty: bool = True
    duration: bool = False

    @property
    def range(self) -> str:
        """The range in words (``"at least 0 and below 1"``), the choices, or ""."""
        if self.choices:
            return ", ".join(self.choices)
        bounds = {"at least": self.at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        return " and ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)

    def admits(self, value: float) -> bool:
        """Whether a number is in the range; NaN and the infinities never are."""
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


def key(
    default: T,
    meaning: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    path: bool = False,
    empty: bool = True,
    duration: bool = False,
) -> T:
    """A dataclass field with a :class:`Key`. Typed as its default, as ``dataclasses.field`` is."""
    about = Key(meaning, at_least, at_most, above, below, choices, path, empty, duration)
    found: T = dataclasses.field(default=default, metadata={"key": about})
    return found


def key_of(field: dataclasses.Field[Any]) -> Key:
    """The :class:`Key` of a field made by :func:`key`."""
    found: Key = field.metadata["key"]
    return found


LARGEST = 1_000_000
"""Of every number that has no upper bound of its own: what is larger is a mistake, and ends in a lack of memory."""
_EXPECTED = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def convert(name: str, value: Any, kind: Any, about: Key) -> Any:
    """``value`` as the type ``kind`` of the key ``name``; texts are read as numbers, lists and truth values.

    Raises:
        ConfigError: it does not fit the type, or lies outside the range; the message says which values do.
    """
    kind, optional = _without_none(kind)
    if optional and (value is None or value == "none"):
        return None
    try:
        made = _converted(value, kind)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{name} takes {_expected(kind, about, optional)}, not {value!r}.") from None
    if isinstance(made, (int, float)) and not isinstance(made, bool) and not about.admits(made):
        raise ConfigError(f"{name} takes {_expected(kind, about, optional)}, not {value!r}.")
    if isinstance(made, (int, float)) and about.at_most is None and about.below is None and made > LARGEST:
        raise ConfigError(f"{name} takes {_EXPECTED[kind]} at most {LARGEST:,}, not {value!r}.")
    if about.choices and made not in about.choices:
        raise ConfigError(f"{name} takes one of {about.range}, not {value!r}.")
    if made == "" and not about.empty:
        raise ConfigError(f"{name} is empty. Name a folder, or leave it out.")
    if about.duration and made:
        try:
            parse_duration(made)
        except ValueError as error:
            raise ConfigError(f"{name} takes {error}") from None
    if about.path and (trouble := name_trouble(made)):
        raise ConfigError(f"{name}={trouble}")
    return made


def _without_none(kind: Any) -> tuple[Any, bool]:
    """``X | None`` as ``(X, True)``."""
    if get_origin(kind) in (None, tuple):
        return kind, False
    return next(option for option in get_args(kind) if option is not type(None)), True


def _expected(kind: Any, about: Key, optional: bool) -> str:
    words = "a list (a,b,c)" if get_origin(kind) is tuple else _EXPECTED.get(kind, f"a {kind.__name__}")
    bounds = f" {about.range}" if about.range and not about.choices else ""
    return f"{words}{bounds}{' or none' if optional else ''}"


def _converted(value: Any, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        return tuple(str(item) for item in items if item != "")
    if kind is bool:
        return _boolean(value)
    if isinstance(value, bool) and kind in (int, float):
        raise ValueError(value)
    if kind is int and isinstance(value, float):
        raise ValueError(value)
    if kind is str and not isinstance(value, (str, int, float)) and not hasattr(value, "__fspath__"):
        raise ValueError(value)
    return kind(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]
