"""Whose face was forged in a fake that shows several people, kept with the clip store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dfcore.data.records import VideoRecord
from dfcore.data.store.index import IndexEntry
from dfcore.data.store.lines import VideoLog, checked_line, parsed_line
from dfcore.data.store.origin import Origin

__all__ = ["MASK", "ORIGINAL", "ClipFinding", "ForgedFaceLog", "ForgedFaces", "files_of"]

VERSION = 1
"""Raised when the rule changes; videos judged by an older one are judged again."""
MASK, ORIGINAL = "mask", "original"
"""By what means it was found out: the dataset's mask, or the difference from the original."""


@dataclass(frozen=True, slots=True)
class ClipFinding:
    """What was found of one clip.

    Attributes:
        track: the person, as in the clip's header.
        forged: whether this person's face was forged; None where that cannot be told.
        figure: what that rests on, in this clip: by a mask the share of the inner face that it marks, 0 to 1; by the
            original how far the face differs from it, in luma levels. None where neither could be looked at.
    """

    track: int
    forged: bool | None
    figure: float | None


@dataclass(frozen=True, slots=True)
class ForgedFaces:
    """What was found of a fake.

    Attributes:
        id: of the fake.
        clips: one for each clip in the store, in their order.
        means: ``mask`` or ``original``; "" where neither tells it.
        reason: why not.
        size: of the clip file that it speaks of, in bytes.
        origins: the files that were looked at as they were, by what they are (``video``, ``mask``, ``original``).
        version: of the rule.
    """

    id: str
    clips: tuple[ClipFinding, ...]
    means: str = ""
    reason: str = ""
    size: int = -1
    origins: Mapping[str, Origin] = field(default_factory=dict)
    version: int = VERSION

    def speaks_of(self, entry: IndexEntry) -> bool:
        """Whether it was found of these clips."""
        return self.size == entry.size and tuple(clip.track for clip in self.clips) == entry.tracks

    def now(self, record: VideoRecord) -> ForgedFaces | None:
        """Itself, with the times that the files have now, if the rule and they are the same, else None."""
        files = files_of(record)
        if self.version != VERSION:
            return None
        origins = {name: self.origins.get(name, Origin()).now_or_away(path) for name, path in files.items()}
        kept = {name: origin for name, origin in origins.items() if origin is not None}
        return replace(self, origins={**self.origins, **kept}) if len(kept) == len(files) else None

    def to_line(self) -> str:
        """The line of the log."""
        return checked_line(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> ForgedFaces:
        """The inverse of :meth:`to_line`; KeyError, TypeError or ValueError on anything else."""
        values = parsed_line(line)
        values["clips"] = tuple(ClipFinding(**clip) for clip in values["clips"])
        values["origins"] = {name: Origin(**origin) for name, origin in values["origins"].items()}
        return cls(**values)


def files_of(record: VideoRecord) -> dict[str, Path]:
    """The files that tell whose face was forged in a fake, by what they are."""
    named = {"video": record.path, MASK: record.mask, ORIGINAL: record.original_path}
    return {name: path for name, path in named.items() if path is not None}


class ForgedFaceLog(VideoLog[ForgedFaces]):
    """``forged_faces.jsonl`` of a clip store, by video id."""

    NAME, LINE = "forged_faces.jsonl", ForgedFaces
