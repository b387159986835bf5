"""A detector's looks at the frames of one pass, in a thread beside the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dfcore.data.faces.close import Path
from dfcore.data.faces.gaps import Gap, Looks
from dfcore.data.faces.geometry import boxes_to_upright, scaled_face, to_coded
from dfcore.data.faces.look import Look, look_at
from dfcore.data.protocols import Face, FaceDetector

if TYPE_CHECKING:
    from dfcore.data.media import DecodedFrame

__all__ = ["WAITING_BYTES", "Looking", "Seen"]

WAITING_BYTES = 96 * 2**20
"""Bytes of frames that may wait for the detector, or for the other end of a gap. A larger frame is looked at at
once.
"""


class Seen(dict[int, Look]):
    """What frames showed, by index; and what those did that were looked at close, by their paths.

    Faces are in coded pixels of the file's first frame: those of frames of another size are scaled to it, so that a
    track goes on where a stream changes its size.
    """

    def __init__(self, whole: dict[int, Look], close: dict[Path, Look]) -> None:
        super().__init__(whole)
        self.close = close


class Looking:
    """One detector's looks. What is asked of it is done in turn, in one thread.

    Args:
        size: width and height of the file's first frame.
        looks: what is looked at, or may have to be.
        detector: by which.
        helper: the thread.
    """

    def __init__(self, size: tuple[int, int], looks: Looks, detector: FaceDetector, helper: ThreadPoolExecutor) -> None:
        self._size, self._looks, self._detector, self._helper = size, looks, detector, helper
        self._gaps = sorted(looks.gaps, key=lambda gap: gap.after)
        self._of_gaps = frozenset[int]().union(*(gap.frames for gap in looks.gaps))
        self._paths: dict[int, list[Path]] = {}
        for path in looks.close:
            self._paths.setdefault(path[-1], []).append(path)
        self._held: dict[int, DecodedFrame] = {}
        self._found: dict[int, Future[Look]] = {}
        self._late: dict[int, Look] = {}
        self._close: dict[Path, Look] = {}
        self._asked: list[Future[None]] = []
        self._over: list[tuple[Future[None], int]] = []

    def take(self, frame: DecodedFrame, size: int, about: Sequence[DecodedFrame]) -> list[Future[Any]]:
        """The next frame, of ``size`` bytes, and frames to look at besides; what was asked to be done."""
        asked: list[Future[Any]] = []
        index = frame.index
        wanted = index in self._looks.always
        if index in self._of_gaps and not wanted:
            wanted = (self._waiting() + 1) * size > WAITING_BYTES
            if not wanted:
                self._held[index] = frame
        for one in [*about, *([frame] if wanted else [])]:
            if one.index not in self._found:
                self._found[one.index] = self._helper.submit(self._look, one)
                asked.append(self._found[one.index])
        for path in sorted(self._paths.get(index, ())):
            asked.append(self._then(self._look_close, path, frame))
        while self._gaps and self._gaps[0].after <= index:
            asked.append(self._end_gap(self._gaps.pop(0)))
        return asked

    def _then(self, function: Any, *arguments: Any) -> Future[None]:
        self._asked.append(self._helper.submit(function, *arguments))
        return self._asked[-1]

    def _end_gap(self, gap: Gap) -> Future[None]:
        """Have the gap's frames looked at, once its ends were, if it is not clear."""
        frames = [self._held[index] for index in gap.frames if index in self._held]
        still = {index for one in self._gaps for index in one.frames}
        for frame in frames:
            if frame.index not in still:
                del self._held[frame.index]
        self._over.append((self._then(self._look_between, gap, frames), len(frames)))
        return self._over[-1][0]

    def _waiting(self) -> int:
        """How many frames are held, by gaps that are over and whose turn has not come, too."""
        self._over = [(asked, count) for asked, count in self._over if not asked.done()]
        return len(self._held) + sum(count for _, count in self._over)

    def finish(self) -> Seen:
        """What was seen."""
        while self._gaps:  # the file ended before
            self._end_gap(self._gaps.pop(0))
        for one in self._asked:
            one.result()
        return Seen(self._late | {index: one.result() for index, one in self._found.items()}, self._close)

    # -- in the helper's thread, where what was asked before is done ---------------------------------------------------

    def _look_between(self, gap: Gap, frames: list[DecodedFrame]) -> None:
        if gap.is_clear({index: self._found[index].result() for index in gap.ends if index in self._found}):
            return
        for frame in frames:
            if frame.index not in self._late and frame.index not in self._found:
                self._late[frame.index] = self._look(frame)

    def _look_close(self, path: Path, frame: DecodedFrame) -> None:
        before = path[:-1]
        guide = self._close.get(before) if len(before) > 1 else None
        if len(before) == 1 and before[0] in self._found:
            guide = self._found[before[0]].result()
        self._close[path] = self._look(frame, guide.faces[0] if guide is not None and len(guide.faces) == 1 else None)

    def _look(self, frame: DecodedFrame, near: Face | None = None) -> Look:
        """What the frame shows, faces in coded pixels of the file's first frame."""
        height, width = frame.y.shape
        across, down = width / self._size[0], height / self._size[1]
        box = None
        if near is not None:
            box = boxes_to_upright(scaled_face(near, across, down).box, frame.rotation, 1.0, width, height).tolist()
        found = look_at(frame, self._detector, box)
        coded = [to_coded(face, frame.rotation, found.scale, width, height) for face in found.faces]
        if (width, height) != self._size:
            coded = [scaled_face(face, 1 / across, 1 / down) for face in coded]
        return replace(found, faces=coded, scale=1.0)
