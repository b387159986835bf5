"""Speech: the mouth and the audio about a clip's middle, on one clock of 25 points a second.

A file's frames come at any rate, regular or not. Here time is cut by time stamps: point k lies at ``start + k / 25``
seconds and takes the frame nearest to it. Nothing is re-encoded, and no frame is invented. Mouth images may be
resampled: what they are read for is motion, not pixels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.clips import MOUTH_SIDE, SPEECH_RATE, Speech
from dfcore.data.faces import FaceTrack
from dfcore.data.faces.dense import landmarks_of, to_stored
from dfcore.data.faces.geometry import boxes_to_upright, to_upright
from dfcore.data.media import SAMPLE_RATE, DecodedFrame, MediaInfo
from dfcore.data.media.container import open_media, origin, video_stream
from dfcore.data.media.images.animation import frame_starts
from dfcore.data.media.images.still import is_animated_webp
from dfcore.data.media.planes import halved
from dfcore.data.media.stream import packets
from dfcore.data.protocols import FaceDetector

__all__ = [
    "AudioTrack",
    "SmallFrame",
    "SpeechSpan",
    "cut_speech",
    "frame_times",
    "mouth_squares",
    "small_frame",
    "speech_spans",
    "upright_middle",
]

KEPT_SIDE = 960
"""Longer side, at most, of the luma kept of a frame until the mouth's place is known: a larger frame is halved until it
is no longer."""
LOOK_EVERY = 12
"""Points from one look for faces to the next: about half a second. Against looks at every other point the mouth's
square lay .002 of its side elsewhere (median; .02 at most) in talking people of three collections. With looks 1.2 s
apart, and landmarks that follow the face in between, AV tells voices apart less well (docs/performance.md)."""
ENOUGH = 1.25
"""So many times as far apart may two looks be that are made anyway: between them none is added."""
NEAR = 0.06
"""Seconds from a point within which a frame must lie to be the point's own."""
_WIDTH, _BOX = 1.9, 0.55
"""Side of the mouth's square in units of the distance between its corners, and of the face box's width."""
_DOWN = 0.12
"""How far the square's centre lies below the corners, in units of its side: an open mouth goes down."""
_SMOOTH = 5
"""Points over which the square's path is averaged: what is left is the head's motion, not the detector's jitter."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SpeechSpan:
    """The points of one clip's speech: ``times`` float64 ``[L]`` in seconds, ``frames`` int64 ``[L]``, the index of the
    frame expected to be nearest to each.
    """

    times: Floats
    frames: NDArray[np.int64]

    def looks_beside(self, others: Sequence[int], fps: float) -> set[int]:
        """Frames on which faces are looked for, the first and the last included; but none between two of ``others``
        (rising), which are looked at anyway, that lie near enough to each other.
        """
        apart = ENOUGH * LOOK_EVERY * fps / SPEECH_RATE
        found = set()
        for frame in map(int, (*self.frames[::LOOK_EVERY], self.frames[-1])):
            after = bisect_left(others, frame)
            between = others[max(0, after - 1) : after + 1]
            if not (len(between) == 2 and between[0] <= frame <= between[1] and between[1] - between[0] <= apart):
                found.add(frame)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class SmallFrame:
    """A frame's luma, upright and reduced: uint8 ``[h, w]``, its time, and its pixels per pixel of the first frame."""

    time: float
    luma: NDArray[np.uint8]
    scale: float


class Audio(Protocol):
    """Audio by time: :class:`AudioTrack`, or :class:`dfcore.data.media.audio.AudioSpans`."""

    def between(self, start: float, stop: float) -> NDArray[np.int16]:
        """The samples of [start, stop) seconds, silence where there are none; start may be negative."""
        ...


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A stretch of the audio track, from the video's second 0."""

    samples: NDArray[np.int16]

    def between(self, start: float, stop: float) -> NDArray[np.int16]:
        """The samples of [start, stop) seconds, silence where there are none; start may be negative."""
        first = round(start * SAMPLE_RATE)
        last = first + round((stop - start) * SAMPLE_RATE)
        held = self.samples[max(first, 0) : max(last, 0)]
        before = min(max(-first, 0), last - first)
        return np.pad(held, (before, last - first - before - len(held)))


