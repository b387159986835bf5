"""Cells of the tables that a terminal shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape as escape_markup

from dfcore.text import printable

__all__ = ["cell", "escape"]


def escape(text: object) -> str:
    """Text from outside, as a cell or title: neither markup nor what a terminal obeys."""
    return escape_markup(printable(text))


def cell(interval: Mapping[str, Any] | None, digits: int = 3) -> str:
    """``.912 (.870 to .951)``; why not, where there is no figure."""
    if interval is None or interval["value"] is None:
        return "-"
    text = f"{interval['value']:.{digits}f}"
    if interval["low"] is None:
        return f"{text} (no interval)"
    return f"{text} ({interval['low']:.{digits}f} to {interval['high']:.{digits}f})"
