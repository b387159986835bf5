"""A limit on how long a command may train, for machines that are lent for so many hours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from dfcore.errors import ConfigError, TimeLimitReached

__all__ = ["NO_LIMIT", "TimeLimit", "parse_duration"]

_FORM = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?")


def parse_duration(text: str) -> float:
    """``"11h30m"``, ``"45m"``, ``"90s"`` to seconds.

    Raises:
        ConfigError: it is of another form, or nothing.
    """
    match = _FORM.fullmatch(text.strip().lower().replace(" ", ""))
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise ConfigError(f"run.time_limit takes a time as 11h30m or 45m, not {text!r}.")
    return float(total)


class TimeLimit:
    """A point in time, counted from when this is made; ``""`` never comes.

    Raises:
        ConfigError: the text is no duration.
    """

    def __init__(self, text: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.text, self._clock = text, clock
        self._end = clock() + parse_duration(text) if text else None

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
