"""One forward pass over a stream: its frames in presentation order, and their times, damage or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import av

from dfcore.data.media.container import frame_rate, log, origin
from dfcore.data.media.reasons import is_passing

__all__ = ["Clock", "Reader", "RefusedError", "UnevenError", "Unread", "packets"]

_DECODE_ORDER_ONLY = ("avi",)
"""Containers that store no presentation times; FFmpeg's guess is wrong where there are B-frames."""


def packets(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """The packets of one stream that carry something, up to the end of the file or the first unreadable place.

    Trailing packets that were cut short are left out: with several threads FFmpeg would drop the good frames
    still in flight together with them.
    """
    cut_short: list[Any] = []
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.is_corrupt:
                cut_short.append(packet)
                continue
            yield from cut_short
            cut_short.clear()
            yield packet
    except av.FFmpegError as error:
        if is_passing(path, error):  # a disk that fails is no file that ends
            raise
        log.warning("%s: reading stopped early (%s); going on with what there is", path, error.strerror)
    if cut_short:
        log.warning("%s: cut short: its last %d packets are incomplete and left out", path, len(cut_short))


class Clock:
    """Presentation times in seconds since the stream's start, always increasing.

    A frame's own time stamp counts. In a container without them the k-th frame shown has the k-th packet's
    decoding time; a frame with neither, or one that would step back, comes one frame period after the last.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._by_order = container.format.name in _DECODE_ORDER_ONLY
        self._base = stream.time_base
        self._origin = origin(stream)
        self._step = 1.0 / frame_rate(stream)
        self._order: list[int | None] = []
        self._last: float | None = None

    def note(self, packet: Any) -> None:
        """Remember a packet's decoding time, before it is decoded."""
        if self._by_order:
            self._order.append(packet.dts)

    def at(self, index: int, frame: Any) -> float:
        """The time of the ``index``-th frame, to be asked for each frame in turn."""
        stamp = frame.pts
        if self._by_order:
            stamp = self._order[index] if index < len(self._order) else None
        # The quotient of whole numbers is rounded once, as a fraction's value is, and taken in a tenth of the time.
        time = None if stamp is None else stamp * self._base.numerator / self._base.denominator - self._origin
        if time is None or (self._last is not None and time <= self._last):
            time = 0.0 if self._last is None else self._last + self._step
        self._last = time
        return time


Result = TypeVar("Result")


def _handed_on(frames: list[Any]) -> Iterator[Any]:
    """The frames in turn; none is held when it is given."""
    frames.reverse()
    while frames:
        yield frames.pop()


class RefusedError(Exception):
    """A decoder of several threads refused a packet."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What of a stream need not be decoded (:mod:`dfcore.data.media.coding.unread`), and what was not so far.

    Attributes:
        place: number of the frame of each packet by its time stamp, as all frames are numbered when they are shown.
        spared: the time stamps of packets that need not be decoded.
        passed: the numbers of the frames that were not decoded so far.
    """

    place: dict[int, int]
    spared: frozenset[int]
    passed: set[int] = field(default_factory=set)

    def passes(self, packet: Any) -> bool:
        """Whether this packet need not be decoded; its frame is then counted as passed."""
        if packet.pts not in self.spared:
            return False
        self.passed.add(self.place[packet.pts])
        return True

    def number(self, frame: Any, after: int) -> int | None:
        """The number of a frame that comes when ``after`` were counted; None where one between did not come, so that
        numbers by time stamps would not be those of counting.
        """
        number = self.place.get(frame.pts, -1)
        return number if number >= after and self.passed.issuperset(range(after, number)) else None


class UnevenError(Exception):
    """Something came otherwise than the packets' time stamps say, so that nothing may be left undecoded."""


class Reader:
    """The frames of a video stream, and whether each can be trusted.

    Damage that the decoder reports (a packet that it refuses, a frame that it had to conceal) spoils all frames
    until the next clean key frame, because they are predicted from it. They are counted, so that later frames
    keep their number, and not given. Damage that the decoder does not notice cannot be seen here either.

    Args:
        container: that is read.
        stream: of it.
        path: of the file.
        unread: what need not be decoded.
        one_thread: whether the decoder works on one frame at a time. One that works on several drops good frames with
            a damaged one: as many as it has threads.

    Raises:
        RefusedError: it works on several, and refused a packet. What it gave before is right.
        UnevenError: with ``unread``, there is any damage, or a frame did not come. What was given before is right.

    Attributes:
        decoded: frames that came so far, spoilt ones and those left undecoded included.
        spoilt: how many of them were not given.
        refused: packets that the decoder refused.
        unread: as given.
    """

    def __init__(
        self, container: Any, stream: Any, path: Path, *, one_thread: bool = True, unread: Unread | None = None
    ) -> None:
        self._container, self._stream, self._path, self._one_thread = container, stream, path, one_thread
        self.unread = unread
        self.clock = Clock(container, stream)
        self.decoded = self.spoilt = self.refused = 0
        self._broken = False

    def read(self, use: Callable[[int, float, Any], Result]) -> Iterator[Result]:
        """``use(index, time, av.VideoFrame)`` of every intact frame, in presentation order.

        No frame is held any more when its result is given: the decoder has it back.
        """
        frames = self._all()
        while True:
            frame = next(frames, None)
            if frame is None:
                return
            index = self._number(frame)
            time, self.decoded = self.clock.at(index, frame), index + 1
            if frame.is_corrupt:
                self._broken = True
            elif frame.key_frame:
                self._broken = False
            if self._broken:
                self.spoilt += 1
            else:
                result = use(index, time, frame)
                del frame
                yield result
                del result

    def _number(self, frame: Any) -> int:
        if self.unread is None:
            return self.decoded
        number = self.unread.number(frame, self.decoded)
        if number is None or frame.is_corrupt:
            raise UnevenError
        return number

    def _all(self) -> Iterator[Any]:
        for packet in packets(self._container, self._stream, self._path):
            self.clock.note(packet)
            if self.unread is not None and self.decoded and self.unread.passes(packet):
                continue  # never before the first frame: which it is shows what a stream begins with
            yield from _handed_on(self._decode(packet))
        yield from _handed_on(self._decode(None))

    def _decode(self, packet: Any) -> list[Any]:
        try:
            return self._stream.decode(packet)
        except av.FFmpegError as error:
            if self.unread is not None:
                raise UnevenError from error
            if not self._one_thread:
                raise RefusedError from error
            self.refused += 1
            self._broken = True
            return []

    def warn(self) -> None:
        """Log what was damaged, if anything was."""
        if self.spoilt or self.refused:
            log.warning(
                "%s: damaged: the decoder refused %d packets; %d frames that depend on damaged ones are left out",
                self._path,
                self.refused,
                self.spoilt,
            )
