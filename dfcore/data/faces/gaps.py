"""Frames between clips: faces are looked for in these only where the clips' ends leave something open.

A clip's window and track come from the looks at its own first and last frame, and within it. What is seen between two
clips only tells who is who. Where one clip ends and the next begins with the same single face, in the same shot, it
would tell nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dfcore.data.faces.close import Path
from dfcore.data.faces.cuts import find_cuts
from dfcore.data.faces.look import Look
from dfcore.data.faces.tracks import same_person

__all__ = ["Gap", "Looks", "needed_looks"]


@dataclass(frozen=True, slots=True)
class Gap:
    """What lies between two clips: the last frame of the one, the first of the next, and frames between them, rising,
    that may be looked at.
    """

    before: int
    after: int
    frames: tuple[int, ...]

    @property
    def ends(self) -> tuple[int, int]:
        """The clips' frames on both sides."""
        return self.before, self.after

    def is_clear(self, looks: Mapping[int, Look]) -> bool:
        """Whether its ends show the same single face in the same shot; then nothing between them need be looked at.

        Args:
            looks: of its ends at least; where one is missing, the gap is not clear. Faces are in the same pixels.
        """
        one, other = looks.get(self.before), looks.get(self.after)
        if one is None or other is None or len(one.faces) != 1 or len(other.faces) != 1:
            return False
        if find_cuts({self.before: one.signature, self.after: other.signature}):
            return False
        return same_person(one.faces[0], other.faces[0], 0)  # as near as if it were the next frame


@dataclass(frozen=True, slots=True)
class Looks:
    """Frames to look at: ``always``, those of the ``gaps`` that are not clear, and those at the end of the paths
    ``close`` to the face that was seen before.
    """

    always: frozenset[int] = frozenset()
    gaps: tuple[Gap, ...] = ()
    close: tuple[Path, ...] = ()

    @classmethod
    def of(cls, spans: Sequence[range], frames: Collection[int]) -> Looks:
        """Which of ``frames`` lie in gaps between the spans, which are in order and of at least one frame each."""
        gaps = [
            Gap(one[-1], other[0], tuple(sorted(frame for frame in frames if one[-1] < frame < other[0])))
            for one, other in pairwise(spans)
        ]
        gaps = [gap for gap in gaps if gap.frames]
        return cls(frozenset(frames).difference(*(gap.frames for gap in gaps)), tuple(gaps))

    @classmethod
    def union(cls, several: Iterable[Looks]) -> Looks:
        """All that any of several may need."""
        several = list(several)
        return cls(
            frozenset[int]().union(*(one.always for one in several)),
            tuple(dict.fromkeys(gap for one in several for gap in one.gaps)),
            tuple(dict.fromkeys(path for one in several for path in one.close)),
        )

    @property
    def all(self) -> frozenset[int]:
        """Every frame that may be looked at."""
        return self.always.union(*(gap.frames for gap in self.gaps), (path[-1] for path in self.close))


def needed_looks(wanted: Looks, looks: Mapping[int, Look]) -> set[int]:
    """The frames that are to be looked at whole, by what the gaps' ends showed."""
    return set(wanted.always).union(*(gap.frames for gap in wanted.gaps if not gap.is_clear(looks)))
