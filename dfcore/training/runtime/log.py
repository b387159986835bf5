"""What a run says: to the screen, and to its ``log.txt``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from dfcore.console.progress import SILENT, TERMINAL, Bar, Guarded, Progress
from dfcore.errors import WriteError
from dfcore.filesystem.writing import append
from dfcore.text import printable

__all__ = ["Log"]


class Log:
    """Lines for people, through ``progress`` and into a file. Only the main process says anything.

    What goes wrong in showing a line, or in writing it to the file, ends nothing. Lines said before the run's folder
    exists, or while its disk is full, are kept and written to the file later.
    """

    def __init__(self, *, speaks: bool = True, progress: Progress = TERMINAL) -> None:
        self._speaks = speaks
        self.progress = Guarded(progress if speaks else SILENT)
        self._told = False
        self._waiting: list[str] = []
        self._file: Path | None = None

    def say(self, text: str = "") -> None:
        """A line, above any progress bar."""
        if self._speaks:
            self.progress.say(text)
            if self.progress.failure and not self._told:
                self._told = True
                self._write(f"what follows is said here alone: showing it failed ({self.progress.failure})")
            self._write(text)

    def warn(self, text: str) -> None:
        """A line that must not be overlooked."""
        self.say(f"warning: {text}")

    def bar(self, label: str, total: int, *, initial: int = 0) -> Bar:
        """A progress bar; nothing of it goes into the file."""
        return self.progress.bar(label, total, initial=initial)

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
            append(self._file, "".join(f"{printable(line, lines=True)}\n" for line in self._waiting).encode())
            self._waiting.clear()
