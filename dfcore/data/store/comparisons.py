"""What came of comparing fakes with their originals, kept with the clip store."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dfcore.data.store.lines import VideoLog, checked_line, parsed_line
from dfcore.data.store.origin import Origin

__all__ = ["VERSION", "Comparison", "ComparisonLog"]


VERSION = 1
"""Raised when the rule changes; pairs compared by an older one are compared again."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing a fake with its original.

    Attributes:
        id: the fake.
        same: whether both show the same images; None where they cannot be compared.
        reason: why not.
        difference: the largest of a block's mean luma, 0 to 255, averaged over the frames; where one frame told the two
            apart, in that frame.
        original: the original's file.
        origin, original_origin: both files as they were, by which a changed one is known.
        version: of the rule.
    """

    id: str
    same: bool | None
    reason: str = ""
    difference: float | None = None
    original: str = ""
    origin: Origin = field(default_factory=Origin)
    original_origin: Origin = field(default_factory=Origin)
    version: int = VERSION

    def now(self, path: Path, original: Path) -> Comparison | None:
        """Itself, with the times that the two files have now, if it still speaks of them, else None. One that is not
        there at the moment does not speak against it.
        """
        if self.version != VERSION:
            return None
        origin, original_origin = self.origin.now_or_away(path), self.original_origin.now_or_away(original)
        if origin is None or original_origin is None:
            return None
        return replace(self, origin=origin, original_origin=original_origin)

    def to_line(self) -> str:
        """The line of the log."""
        return checked_line(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Comparison:
        """The inverse of :meth:`to_line`; KeyError, TypeError or ValueError on anything else."""
        values = parsed_line(line)
        for name in ("origin", "original_origin"):
            values[name] = Origin(**values[name])
        return cls(**values)


class ComparisonLog(VideoLog[Comparison]):
    """``compared.jsonl`` of a clip store, by video id."""

    NAME, LINE = "compared.jsonl", Comparison
