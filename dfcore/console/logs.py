"""Warnings of the library on the terminal of a command, in one line each that a terminal can show."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from dfcore.text import printable

__all__ = ["print_warnings"]


class _Printable(logging.Formatter):
    """Names in a message may hold what a terminal obeys."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {printable(record.getMessage())}"


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at the moment: it may be another one, and the first one closed, by then."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def print_warnings() -> None:
    """Print what dfcore logs on standard error, from warnings on, in a process of dfcore's own: a command, a worker.

    Python's last resort would print the messages as they are.
    """
    logger = logging.getLogger("dfcore")
    if not logger.handlers:
        handler = _StandardError()
        handler.setLevel(logging.WARNING)
        handler.setFormatter(_Printable())
        logger.addHandler(handler)
