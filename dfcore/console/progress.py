"""How the library speaks while it works: one object, which the caller may replace.

Training and preparing say what they do through a :class:`Progress`. :data:`TERMINAL` is used where none is given;
:data:`SILENT` says nothing, and one of your own may write to a logger or a window.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol, TypeVar

from dfcore.filesystem.writing import is_full
from dfcore.text import described, duration, printable

__all__ = ["SILENT", "TERMINAL", "Bar", "Guarded", "Progress", "Silent", "Terminal", "over"]

Item = TypeVar("Item")
EVERY = 60.0
"""Seconds between two lines in a log."""


class Bar(Protocol):
    """A count that grows."""

    @property
    def shown(self) -> bool:
        """Whether anybody sees it: what is only shown here need not be computed else."""
        ...

    def update(self, steps: int = 1) -> None:
        """So many more are done."""
        ...

    def note(self, **values: object) -> None:
        """Show these beside it from now on."""
        ...

    def close(self) -> None:
        """Take it away."""
        ...


class Progress(Protocol):
    """Where the library says what it does."""

    def say(self, text: str) -> None:
        """A line for people."""
        ...

    def warn(self, text: str) -> None:
        """A line that must not be overlooked."""
        ...

    def bar(self, label: str, total: int | None, *, initial: int = 0, unit: str = "it") -> Bar:
        """Begin to count to ``total``, of which ``initial`` are done."""
        ...


class Silent:
    """A :class:`Progress`, and a :class:`Bar`, that nobody sees."""

    shown = False

    def say(self, text: str) -> None:
        """Drop the line."""

    def warn(self, text: str) -> None:
        """Drop the warning."""

    def bar(self, label: str, total: int | None, *, initial: int = 0, unit: str = "it") -> Bar:
        """A bar that shows nothing: this object itself."""
        return self

    def update(self, steps: int = 1) -> None:
        """Show no progress."""

    def note(self, **values: object) -> None:
        """Show no values."""

    def close(self) -> None:
        """There is no bar to take away."""


class Terminal:
    """Lines on standard output, warnings on standard error, and bars on it where it is a terminal.

    What a terminal would take for a command (a file's name may hold it) is written out.
    """

    def say(self, text: str) -> None:
        """Print the line on standard output, above any bar."""
        self._write(text, sys.stdout)

    def warn(self, text: str) -> None:
        """Print the line on standard error, after ``warning:``."""
        self._write(f"warning: {text}", sys.stderr)

    def bar(self, label: str, total: int | None, *, initial: int = 0, unit: str = "it") -> Bar:
        """A bar on standard error, which goes away when it is closed; where that is no terminal but a log, a line each
        minute.
        """
        shown = sys.stderr is not None and sys.stderr.isatty()
        return _TerminalBar(label, total, initial, unit) if shown else _LoggedBar(self, label, total, initial, unit)

    @staticmethod
    def _write(text: str, stream: Any) -> None:
        from tqdm import tqdm

        try:
            tqdm.write(printable(text, lines=True), file=stream)
            stream.flush()
        except OSError as error:
            if not is_full(error):  # a full disk behind the stream must not end a run that may still save itself
                raise


class _TerminalBar:
    def __init__(self, label: str, total: int | None, initial: int, unit: str) -> None:
        from tqdm import tqdm

        # disable=None: tqdm asks the stream whether it is a terminal
        self._bar = tqdm(
            desc=label, total=total, initial=initial, unit=unit, disable=None, leave=False, dynamic_ncols=True
        )

    @property
    def shown(self) -> bool:
        return not self._bar.disable

    def update(self, steps: int = 1) -> None:
        self._bar.update(steps)
        if self._bar.total is not None and self._bar.n >= self._bar.total:
            self._bar.refresh()  # tqdm draws ten times a second at most, and the last step is worth seeing

    def note(self, **values: object) -> None:
        self._bar.set_postfix(refresh=False, **values)

    def close(self) -> None:
        self._bar.close()


class _LoggedBar:
    """Tells how far it is in lines, for the log of a job that nobody watches: the first after :data:`EVERY` seconds."""

    shown = False

    def __init__(self, terminal: Terminal, label: str, total: int | None, initial: int, unit: str) -> None:
        self._terminal, self._label, self._unit = terminal, label, unit
        self._total, self._count, self._initial = total, initial, initial
        self._begun = self._said = time.monotonic()

    def update(self, steps: int = 1) -> None:
        self._count += steps
        now = time.monotonic()
        if now - self._said >= EVERY and self._count != self._total:
            self._said = now
            self._terminal._write(self._line(now - self._begun), sys.stderr)

    def _line(self, seconds: float) -> str:
        rate = (self._count - self._initial) / seconds
        if self._total is None:
            return f"{self._label}: {self._count:,}, {rate:.3g} {self._unit}/s"
        left = f", {duration((self._total - self._count) / rate)} left" if rate > 0 else ""
        return f"{self._label}: {self._count:,} of {self._total:,}, {rate:.3g} {self._unit}/s{left}"

    def note(self, **values: object) -> None:
        pass

    def close(self) -> None:
        pass


class Guarded:
    """Another :class:`Progress`, whose failures end nothing: after the first one it says no more.

    A terminal that is gone, a broken pipe, an odd variable in the environment or a fault in a caller's own object must
    not cost the hours of work that it only tells of.

    Attributes:
        failure: the first one, in words, or "".
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.failure = ""

    def say(self, text: str) -> None:
        """Say the line, if that can be done."""
        self.attempt(lambda: self._progress.say(text))

    def warn(self, text: str) -> None:
        """Say the warning, if that can be done."""
        self.attempt(lambda: self._progress.warn(text))

    def bar(self, label: str, total: int | None, *, initial: int = 0, unit: str = "it") -> Bar:
        """A bar, if that can be done."""
        made: list[Bar] = [SILENT.bar(label, total)]
        self.attempt(lambda: made.append(self._progress.bar(label, total, initial=initial, unit=unit)))
        return _GuardedBar(made[-1], self)

    def attempt(self, action: Callable[[], object]) -> None:
        """Do it, unless something failed before."""
        if self.failure:
            return
        try:
            action()
        except Exception as error:  # see above: whatever it is
            self.failure = described(error)


class _GuardedBar:
    def __init__(self, bar: Bar, owner: Guarded) -> None:
        self._bar, self._owner = bar, owner

    @property
    def shown(self) -> bool:
        return not self._owner.failure and self._bar.shown

    def update(self, steps: int = 1) -> None:
        self._owner.attempt(lambda: self._bar.update(steps))

    def note(self, **values: object) -> None:
        self._owner.attempt(lambda: self._bar.note(**values))

    def close(self) -> None:
        self._owner.attempt(self._bar.close)


TERMINAL: Progress = Terminal()
SILENT: Progress = Silent()


def over(items: Iterable[Item], bar: Bar) -> Generator[Item, None, None]:
    """The items, each counted when it has been dealt with. Closing the iterator closes the bar."""
    try:
        for item in items:
            yield item
            bar.update()
    finally:
        bar.close()
