"""One forward pass over a file for any number of plans: what is decoded once, and where faces were found.

Detection runs in a second thread meanwhile: both spend their time outside of Python. What is kept does not grow with
the file: frames above a stated size are not held until their windows are known, but cropped in a second pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import BLOCK, FrameFormat
from dfcore.data.faces import scaled_face, to_coded
from dfcore.data.faces.gaps import Gap, Looks
from dfcore.data.faces.look import Look, look_at
from dfcore.data.media import DecodedFrame, MediaInfo, decode
from dfcore.data.prepare.speech import SmallFrame, small_frame
from dfcore.data.protocols import FaceDetector

__all__ = ["HELD_BYTES", "Crop", "Footage", "Watcher", "Window", "crop_again", "crop_held", "looking", "watch"]

WAITING = 8
"""Decoded frames that may wait for the detector."""
WAITING_BYTES = 96 * 2**20
"""Bytes that they may take. A larger frame is looked at before the next is decoded."""
SMALL_BYTES = 8 * 2**20
"""Bytes of a frame that is held until the next has come."""
HELD_BYTES = 384 * 2**20
"""Bytes of whole frames that are held until their windows are known: 120 frames of 1920x1080. A file whose clips take
more is decoded twice."""

Window = tuple[int, int, int, int]


@dataclass(slots=True)
class Footage:
    """What one pass over a file leaves.

    Attributes:
        times: of the clips' frames that were decoded, by index.
        formats: of these and of the frames looked at.
        changes: frames of the clips that were looked at besides, about a change of format: the last before it and the
            first behind it.
        frames: the clips' frames, whole; {} where they are too large to be held.
        looks: of the frames looked at, by detector; the faces are in pixels of the file's first frame: those of frames
            of another size are scaled to it, so that a track goes on where a stream changes its size.
        small: the reduced frames that speech is cut from.
    """

    times: dict[int, float] = field(default_factory=dict)
    formats: dict[int, FrameFormat] = field(default_factory=dict)
    changes: set[int] = field(default_factory=set)
    frames: dict[int, DecodedFrame] = field(default_factory=dict)
    looks: dict[str, dict[int, Look]] = field(default_factory=dict)
    small: dict[int, SmallFrame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A window of a decoded frame: planes as in :class:`dfcore.data.clips.Clip`, of one frame."""

    time: float
    pict_type: str
    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    qp: NDArray[np.int8] | None
    motion: NDArray[np.int16] | None


def watch(
    path: Path,
    info: MediaInfo,
    kept: Collection[int],
    heard: Collection[int],
    looks: Mapping[str, Looks],
    detectors: Mapping[str, FaceDetector],
    *,
    side_data: bool,
    motion: bool,
    threads: int = 0,
) -> Footage:
    """Decode once; every frame is looked at once by each detector that asks for it. Frames of gaps between clips wait
    until it is known whether they have to be.

    Args:
        path: the file.
        info: what it holds.
        kept: frames of the clips.
        heard: frames that speech is cut from.
        looks: the frames that each detector looks at, or may have to, by its name.
        detectors: they themselves.
        side_data: keep the codec's quantisers and motion vectors of the clips' frames.
        motion: the vectors too.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: not one frame can be decoded.
        PluginError: a detector raised something.
    """
    seen = set(kept).union(*(one.all for one in looks.values()))
    wanted, mouths = seen.union(heard), set(heard) - seen
    with looking() as helper:
        watcher = Watcher(info, kept, heard, looks, detectors, helper)
        told = set(kept) if side_data else False
        for frame in decode(
            path, wanted, side_data=told, motion=motion, luma_alone=mouths, pass_unread=True, threads=threads
        ):
            watcher.take(frame)
            del frame
        return watcher.finish()


@contextmanager
def looking() -> Iterator[ThreadPoolExecutor]:
    """The thread in which faces are looked for; what still waits when it is left is dropped."""
    with ThreadPoolExecutor(1, thread_name_prefix="faces") as helper:
        try:
            yield helper
        finally:
            helper.shutdown(wait=True, cancel_futures=True)


