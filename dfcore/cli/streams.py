"""Standard output and standard error that never fail for a letter that the console does not have."""

from __future__ import annotations

import sys
from typing import IO, Any

__all__ = ["make_safe"]


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
