"""Face tracks: which detections are one person, and where the face is between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.protocols import Face
from dfcore.errors import MediaError, UsageError

__all__ = ["EXTRAPOLATION", "FaceTrack", "build_tracks", "same_person", "smooth"]

EXTRAPOLATION = 5
"""Frames before its first and after its last detection for which a track answers."""
MIN_GAP = 30
"""Frames from one detection to the next that a track always bridges, even when it was looked for between them."""
SMOOTHING = 1.0
"""Standard deviation of the smoothing kernel, in frames."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """One person's face through a video, at the frames where it was detected.

    Attributes:
        frames: int64 ``[K]``, rising.
        boxes: float64 ``[K, 4]``, smoothed.
        landmarks: float64 ``[K, 5, 2]``, smoothed, in the order of :mod:`dfcore.data.clips`.
        scores: float64 ``[K]``, the detector's.
        trusted: bool ``[K - 1]``, whether positions between a detection and the next may be interpolated in
            good faith.
        before, after: frames before the first and after the last detection at which the last known position
            is held in good faith; 0 on the side of a known cut.
    """

    frames: NDArray[np.int64]
    boxes: Floats
    landmarks: Floats
    scores: Floats
    trusted: NDArray[np.bool_]
    before: int = EXTRAPOLATION
    after: int = EXTRAPOLATION

    @property
    def duration(self) -> int:
        """Frames from the first detection to the last, both included."""
        return int(self.frames[-1] - self.frames[0]) + 1

    @property
    def prominence(self) -> float:
        """Mean box area × duration × mean score."""
        area = np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=1).mean()
        return float(area * self.duration * self.scores.mean())

    def covers(self, frames: Sequence[int]) -> bool:
        """Whether each of ``frames`` lies near enough to detections for :meth:`at` to be trusted.

        That is: at most ``before`` or ``after`` frames outside of the track, and between no two detections that
        are not ``trusted``.
        """
        wanted = np.asarray(frames, dtype=np.int64)
        if not self._reaches(wanted):
            return False
        return bool(self._trusts(wanted).all())

    def covered(self, frames: Sequence[int]) -> NDArray[np.bool_]:
        """Of each of ``frames`` whether the track :meth:`covers` it alone, bool ``[n]``."""
        wanted = np.asarray(frames, dtype=np.int64)
        first, last = self.frames[0] - self.before, self.frames[-1] + self.after
        return np.asarray((wanted >= first) & (wanted <= last) & self._trusts(wanted))

    def _trusts(self, wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
        """False of what lies between two detections that are not ``trusted``."""
        after = np.searchsorted(self.frames, wanted)
        inside = (after > 0) & (after < len(self.frames))
        seen = inside & (self.frames[np.minimum(after, len(self.frames) - 1)] == wanted)
        found = np.ones(len(wanted), np.bool_)
        between = inside & ~seen
        found[between] = self.trusted[after[between] - 1]
        return found

    def at(self, frames: Sequence[int]) -> tuple[Floats, Floats]:
        """Boxes ``[n, 4]`` and landmarks ``[n, 5, 2]`` at ``frames``: linear between detections, held at the ends.

        Raises:
            MediaError: a frame lies more than ``before`` or ``after`` frames outside of the track.
        """
        wanted = np.asarray(frames, dtype=np.int64)
        if not self._reaches(wanted):
            raise MediaError(
                f"frames {wanted.min()} to {wanted.max()} are outside of the face track, which was seen "
                f"from frame {self.frames[0]} to {self.frames[-1]}. Ask `covers` first."
            )
        values = np.concatenate([self.boxes, self.landmarks.reshape(len(self.frames), -1)], axis=1)
        found = np.stack([np.interp(wanted, self.frames, column) for column in values.T], axis=1)
        return found[:, :4], found[:, 4:].reshape(len(wanted), -1, 2)

    def scaled(self, across: float, down: float) -> FaceTrack:
        """The same track in frames of another size: x and y times these factors."""
        if across == down == 1.0:
            return self
        factors = np.array([across, down])
        return replace(self, boxes=self.boxes * np.tile(factors, 2), landmarks=self.landmarks * factors)

    def _reaches(self, wanted: NDArray[np.int64]) -> bool:
        first, last = self.frames[0] - self.before, self.frames[-1] + self.after
        return bool(((wanted >= first) & (wanted <= last)).all())


def build_tracks(
    detections: Mapping[int, Sequence[Face]],
    *,
    frame_size: tuple[int, int],
    cuts: Collection[int] = (),
    clear: Collection[tuple[int, int]] = (),
    smoothing: float = SMOOTHING,
) -> list[FaceTrack]:
    """Join the faces found at a subset of a video's frames into one track per person, most prominent first.

    A face continues the track whose last face is nearest in place and size, if that is near enough
    (:func:`_distance`) and was seen within the last ``max(30, 2 x the widest step between looked-at frames)``
    frames. Where it was looked for and missed for more than 30 frames, the track goes on but covers nothing between.
    A track of a single detection is dropped where another track has three or more.

    Args:
        detections: the faces at each frame that was looked at; an empty list says that none was found there.
        frame_size: width and height of the frames, in the faces' pixels; smoothed boxes are kept inside.
        cuts: frames that begin a new shot, where known (:func:`dfcore.data.faces.cuts.find_cuts`); no track goes
            across one.
        clear: the ends of gaps between which nobody need be looked for (:mod:`dfcore.data.faces.gaps`): a track
            seen at the one goes on at the other, and elsewhere nobody may be absent for longer because of them.
        smoothing: see :func:`smooth`.

    Returns:
        Tracks by falling :attr:`FaceTrack.prominence`; [] when there was no face.
    """
    looked = sorted(detections)
    if not looked:
        return []
    steps = (b - a for a, b in pairwise(looked) if not any(start <= a and b <= stop for start, stop in clear))
    max_gap = max(MIN_GAP, 2 * max(steps, default=0))
    shots = dict(zip(looked, np.searchsorted(sorted(cuts), looked, side="right").tolist(), strict=True))
    threads: list[_Thread] = []
    for before, frame in pairwise([looked[0], *looked]):
        near = [t for t in threads if t.frames[-1] == before or frame - t.frames[-1] <= max_gap]
        alive = [t for t in near if shots[t.frames[-1]] == shots[frame]]
        _extend(threads, alive, frame, [face for face in detections[frame] if _has_area(face)])
    if max((len(t.frames) for t in threads), default=0) >= 3:
        threads = [t for t in threads if len(t.frames) > 1]
    tracks = [_finish(t, frame_size, smoothing, shots) for t in threads]
    return sorted(tracks, key=_rank)


def _rank(track: FaceTrack) -> tuple[float, int]:
    """Most prominent first; of equals the earlier. Equal up to rounding: sums round differently on other processors."""
    return -float(f"{track.prominence:.6g}"), int(track.frames[0])


@dataclass(slots=True)
class _Thread:
    """A track while it grows."""

    frames: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)


def _finish(thread: _Thread, frame_size: tuple[int, int], smoothing: float, shots: Mapping[int, int]) -> FaceTrack:
    """``shots`` maps each frame that was looked at, in order, to the number of its shot."""
    frames = np.array(thread.frames, dtype=np.int64)
    looked, shot = list(shots), list(shots.values())
    places = np.searchsorted(looked, frames)
    first, last = int(places[0]), int(places[-1])
    boxes = smooth(frames, np.array([face.box for face in thread.faces]), smoothing)
    return FaceTrack(
        frames,
        np.clip(boxes, 0, np.array([*frame_size, *frame_size], dtype=np.float64)),
        smooth(frames, np.array([face.landmarks for face in thread.faces]), smoothing),
        np.array([face.score for face in thread.faces]),
        trusted=(np.diff(frames) <= MIN_GAP) | (np.diff(places) == 1),
        before=EXTRAPOLATION if first == 0 or shot[first - 1] == shot[first] else 0,
        after=EXTRAPOLATION if last == len(looked) - 1 or shot[last + 1] == shot[last] else 0,
    )


def _extend(threads: list[_Thread], alive: list[_Thread], frame: int, faces: Sequence[Face]) -> None:
    """Give each face of a frame to the nearest thread still free, nearest pair first, or to a new one."""
    pairs = sorted(
        (distance, t, f)
        for t, thread in enumerate(alive)
        for f, face in enumerate(faces)
        if (distance := _distance(thread.faces[-1], face, frame - thread.frames[-1])) is not None
    )
    taken: set[int] = set()
    placed: set[int] = set()
    for _, t, f in pairs:
        if t not in taken and f not in placed:
            taken.add(t)
            placed.add(f)
            alive[t].frames.append(frame)
            alive[t].faces.append(faces[f])
    threads.extend(_Thread([frame], [face]) for f, face in enumerate(faces) if f not in placed)


def same_person(before: Face, now: Face, gap: int) -> bool:
    """Whether two faces may be one person's, ``gap`` frames apart: by place and size, as tracks are built."""
    return _has_area(before) and _has_area(now) and _distance(before, now, gap) is not None