def frame_bytes(frame: DecodedFrame) -> int:
    """Bytes of its planes."""
    return frame.y.nbytes + frame.u.nbytes + frame.v.nbytes


class _Changes:
    """Where the format changes from one frame of the clips to the next: nothing says that the faces stay."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._before: DecodedFrame | None = None
        self._format: FrameFormat | None = None

    def about(self, frame: DecodedFrame) -> list[DecodedFrame]:
        """The frames to look at because of a change, to be asked for each frame of the clips in turn."""
        before, self._before = self._before, frame if frame_bytes(frame) <= SMALL_BYTES else None
        last, self._format = self._format, frame.format
        if last is None or last == frame.format:
            return []
        found = [one for one in (before, frame) if one is not None]
        self._footage.changes.update(one.index for one in found)
        return found


class _Keep:
    """Holds the clips' frames until their windows are known, as far as they fit; else none of them."""

    def __init__(self, footage: Footage, info: MediaInfo, kept: Collection[int]) -> None:
        self._footage, self._kept, self._bytes = footage, kept, 0
        self._holds = info.width * info.height * 3 // 2 * len(kept) <= HELD_BYTES

    def offer(self, frame: DecodedFrame) -> None:
        """Take a frame in, if it is one of the clips'. Later frames may be larger than the first."""
        if frame.index not in self._kept:
            return
        self._footage.times[frame.index] = frame.time
        self._bytes += frame_bytes(frame)
        if self._holds and self._bytes <= HELD_BYTES:
            self._footage.frames[frame.index] = frame
        elif self._holds:
            self._holds = False
            self._footage.frames.clear()


