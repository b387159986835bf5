"""What a plan gives of a file. Importable without a decoder: it is received by who has none."""

from __future__ import annotations

from dataclasses import dataclass

from dfcore.data.clips import Clip

__all__ = ["Extracted"]


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one plan gives of a file.

    Attributes:
        clips: by person, then by time; [] with a ``reason``.
        reason: why there is none, or "".
        people_seen: persons with a clip, whether the plan keeps them or not.
    """

    clips: tuple[Clip, ...] = ()
    reason: str = ""
    people_seen: int = 0