def frame_times(path: Path, info: MediaInfo) -> Floats:
    """Presentation times of all frames in seconds since the first, rising, by the packets' time stamps.

    Nothing is decoded. In a container without time stamps, or where one is missing, frames come at the average rate.
    """
    if is_animated_webp(path):
        return frame_starts(path)[0]
    with open_media(path) as container:
        stream = video_stream(container, path)
        by_order = container.format.name == "avi"  # holds no presentation times; see decode.stream
        stamps = [packet.dts if by_order else packet.pts for packet in packets(container, stream, path)]
        base, zero = float(stream.time_base), origin(stream)
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < len(stamps) or not known:
        return np.arange(max(info.frame_count, 1)) / max(info.fps, 1.0)
    return np.sort(np.array(known, np.float64)) * base - zero


def speech_spans(path: Path, info: MediaInfo, spans: Sequence[range], seconds: float) -> dict[int, SpeechSpan]:
    """The speech of each clip, by its first frame: about its middle, moved to lie within the video where that is long
    enough. Photos have none.
    """
    if seconds <= 0 or info.kind == "image" or info.frame_count < 2:
        return {}
    times = frame_times(path, info)
    end = times[-1] + 1 / max(info.fps, 1.0)
    found = {}
    for span in spans:
        middle = float(times[min((span[0] + span[-1] + 1) // 2, len(times) - 1)])
        start = middle - seconds / 2
        if end >= seconds:
            start = min(max(start, 0.0), end - seconds)
        points = round(start, 6) + np.arange(round(seconds * SPEECH_RATE)) / SPEECH_RATE
        found[span.start] = SpeechSpan(points, _nearest(times, points))
    return found


def small_frame(frame: DecodedFrame, info: MediaInfo) -> SmallFrame:
    """What is kept of a frame for its mouth. ``info`` has the size of the first frame, in whose pixels tracks are."""
    width = frame.y.shape[1]
    luma, scale = frame.y, 1.0
    while max(luma.shape) > KEPT_SIDE:  # means of 2x2 pixels: a filter of free size took a third of AV's preparing
        luma, scale = halved(luma), scale / 2
    turned = np.rot90(luma, -(frame.rotation // 90))
    # What is kept must not hold the whole frame, which may be the decoder's own.
    return SmallFrame(frame.time, np.array(turned, order="C"), scale * width / info.width)


def cut_speech(
    span: SpeechSpan,
    frames: Mapping[int, SmallFrame],
    track: FaceTrack,
    info: MediaInfo,
    audio: Audio | None,
    detector: FaceDetector | None = None,
) -> Speech | None:
    """The mouth of one person at a span's points, and the audio of exactly the span.

    A point without a frame of its own, or where the track does not reach, is absent and repeats the nearest that is
    present.

    Args:
        span: the points.
        frames: what was decoded, by index.
        track: the person.
        info: the file.
        audio: the file's; None without.
        detector: gives dense landmarks of the points; None where they are not asked for.

    Returns:
        None where not one point is present.
    """
    indices = np.array(sorted(set(frames) & {int(frame) for frame in span.frames}), np.int64)
    if not len(indices):
        return None
    times = np.array([frames[int(index)].time for index in indices])
    nearest = _nearest(times, span.times)
    chosen = indices[nearest]
    present = track.covered(chosen.tolist()) & (np.abs(times[nearest] - span.times) <= NEAR)
    if not present.any():
        return None
    held = np.flatnonzero(present)
    chosen = chosen[held[_nearest(held.astype(np.float64), np.arange(len(chosen), dtype=np.float64))]]
    boxes, landmarks = track.at(chosen.tolist())
    turn = (info.rotation, 1.0, info.width, info.height)
    five = to_upright(landmarks, *turn).astype(np.float64)
    squares = mouth_squares(boxes_to_upright(boxes, *turn).astype(np.float64), five)
    mouth = np.stack([_crop(frames[int(index)], square) for index, square in zip(chosen, squares, strict=True)])
    start = float(span.times[0])
    stop = start + len(span.times) / SPEECH_RATE
    dense = None if detector is None else _landmarks(detector, [frames[int(index)] for index in chosen], five, info)
    return Speech(mouth, present, start, None if audio is None else audio.between(start, stop), dense)


def _landmarks(
    detector: FaceDetector, frames: Sequence[SmallFrame], five: Floats, info: MediaInfo
) -> NDArray[np.int16]:
    """Dense landmarks as :attr:`dfcore.data.clips.Speech.landmarks` has them; each frame is looked at once."""
    once = {frame.time: k for k, frame in reversed(list(enumerate(frames)))}
    rows = sorted(once.values())
    scales = np.array([frame.scale for frame in frames])[:, None, None]
    found = landmarks_of(detector, [frames[row].luma for row in rows], (five * scales)[rows])
    place = {frames[row].time: k for k, row in enumerate(rows)}
    points = found[[place[frame.time] for frame in frames]] / scales
    return to_stored(points, upright_middle(info.rotation, info.width, info.height))


def upright_middle(rotation: int, width: int, height: int) -> tuple[float, float]:
    """The middle of a coded image of that size when it is upright."""
    return (width / 2, height / 2) if rotation in (0, 180) else (height / 2, width / 2)


def mouth_squares(boxes: Floats, landmarks: Floats) -> Floats:
    """The mouth's square ``(x, y, side)`` at each of n points, float64 ``[n, 3]``, one side for all.

    Args:
        boxes: upright face boxes ``[n, 4]``.
        landmarks: upright, ``[n, 5, 2]``.
    """
    corners = landmarks[:, 3:]
    across = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    width = boxes[:, 2] - boxes[:, 0]
    side = max(4.0, float(np.median(np.maximum(_WIDTH * across, _BOX * width))))
    centres = corners.mean(axis=1) + np.array([0.0, _DOWN * side])
    if len(centres) >= _SMOOTH:
        edges = np.pad(centres, ((_SMOOTH // 2, _SMOOTH // 2), (0, 0)), mode="edge")
        kernel = np.full(_SMOOTH, 1 / _SMOOTH)
        centres = np.stack([np.convolve(column, kernel, mode="valid") for column in edges.T], axis=1)
    return np.concatenate([centres - side / 2, np.full((len(centres), 1), side)], axis=1)


def _crop(frame: SmallFrame, square: Floats) -> NDArray[np.uint8]:
    """A square of the upright frame (coded pixels) at 96x96, antialiased; edges repeated outside of the frame."""
    x, y, side = square * frame.scale
    height, width = frame.luma.shape
    x0, y0, x1, y1 = int(np.floor(x)) - 2, int(np.floor(y)) - 2, int(np.ceil(x + side)) + 2, int(np.ceil(y + side)) + 2
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        part = Image.fromarray(np.ascontiguousarray(frame.luma[y0:y1, x0:x1]))
    else:
        rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
        part = Image.fromarray(frame.luma[np.ix_(rows, columns)])
    box = (x - x0, y - y0, x - x0 + side, y - y0 + side)
    return np.asarray(part.resize((MOUTH_SIDE, MOUTH_SIDE), Image.Resampling.BILINEAR, box=box))


def _nearest(places: Floats, wanted: Floats) -> NDArray[np.int64]:
    """Index of the nearest of rising ``places`` to each of ``wanted``; the earlier of two equally near."""
    after = np.searchsorted(places, wanted).clip(1, max(len(places) - 1, 1))
    if len(places) == 1:
        return np.zeros(len(wanted), np.int64)
    before = after - 1
    return np.where(wanted - places[before] <= places[after] - wanted, before, after).astype(np.int64)
