"""The problems of one plugin, as they are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dfcore.errors import DfcoreError
from dfcore.plugins.calls import plugin_error

__all__ = ["Problems"]


class Problems:
    """Sentences on what is wrong; each once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, text: str) -> None:
        """Keep a problem, unless it is known."""
        if text not in self.found:
            self.found.append(text)

    @contextmanager
    def kept(self, what: str, code: str | Callable[..., object]) -> Iterator[None]:
        """Whatever is raised inside is kept as a problem, and does not stop the check.

        Args:
            what: what runs, for the message.
            code: its dotted path, or the class or function itself.
        """
        try:
            yield
        except DfcoreError as error:
            self.add(str(error))
        except (Exception, SystemExit) as error:
            self.add(str(plugin_error(what, code, error)))
