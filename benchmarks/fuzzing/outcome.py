"""What is passed round: mutants, and what became of them at each door."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FAULT", "GIVEN_UP", "REASON", "RESULT", "Mutant", "Outcome", "attempt", "generator"]

RESULT, REASON, GIVEN_UP, FAULT = "result", "reason", "given up", "FAULT"
"""A result; a true reason; a true reason after a limit was met, or a decoder's crash cost its one file; a fault."""


def generator(seed: int, number: int) -> random.Random:
    """Of all that is random about one mutant, so that it can be made again alone."""
    return random.Random(f"{seed}/{number}")


@dataclass(frozen=True)
class Mutant:
    """A damaged file: the good one's name, the damaged content, and what was done to it."""

    number: int
    kind: str
    source: str
    content: bytes
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name of its own, in the order of the numbers, of the same suffix."""
        return f"m{self.number:06d}_{Path(self.source).name}"


@dataclass(frozen=True)
class Outcome:
    """What a door made of a mutant; ``text`` is the reason, or what is wrong."""

    number: int
    kind: str
    door: str
    outcome: str
    text: str = ""
    seconds: float = 0.0


def attempt(
    mutant: Mutant, door: str, action: Callable[[], Any], *names: str, check: Callable[[Any], str] | None = None
) -> tuple[Outcome, Any]:
    """Do something with a mutant: what came of it, and the value. An error of dfcore's is a reason, any other a fault.

    Args:
        mutant: the mutant.
        door: what is done.
        action: does it.
        names: one of them must be in a reason.
        check: what is wrong with the value; "" for nothing.
    """
    from dfcore.errors import DfcoreError, PluginError

    from .judge import fault_of_reason

    begun, value = time.monotonic(), None
    try:
        value = action()
        said, kind = "", RESULT
        wrong = check(value) if check is not None else ""
    except DfcoreError as error:
        said, kind = str(error), REASON
        wrong = fault_of_reason(said, *names)
        if isinstance(error, PluginError):
            wrong = wrong or "a plugin is blamed"
    except Exception as error:  # the fault that is looked for
        said, kind, wrong = f"{type(error).__name__}: {error}", FAULT, "an exception that is not dfcore's"
    if wrong:
        kind, said = FAULT, f"{wrong}: {said}" if said else wrong
    return Outcome(mutant.number, mutant.kind, door, kind, said, time.monotonic() - begun), value