def _distance(before: Face, now: Face, gap: int) -> float | None:
    """How unlike two faces are in place and size, or None when they cannot be the same person ``gap`` frames on.

    The distance of the centres in units of the mean side, plus the logarithm of the sides' ratio. The centre may
    have moved by half a side, and 3 % of one more for each frame, up to one side; the side may have changed
    by a factor of two.
    """
    (centre_a, side_a), (centre_b, side_b) = _place(before), _place(now)
    moved = float(np.hypot(*(centre_b - centre_a))) / ((side_a + side_b) / 2)
    grown = abs(float(np.log(side_b / side_a)))
    if moved > min(0.5 + 0.03 * gap, 1.0) or grown > np.log(2):
        return None
    return moved + grown


def _has_area(face: Face) -> bool:
    return face.box[2] > face.box[0] and face.box[3] > face.box[1]


def _place(face: Face) -> tuple[Floats, float]:
    box = np.array(face.box)
    return (box[:2] + box[2:]) / 2, float(np.sqrt(np.prod(box[2:] - box[:2])))


def smooth(times: ArrayLike, values: ArrayLike, sigma: float) -> Floats:
    """``values [K, ...]`` at rising ``times [K]``, each replaced by a straight line fitted to its neighbours.

    Local linear regression with a Gaussian kernel of ``sigma`` (Cleveland, "Robust Locally Weighted Regression and
    Smoothing Scatterplots", JASA 1979, with degree 1): uneven steps are allowed, motion at constant speed passes
    unchanged and without lag, and a value with no neighbour within ``3 * sigma`` stays as it is.
    """
    t = np.asarray(times, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    if sigma < 0:
        raise UsageError(f"smoothing must not be negative, not {sigma}.")
    if sigma == 0 or len(t) < 3:
        return y.copy()
    first = np.searchsorted(t, t - 3 * sigma, side="left")
    stop = np.searchsorted(t, t + 3 * sigma, side="right")
    result = y.copy()
    for i, (a, b) in enumerate(zip(first, stop, strict=True)):
        if b - a >= 3:
            result[i] = np.tensordot(_line_weights(t[a:b] - t[i], sigma), y[a:b], axes=1)
    return result


def _line_weights(steps: Floats, sigma: float) -> Floats:
    """Weights [n], summing to 1, with which a weighted straight-line fit gives its value at step 0."""
    kernel = np.exp(-0.5 * (steps / sigma) ** 2)
    s0, s1, s2 = (float((kernel * steps**power).sum()) for power in (0, 1, 2))
    weights: Floats = kernel * (s2 - s1 * steps) / (s0 * s2 - s1 * s1)
    return weights
