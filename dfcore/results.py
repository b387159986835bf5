"""What every result of the library can do: become plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

__all__ = ["Result", "plain"]


class Result:
    """Base of the frozen dataclasses that the library's functions return."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as values that ``json`` takes: paths as strings, tuples as lists, results within as dicts."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # every subclass is a dataclass
        return {field.name: plain(getattr(self, field.name)) for field in fields}


def plain(value: Any) -> Any:
    """A value as ``json`` takes it."""
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value
