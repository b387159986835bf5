"""Numbers in messages."""

from __future__ import annotations

__all__ = ["count_of"]


def count_of(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``"1 epoch"``, ``"2 epochs"``, ``"1,200 videos"``, ``"0 people"``.

    Args:
        number: how many.
        noun: the word for one of them.
        plural: the word for several, where it is not ``noun`` and an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
