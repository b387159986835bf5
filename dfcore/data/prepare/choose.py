"""Which clips a plan keeps of a file: for each span the people whose face stays in view, and their windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dfcore.data.clips import FrameFormat
from dfcore.data.clips.plan import ClipPlan, middle
from dfcore.data.faces import MIN_FACE, FaceTrack, clip_window
from dfcore.data.media import MediaInfo
from dfcore.data.prepare.speech import SpeechSpan
from dfcore.data.prepare.watch import Footage, Window
from dfcore.data.protocols import Face

__all__ = ["Chosen", "Pick", "choose"]

SAME_FACE = 0.5
"""Intersection over union of two tracks' boxes in the same frame from which on they follow the same face."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One clip to cut.

    Attributes:
        person: number of the person in the file.
        frames: the clip's.
        reference: the frames over which track and window were found.
        span: the first frame of the plan's span that these are of.
        track: covers it, in pixels of its frames.
        window: see :func:`dfcore.data.faces.window.clip_window`.
        format: of its frames.
        speech: the points of its speech, and the finer track that the mouth is cut from (in pixels of the file's first
            frame); None without.
    """

    person: int
    frames: tuple[int, ...]
    reference: tuple[int, ...]
    span: int
    track: FaceTrack
    window: Window
    format: FrameFormat
    speech: tuple[SpeechSpan, FaceTrack] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The clips to cut, or the reason why there is none; ``people_seen`` counts those that the plan leaves out too."""

    picks: tuple[Pick, ...] = ()
    reason: str = ""
    people_seen: int = 0

    def with_speech(self, info: MediaInfo, spans: Mapping[int, SpeechSpan], tracks: Sequence[FaceTrack]) -> Chosen:
        """The same, with the speech of each clip: ``spans`` by the first frame of the span that it is cut from."""
        picks = []
        for pick in self.picks:
            span, track = spans.get(pick.span), _same_face(pick, info, tracks)
            picks.append(pick if span is None or track is None else replace(pick, speech=(span, track)))
        return replace(self, picks=tuple(picks))


def choose(
    path: Path,
    info: MediaInfo,
    plan: ClipPlan,
    spans: Sequence[range],
    footage: Footage,
    faces: Mapping[int, Sequence[Face]],
    tracks: Sequence[FaceTrack],
) -> Chosen:
    """Up to ``plan.people`` persons for each span, most prominent first.

    All but the clips' length is found over the reference spans, so that it does not depend on the plan's ``frames``. A
    span within which the frames' size changes is cut to its longest part of one size.

    Args:
        path: the file, for the reason.
        info: what it holds.
        plan: what to keep.
        spans: the reference spans.
        footage: what was decoded of these.
        faces: the faces on each frame that was looked at.
        tracks: the persons, most prominent first, in pixels of the file's first frame.
    """
    decoded = footage.times
    found: list[tuple[int, Pick]] = []
    seen: set[int] = set()
    largest = 0.0
    for whole in _decoded_spans(spans, decoded, tracks):
        span, people = _of_one_format(whole, footage.formats), 0
        shown = footage.formats[span[0]]
        for number, track in enumerate(tracks):
            if not track.covers(span):
                continue
            own = track.scaled(shown.width / info.width, shown.height / info.height)
            boxes, _ = own.at(span)
            largest = max(largest, float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1))))
            window = clip_window(boxes, shown.width, shown.height)
            if window is not None:
                seen.add(number)
                people += 1
                if people <= plan.people:
                    frames = tuple(middle(span, plan.frames))
                    found.append((number, Pick(number, frames, tuple(span), whole[0], own, window, shown)))
    if not found:
        return Chosen(reason=f"{path}: {_why_none(decoded, faces, tracks, spans, largest)}")
    persons = {number: i for i, number in enumerate(sorted({number for number, _ in found}))}
    ordered = sorted(found, key=lambda one: (one[0], one[1].reference[0]))
    picks = [replace(pick, person=persons[number]) for number, pick in ordered]
    return Chosen(tuple(picks), people_seen=len(seen))


def _decoded_spans(
    spans: Sequence[range], decoded: Mapping[int, float], tracks: Sequence[FaceTrack]
) -> list[Sequence[int]]:
    """The spans whose frames were all decoded; when a damaged file gave none, the longest part of one that was, and in
    which a face is followed.
    """
    whole: list[Sequence[int]] = [span for span in spans if all(frame in decoded for frame in span)]
    if whole:
        return whole
    parts = [part for span in spans for part in _decoded_parts(span, decoded)]
    for length in range(max(map(len, parts), default=0), 0, -1):
        for part in parts:
            for first in range(len(part) - length + 1):
                run = part[first : first + length]
                if any(track.covers(run) for track in tracks):
                    return [run]
    return []


def _of_one_format(span: Sequence[int], formats: Mapping[int, FrameFormat]) -> Sequence[int]:
    """The longest part of a span whose frames have one format; the first of equals."""
    runs: list[list[int]] = []
    for frame in span:
        if runs and formats[runs[-1][-1]] == formats[frame]:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return span if len(runs) == 1 else max(runs, key=len)


def _decoded_parts(span: range, decoded: Mapping[int, float]) -> list[list[int]]:
    """The runs of frames of a span that were decoded one after the other."""
    parts: list[list[int]] = [[]]
    for frame in span:
        if frame in decoded:
            parts[-1].append(frame)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _why_none(
    decoded: Mapping[int, float],
    faces: Mapping[int, Sequence[Face]],
    tracks: Sequence[FaceTrack],
    spans: Sequence[range],
    largest: float,
) -> str:
    if not decoded:
        return f"it breaks off before its first clip (frame {spans[0].start}); replace the file or leave it out."
    looked = len(faces)
    noun = "image" if looked == 1 else "frames"
    if not tracks:
        return f"no face found in {looked} {noun} looked at."
    if largest:
        return f"the largest face is {largest:.0f} px; {MIN_FACE} are needed."
    seen = sum(bool(found) for found in faces.values())
    return (
        f"no face stays in view through any of its {len(spans)} spans of {max(map(len, spans))} frames "
        f"(a face was found in {seen} of {looked} {noun} looked at)."
    )


def _same_face(pick: Pick, info: MediaInfo, tracks: Sequence[FaceTrack]) -> FaceTrack | None:
    """Of tracks from more frames, the one that follows the clip's face in the middle of its span; None if none does."""
    centre = [pick.reference[len(pick.reference) // 2]]
    first = pick.track.scaled(info.width / pick.format.width, info.height / pick.format.height)
    box = first.at(centre)[0][0]
    overlaps = [(_overlap(box, track.at(centre)[0][0]), track) for track in tracks if track.covers(centre)]
    best = max(overlaps, key=lambda one: one[0], default=None)
    return best[1] if best is not None and best[0] >= SAME_FACE else None


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    sides = np.maximum(0.0, np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]))
    common = float(np.prod(sides))
    return common / max(float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - common, 1e-9)
