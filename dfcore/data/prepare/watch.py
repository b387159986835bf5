"""One forward pass over a file for any number of plans: what is decoded once, and where faces were found.

Detection runs in a second thread meanwhile: both spend their time outside of Python. What is kept does not grow with
the file: frames above a stated size are not held until their windows are known, but cropped in a second pass.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import BLOCK
from dfcore.data.faces import to_coded
from dfcore.data.faces.look import Look, look_at
from dfcore.data.media import DecodedFrame, MediaInfo, decode
from dfcore.data.prepare.speech import SmallFrame, small_frame
from dfcore.data.protocols import FaceDetector

__all__ = ["HELD_BYTES", "Crop", "Footage", "Watcher", "Window", "crop_again", "crop_held", "looking", "watch"]

WAITING = 8
"""Decoded frames that may wait for the detector."""
WAITING_BYTES = 96 * 2**20
"""Bytes that they may take; one may always wait."""
HELD_BYTES = 384 * 2**20
"""Bytes of whole frames that are held until their windows are known: 120 frames of 1920x1080. A file whose clips take
more is decoded twice."""

LITTER_BYTES = 192 * 2**20
"""Bytes of decoded frames after which the garbage collector is called: 60 frames of 1920x1080."""

Window = tuple[int, int, int, int]


@dataclass(slots=True)
class Footage:
    """What one pass over a file leaves.

    Attributes:
        times: of the clips' frames that were decoded, by index.
        frames: these frames, whole; {} where they are too large to be held.
        looks: of the frames looked at, by detector; the faces are in coded pixels.
        small: the reduced frames that speech is cut from.
    """

    times: dict[int, float] = field(default_factory=dict)
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
    looks: Mapping[str, Collection[int]],
    detectors: Mapping[str, FaceDetector],
    *,
    side_data: bool,
    threads: int = 0,
) -> Footage:
    """Decode once; every frame is looked at once by each detector that asks for it.

    Args:
        path: the file.
        info: what it holds.
        kept: frames of the clips.
        heard: frames that speech is cut from.
        looks: the frames that each detector looks at, by its name.
        detectors: they themselves.
        side_data: keep the codec's quantisers and motion vectors.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: not one frame can be decoded.
        PluginError: a detector raised something.
    """
    wanted = set(kept).union(heard, *looks.values())
    with looking() as helper:
        watcher = Watcher(info, kept, heard, looks, detectors, helper)
        for frame in decode(path, wanted, side_data=side_data, info=info, threads=threads):
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


class Watcher:
    """Takes decoded frames as they come, and keeps of them what is needed.

    Args:
        info: what the file holds.
        kept: frames of the clips.
        heard: frames that speech is cut from.
        looks: the frames that each detector looks at, by its name.
        detectors: they themselves.
        helper: where they run.
    """

    def __init__(
        self,
        info: MediaInfo,
        kept: Collection[int],
        heard: Collection[int],
        looks: Mapping[str, Collection[int]],
        detectors: Mapping[str, FaceDetector],
        helper: ThreadPoolExecutor,
    ) -> None:
        self.info, self.kept, self.heard, self.looks, self.detectors = info, kept, heard, looks, detectors
        self.helper = helper
        size = info.width * info.height * 3 // 2
        self._footage, self._litter = Footage(), _Litter(info)
        self._holds = size * len(kept) <= HELD_BYTES
        self._patience = max(1, min(WAITING, WAITING_BYTES // max(size, 1)))
        self._found: dict[str, dict[int, Future[Look]]] = {name: {} for name in looks}
        self._waiting: deque[Future[Look]] = deque()

    def take(self, frame: DecodedFrame) -> None:
        """The next frame.

        Raises:
            PluginError: a detector raised something, on this frame or an earlier one.
        """
        footage = self._footage
        if frame.index in self.kept:
            footage.times[frame.index] = frame.time
            if self._holds:
                footage.frames[frame.index] = frame
        if frame.index in self.heard:
            footage.small[frame.index] = small_frame(frame)
        for name in self.looks:
            if frame.index in self.looks[name]:
                self._found[name][frame.index] = self.helper.submit(_look, frame, self.detectors[name], self.info)
                self._waiting.append(self._found[name][frame.index])
        del frame
        self._litter.add_frame()
        while len(self._waiting) > self._patience:
            self._waiting.popleft().result()

    def finish(self) -> Footage:
        """What was kept, and where the faces are."""
        looks = {name: {index: one.result() for index, one in of.items()} for name, of in self._found.items()}
        self._footage.looks = looks
        return self._footage


def _look(frame: DecodedFrame, detector: FaceDetector, info: MediaInfo) -> Look:
    """What the frame shows, faces in coded pixels."""
    found = look_at(frame, detector)
    coded = [to_coded(face, info.rotation, found.scale, info.width, info.height) for face in found.faces]
    return replace(found, faces=coded, scale=1.0)


class _Litter:
    """Frees large frames in time: a PyAV frame whose side data was read is a reference cycle, which holds its planes
    until the garbage collector happens to look.
    """

    def __init__(self, info: MediaInfo) -> None:
        self.size, self.held = info.width * info.height * 3 // 2, 0

    def add_frame(self) -> None:
        """Count a decoded frame in, and collect where many bytes may lie about."""
        self.held += self.size
        if self.held >= LITTER_BYTES:
            self.held = 0
            gc.collect()


def crop_held(footage: Footage, index: int, window: Window) -> Crop:
    """A window of a frame that is held."""
    return _crop(footage.frames[index], window)


def crop_again(
    path: Path, info: MediaInfo, windows: Mapping[int, Sequence[Window]], *, side_data: bool, threads: int = 0
) -> dict[tuple[int, Window], Crop]:
    """The windows of frames, by index, cropped as they are decoded in a second pass."""
    crops, litter = {}, _Litter(info)
    for frame in decode(path, set(windows), side_data=side_data, info=info, threads=threads):
        for window in windows[frame.index]:
            crops[frame.index, window] = _crop(frame, window, copy=True)
        del frame
        litter.add_frame()
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
