"""What a run says: to the screen, and to its ``log.txt``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

__all__ = ["Log", "progress_bar"]


class Log:
    """Lines for people. Only the main process says anything.

    Lines said before the run's folder exists are kept and written to the file once it is named.
    """

    def __init__(self, *, speaks: bool = True) -> None:
        self._speaks = speaks
        self._early: list[str] = []
        self._file: Path | None = None

    def say(self, text: str = "") -> None:
        """Print a line, above any progress bar."""
        if not self._speaks:
            return
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()
        self._write(text)

    def warn(self, text: str) -> None:
        """Print a line that must not be overlooked."""
        self.say(f"warning: {text}")

    def attach(self, file: Path) -> None:
        """From now on, append every line to ``file``, the early ones first."""
        if self._speaks:
            self._file = file
            early, self._early = self._early, []
            for line in early:
                self._write(line)

    def _write(self, line: str) -> None:
        if self._file is None:
            self._early.append(line)
            return
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def progress_bar(
    over: Iterable[Any] | None, label: str, *, speaks: bool, total: int | None = None, initial: int = 0
) -> tqdm[Any]:
    """A bar on the error stream that goes away when done; nothing where that is not a terminal."""
    disable = None if speaks else True  # None: tqdm asks the stream
    return tqdm(over, desc=label, total=total, initial=initial, disable=disable, leave=False, dynamic_ncols=True)
