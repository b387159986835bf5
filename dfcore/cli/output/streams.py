"""Standard output and standard error that never fail for a letter that the console does not have."""

from __future__ import annotations

import json
import sys
from typing import IO, Any

import click

from dfcore.text import to_json

__all__ = ["for_console", "make_safe", "print_json"]


def make_safe() -> None:
    r"""Have letters that a console's encoding cannot show written as ``\xe9`` or ``\u540d``.

    A program that reads the output as UTF-8 sees no difference.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not hasattr(stream, "reconfigure"):  # none at all, or something of the caller's own
            continue
        stream.reconfigure(errors="backslashreplace")
        if (stream.encoding or "").lower() in ("ascii", "us-ascii", "ansi_x3.4-1968", "646"):
            setattr(sys, name, _Ascii(stream))


class _Ascii:
    """A text stream without ``buffer``: by way of that click would write UTF-8 to an ASCII console."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)


def print_json(values: Any, indent: int | None = 2) -> None:
    """Print ``values`` as JSON that stays valid on a console which lacks some of its letters."""
    click.echo(for_console(to_json(values, indent=indent)))


def for_console(text: str) -> str:
    r"""JSON, with letters that standard output's encoding lacks as JSON writes them (``\u00e9``, not ``\xe9``)."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        known = {letter: _in_json(letter, encoding) for letter in set(text)}
        return "".join(known[letter] for letter in text)
    return text


def _in_json(letter: str, encoding: str) -> str:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(letter)[1:-1]
    return letter
