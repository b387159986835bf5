"""What came of comparing fakes with their originals, kept with the clip store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dfcore.data.store.format import write_bytes
from dfcore.data.store.lines import (
    append_line,
    checked_line,
    parsed_line,
    part_of,
    parts_of,
    read_lines,
    remove_parts,
)
from dfcore.data.store.origin import Origin

__all__ = ["VERSION", "Comparison", "ComparisonLog"]


VERSION = 1
"""Raised when the rule changes; pairs compared by an older one are compared again."""


LOG = "compared.jsonl"


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
        origins = [
            then if Origin.of(file).size < 0 else then.now(file)
            for file, then in ((path, self.origin), (original, self.original_origin))
        ]
        if origins[0] is None or origins[1] is None:
            return None
        return replace(self, origin=origins[0], original_origin=origins[1])

    @classmethod
    def from_line(cls, line: str) -> Comparison:
        """A line of the log; KeyError, TypeError or ValueError on anything else."""
        values = parsed_line(line)
        for name in ("origin", "original_origin"):
            values[name] = Origin(**values[name])
        return cls(**values)


class ComparisonLog(dict[str, Comparison]):
    """``compared.jsonl`` of a clip store, by video id: one JSON line for each comparison, the last one counts.

    It outlives the clips: what is prepared again need not be compared again. ``part`` is the number, from 1, of one of
    several processes that fill a store together: it appends to a file of its own, which is read with the others.
    """

    def __init__(self, root: Path, part: int = 0) -> None:
        super().__init__()
        self.path = root / LOG
        self._own = part_of(self.path, part)
        written = list(self._read())
        self.update((found.id, found) for found in written if found is not None)
        self.settled = not parts_of(self.path) and written == [self[video] for video in sorted(self)]

    def _read(self) -> Iterator[Comparison | None]:
        for line in read_lines(self.path):
            try:
                yield Comparison.from_line(line)
            except (KeyError, TypeError, ValueError):
                yield None  # cut short by a kill, or of another version: the pair will be compared again

    def add(self, comparison: Comparison) -> None:
        """Note a comparison and append its line.

        Raises:
            WriteError: the disk is full or not writable.
        """
        self[comparison.id], self.settled = comparison, False
        append_line(self._own, _line(comparison))

    def save(self) -> None:
        """Write the log anew, in the order of the ids, in place of all parts. What another process has noted
        meanwhile stays.
        """
        self.update((found.id, found) for found in self._read() if found is not None and found.id not in self)
        if self:
            write_bytes(self.path, "".join(_line(self[video]) for video in sorted(self)).encode())
        remove_parts(self.path)
        self.settled = True


def _line(comparison: Comparison) -> str:
    return checked_line(asdict(comparison))
