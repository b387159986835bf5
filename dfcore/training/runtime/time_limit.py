"""A limit on how long a command may train, for machines that are lent for so many hours."""

from __future__ import annotations

import time
from collections.abc import Callable

from dfcore.errors import ConfigError, TimeLimitReached
from dfcore.text import parse_duration

__all__ = ["NO_LIMIT", "TimeLimit"]


class TimeLimit:
    """A point in time, counted from when this is made; ``""`` never comes.

    Raises:
        ConfigError: the text is no duration.
    """

    def __init__(self, text: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.text, self._clock = text, clock
        try:
            self._end = clock() + parse_duration(text) if text else None
        except ValueError as error:
            raise ConfigError(f"run.time_limit takes {error}") from None

    @property
    def over(self) -> bool:
        """Whether it has come."""
        return self._end is not None and self._clock() >= self._end

    def check(
        self, when: str = "while videos were being prepared", again: str = "start again with resume=True"
    ) -> None:
        """For work between steps that keeps what it has done.

        Args:
            when: it came.
            again: what goes on.

        Raises:
            TimeLimitReached: it has come.
        """
        if self.over:
            raise TimeLimitReached(
                f"the time limit of {self.text} was reached {when}. What is done is kept: {again} to go on."
            )


NO_LIMIT = TimeLimit()
