"""What a run says: to the screen, and to its ``log.txt``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dfcore.disk import append, is_full
from dfcore.errors import WriteError

__all__ = ["Log", "progress_bar"]


class Log:
    """Lines for people. Only the main process says anything.

    Lines said before the run's folder exists, or while its disk is full, are kept and written to the file later.
    """

    def __init__(self, *, speaks: bool = True) -> None:
        self._speaks = speaks
        self._waiting: list[str] = []
        self._file: Path | None = None

    def say(self, text: str = "") -> None:
        """Print a line, above any progress bar."""
        if not self._speaks:
            return
        try:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
        except OSError as error:
            if not is_full(error):  # a full disk behind the stream must not end a run that may still save itself
                raise
        self._write(text)

    def warn(self, text: str) -> None:
        """Print a line that must not be overlooked."""
        self.say(f"warning: {text}")

    def attach(self, file: Path) -> None:
        """From now on, append every line to ``file``, the early ones first."""
        if self._speaks:
            self._file = file
            self._save()

    def _write(self, line: str) -> None:
        self._waiting.append(line)
        self._save()

    def _save(self) -> None:
        if self._file is None or not self._waiting:
            return
        # Whoever speaks may be about to save something that matters: what cannot be written waits for the next line.
        with suppress(WriteError):
            append(self._file, "".join(f"{line}\n" for line in self._waiting).encode())
            self._waiting.clear()


def progress_bar(
    over: Iterable[Any] | None, label: str, *, speaks: bool, total: int | None = None, initial: int = 0
) -> tqdm[Any]:
    """A bar on the error stream that goes away when done; nothing where that is not a terminal."""
    disable = None if speaks else True  # None: tqdm asks the stream
    return tqdm(over, desc=label, total=total, initial=initial, disable=disable, leave=False, dynamic_ncols=True)
