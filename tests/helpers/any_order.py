"""A file system that lists files in an order of its own, and names of which no set has the order by chance."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["LETTERS", "MIXED", "list_in_any_order"]

LETTERS = list(string.ascii_lowercase[:12])
MIXED = LETTERS[::-2] + LETTERS[::2]


def list_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found by a pattern comes last name first from now on."""
    for name in ("glob", "rglob"):
        real = getattr(Path, name)

        def found(self: Path, pattern: str, real: Any = real, **options: Any) -> Iterator[Path]:
            return iter(sorted(real(self, pattern, **options), reverse=True))

        monkeypatch.setattr(Path, name, found)