class Watcher:
    """Takes decoded frames as they come, and keeps of them what is needed.

    Args:
        info: what the file holds.
        kept: frames of the clips.
        heard: frames that speech is cut from.
        looks: the frames that each detector looks at, or may have to, by its name.
        detectors: they themselves.
        helper: where they run: one thread.
    """

    def __init__(
        self,
        info: MediaInfo,
        kept: Collection[int],
        heard: Collection[int],
        looks: Mapping[str, Looks],
        detectors: Mapping[str, FaceDetector],
        helper: ThreadPoolExecutor,
    ) -> None:
        self.info, self.kept, self.heard, self.helper = info, kept, heard, helper
        self._footage = Footage()
        self._keep, self._changes = _Keep(self._footage, info, kept), _Changes(self._footage)
        self._looking = {name: _Looking(info, of, detectors[name], helper) for name, of in looks.items()}
        self._waiting: deque[Future[Any]] = deque()

    def take(self, frame: DecodedFrame) -> None:
        """The next frame.

        Raises:
            PluginError: a detector raised something, on this frame or an earlier one.
        """
        footage, info = self._footage, self.info
        footage.formats[frame.index] = frame.format
        self._keep.offer(frame)
        if frame.index in self.heard and frame.rotation == info.rotation:
            footage.small[frame.index] = small_frame(frame, info)
        about = self._changes.about(frame) if frame.index in self.kept else []
        for looking in self._looking.values():
            self._waiting.extend(looking.take(frame, about))
        del about
        size = frame_bytes(frame)
        del frame
        while len(self._waiting) > min(WAITING, WAITING_BYTES // size):
            self._waiting.popleft().result()

    def finish(self) -> Footage:
        """What was kept, and where the faces are."""
        self._footage.looks = {name: looking.finish() for name, looking in self._looking.items()}
        return self._footage


class _Looking:
    """One detector's looks. What it is asked to do it does in turn, in one thread."""

    def __init__(self, info: MediaInfo, looks: Looks, detector: FaceDetector, helper: ThreadPoolExecutor) -> None:
        self._looks, self._helper = looks, helper
        self._look = partial(_look, detector=detector, info=info)
        self._gaps = sorted(looks.gaps, key=lambda gap: gap.after)
        self._of_gaps = frozenset().union(*(gap.frames for gap in looks.gaps))
        self._held: dict[int, DecodedFrame] = {}
        self._found: dict[int, Future[Look]] = {}
        self._late: dict[int, Look] = {}
        self._asked: list[Future[None]] = []

    def take(self, frame: DecodedFrame, about: Sequence[DecodedFrame]) -> list[Future[Any]]:
        """The next frame, and frames to look at in any case; what was asked to be done because of it."""
        asked: list[Future[Any]] = []
        for one in [*about, *([frame] if frame.index in self._looks.always else [])]:
            if one.index not in self._found:
                self._found[one.index] = self._helper.submit(self._look, one)
                asked.append(self._found[one.index])
        if frame.index in self._of_gaps and frame.index not in self._found:
            if (len(self._held) + 1) * frame_bytes(frame) <= WAITING_BYTES:
                self._held[frame.index] = frame
            else:  # too large to wait
                self._found[frame.index] = self._helper.submit(self._look, frame)
                asked.append(self._found[frame.index])
        while self._gaps and self._gaps[0].after <= frame.index:
            asked.append(self._close(self._gaps.pop(0)))
        return asked

    def _close(self, gap: Gap) -> Future[Any]:
        """Have the gap's frames looked at, if it is not clear, once its ends are."""
        frames = [self._held[index] for index in gap.frames if index in self._held]
        open_still = {index for one in self._gaps for index in one.frames}
        for index in gap.frames:
            if index not in open_still:
                self._held.pop(index, None)
        self._asked.append(self._helper.submit(self._look_between, gap, frames))
        return self._asked[-1]

    def _look_between(self, gap: Gap, frames: list[DecodedFrame]) -> None:
        ends = {index: self._found[index].result() for index in (gap.before, gap.after) if index in self._found}
        if gap.is_clear(ends):
            return
        for frame in frames:
            if frame.index not in self._late:
                self._late[frame.index] = self._look(frame)

    def finish(self) -> dict[int, Look]:
        """What was seen, by frame."""
        while self._gaps:  # the file ended before
            self._close(self._gaps.pop(0))
        for one in self._asked:
            one.result()
        return self._late | {index: one.result() for index, one in self._found.items()}


def _look(frame: DecodedFrame, detector: FaceDetector, info: MediaInfo) -> Look:
    """What the frame shows, faces in coded pixels of the file's first frame."""
    found = look_at(frame, detector)
    height, width = frame.y.shape
    coded = [to_coded(face, frame.rotation, found.scale, width, height) for face in found.faces]
    if (width, height) != (info.width, info.height):
        coded = [scaled_face(face, info.width / width, info.height / height) for face in coded]
    return replace(found, faces=coded, scale=1.0)


def crop_held(footage: Footage, index: int, window: Window) -> Crop:
    """A window of a frame that is held."""
    return _crop(footage.frames[index], window)


def crop_again(
    path: Path,
    info: MediaInfo,
    windows: Mapping[int, Sequence[Window]],
    *,
    side_data: bool,
    motion: bool,
    threads: int = 0,
) -> dict[tuple[int, Window], Crop]:
    """The windows of frames, by index, cropped as they are decoded in a second pass."""
    crops: dict[tuple[int, Window], Crop] = {}
    for frame in decode(path, set(windows), side_data=side_data, motion=motion, threads=threads):
        for window in windows[frame.index]:
            crops[frame.index, window] = _crop(frame, window, copy=True)
        del frame  # before the next one is decoded
    return crops


def _crop(frame: DecodedFrame, window: Window, *, copy: bool = False) -> Crop:
    x, y, width, height = window
    luma = np.s_[y : y + height, x : x + width]
    chroma = np.s_[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
    blocks = np.s_[y // BLOCK : (y + height) // BLOCK, x // BLOCK : (x + width) // BLOCK]
    parts = [frame.y[luma], frame.u[chroma], frame.v[chroma]]
    told = [None if values is None else values[blocks] for values in (frame.qp, frame.motion)]
    if copy:  # so that the whole frame can go
        parts = [part.copy() for part in parts]
        told = [None if part is None else part.copy() for part in told]
    return Crop(frame.time, frame.pict_type, parts[0], parts[1], parts[2], told[0], told[1])  # type: ignore[arg-type]
