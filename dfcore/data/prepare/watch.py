"""One forward pass over a file for any number of plans: what is decoded once, and where faces were found.

Detection runs in a second thread meanwhile: both spend their time outside of Python. What is kept does not grow with
the file: frames above a stated size are not held until their windows are known, but cropped in a second pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import BLOCK, FrameFormat
from dfcore.data.faces.gaps import Looks
from dfcore.data.faces.looking import WAITING_BYTES, Looking, Seen
from dfcore.data.media import DecodedFrame, MediaInfo, decode
from dfcore.data.prepare.speech import SmallFrame, small_frame
from dfcore.data.protocols import FaceDetector

__all__ = ["HELD_BYTES", "Crop", "Footage", "Watcher", "Window", "crop_again", "crop_held", "looking", "watch"]

WAITING = 8
"""Decoded frames that may wait for the detector."""
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
        frames: the clips' frames that are cut out, whole; {} where they are too large to be held.
        looks: of the frames looked at, by detector.
        small: the reduced frames that speech is cut from.
    """

    times: dict[int, float] = field(default_factory=dict)
    formats: dict[int, FrameFormat] = field(default_factory=dict)
    changes: set[int] = field(default_factory=set)
    frames: dict[int, DecodedFrame] = field(default_factory=dict)
    looks: dict[str, Seen] = field(default_factory=dict)
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
    cut: Collection[int] | None = None,
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
        cut: those of the clips' frames that are cut out, if the file is as it says it is: of the others nothing is held
            that is not looked at; None for all.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: not one frame can be decoded.
        PluginError: a detector raised something.
    """
    looked = frozenset[int]().union(*(one.all for one in looks.values()))
    wanted, mouths = {*kept, *looked, *heard}, set(heard) - set(kept) - looked
    bare = frozenset(kept).difference(kept if cut is None else cut, looked, heard)
    while True:
        with looking() as helper:
            watcher = Watcher(info, kept, heard, looks, detectors, helper, bare)
            frames = decode(
                path,
                wanted,
                side_data=set(kept) - bare if side_data else False,
                motion=motion,
                luma_alone=mouths,
                outlines=bare,
                pass_unread=True,
                threads=threads,
            )
            try:
                for frame in frames:
                    watcher.take(frame)
                    del frame
                return watcher.finish()
            except _ChangedError:
                bare = frozenset()


class _ChangedError(Exception):
    """The format changes, so that frames of which nothing is held may be looked at or cut out."""


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

    def __init__(self, footage: Footage, info: MediaInfo, kept: Collection[int], bare: Collection[int] = ()) -> None:
        self._footage, self._kept, self._bare, self._bytes = footage, kept, bare, 0
        self._holds = info.width * info.height * 3 // 2 * len(set(kept).difference(bare)) <= HELD_BYTES

    def offer(self, frame: DecodedFrame) -> None:
        """Take a frame in, if it is one of the clips'. Later frames may be larger than the first."""
        if frame.index not in self._kept:
            return
        self._footage.times[frame.index] = frame.time
        if frame.index in self._bare:
            return
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
        bare: frames of which nothing is held.
    """

    def __init__(
        self,
        info: MediaInfo,
        kept: Collection[int],
        heard: Collection[int],
        looks: Mapping[str, Looks],
        detectors: Mapping[str, FaceDetector],
        helper: ThreadPoolExecutor,
        bare: Collection[int] = (),
    ) -> None:
        self.info, self.kept, self.heard, self.bare = info, kept, heard, bare
        self._footage = Footage()
        self._keep, self._changes = _Keep(self._footage, info, kept, bare), _Changes(self._footage)
        size = (info.width, info.height)
        self._looking = {name: Looking(size, of, detectors[name], helper) for name, of in looks.items()}
        self._waiting: deque[Future[Any]] = deque()

    def take(self, frame: DecodedFrame) -> None:
        """The next frame.

        Raises:
            PluginError: a detector raised something, on this frame or an earlier one.
        _ChangedError: the format changes, and of some frames nothing is held.
        """
        footage, info = self._footage, self.info
        footage.formats[frame.index] = frame.format
        self._keep.offer(frame)
        if frame.index in self.heard and frame.rotation == info.rotation:
            footage.small[frame.index] = small_frame(frame, info)
        about = self._changes.about(frame) if frame.index in self.kept else []
        if about and self.bare:
            raise _ChangedError
        size = frame_bytes(frame)
        for looking in self._looking.values():
            self._waiting.extend(looking.take(frame, size, about))
        del about, frame
        while len(self._waiting) > min(WAITING, WAITING_BYTES // size):
            self._waiting.popleft().result()

    def finish(self) -> Footage:
        """What was kept, and where the faces are."""
        self._footage.looks = {name: looking.finish() for name, looking in self._looking.items()}
        return self._footage


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
    # With pass_unread as in the first pass: else damage that went unnoticed there costs frames here.
    for frame in decode(path, set(windows), side_data=side_data, motion=motion, pass_unread=True, threads=threads):
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
