"""From a video file to clips: one forward decode pass, faces found while it runs.

What is known beforehand is the number of frames; so the clips' spans, and the frames on which faces are looked for,
are fixed before decoding begins, and only those frames are ever copied out of the decoder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dfcore.data.clip_plan import ClipPlan, clip_spans
from dfcore.data.clips import BLOCK, Clip, ClipHeader, SourceHeader
from dfcore.data.faces import MIN_FACE, FaceTrack, build_tracks, clip_window, find_cuts, signature, to_coded
from dfcore.data.faces.cuts import Signature
from dfcore.data.faces.window import MIN_WINDOW
from dfcore.data.media import DecodedFrame, MediaInfo, decode, decode_audio, probe
from dfcore.data.prepare.speech import AudioTrack, SmallFrame, SpeechSpan, cut_speech, small_frame, speech_spans
from dfcore.data.protocols import Face, FaceDetector
from dfcore.data.records import VideoRecord
from dfcore.errors import MediaError
from dfcore.version import __version__

__all__ = ["ClipPlan", "extract_clips", "find_detector", "frames_to_look_at"]

LOOK_SIDES = (320, 640)
"""Longer side of the images that faces are looked for in; the next is tried where the last showed none."""
LOOKS = 16
"""Frames that are looked at for faces beside the clips' ends, in videos of any length, when no stride is given."""
WAITING = 8
"""Decoded frames that may wait for the detector."""


@cache
def find_detector(name: str) -> FaceDetector:
    """The face detector announced as ``name``, or the class of a dotted path ``package.module:Class``; one per process.

    Raises:
        UnknownNameError: no detector of that name is announced.
        PluginImportError: its implementation cannot be imported.
    """
    from dfcore.plugins import registry
    from dfcore.specs import resolve

    path = name if ":" in name else registry().component("face_detector", name).factory
    detector: FaceDetector = resolve(path, f"face detector {name}")()
    return detector


def extract_clips(
    path: Path,
    plan: ClipPlan,
    *,
    record: VideoRecord | None = None,
    detector: FaceDetector | None = None,
    threads: int = 0,
) -> list[Clip]:
    """The clips of a video or photo, with planes, codec side data and audio; ordered by person, then by time.

    A clip is kept for every person whose face track covers the whole of it.

    Args:
        path: the file.
        plan: what to cut out.
        record: whose id, label, split ... go into the headers.
        detector: finds faces; None takes the plan's.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: the file cannot be decoded, or gives no clip; the message says why.
    """
    path = Path(path)
    info = probe(path)
    if min(info.width, info.height) < MIN_WINDOW:
        raise MediaError(
            f"{path}: the image is {info.width}x{info.height} px; at least {MIN_WINDOW}x{MIN_WINDOW} are needed."
        )
    spans = clip_spans(info.frame_count, plan.clips, plan.frames)
    if not spans:
        raise MediaError(f"{path}: it holds no frames.")
    speech = speech_spans(path, info, spans, plan.speech)
    footage = _watch(path, info, plan, spans, speech, detector or find_detector(plan.detector), threads)
    cuts = find_cuts(footage.signatures)
    tracks = build_tracks(footage.faces, frame_size=(info.width, info.height), cuts=cuts)
    chosen = _choose(path, footage, tracks, spans, info, plan)
    audio = _audio(path, info, plan, footage)
    source = _source(path, info, record)
    return [_cut(source, info, footage, audio, pick, speech.get(pick.frames[0])) for pick in chosen]


# -- decoding and detection ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Footage:
    """What one pass over a file leaves: the clips' frames; of the frames looked at, the faces (in coded pixels), and a
    signature by which cuts between shots are found; the reduced frames that speech is cut from.
    """

    frames: dict[int, DecodedFrame]
    faces: dict[int, list[Face]]
    signatures: dict[int, Signature]
    small: dict[int, SmallFrame]


def frames_to_look_at(spans: Sequence[range], stride: int | None, fps: float) -> set[int]:
    """Frames on which faces are looked for: the first and last of each clip, and every ``stride``-th between.

    Without a stride it is half a second, or more where that would make over ``LOOKS`` frames.
    """
    first, stop = spans[0].start, spans[-1].stop
    step = stride or max(1, round(fps / 2), -(-(stop - first) // LOOKS))
    ends = {frame for span in spans for frame in (span[0], span[-1])}
    between = set(range(first, stop, step))
    if stride is None:  # a frame close to one that is looked at anyway tells nothing new
        between = {frame for frame in between if all(abs(frame - end) > step // 3 for end in ends)}
    return ends | between


def _watch(
    path: Path,
    info: MediaInfo,
    plan: ClipPlan,
    spans: Sequence[range],
    speech: Mapping[int, SpeechSpan],
    detector: FaceDetector,
    threads: int,
) -> _Footage:
    """Decode once. Detection runs in a second thread meanwhile: both spend their time outside of Python."""
    looks = frames_to_look_at(spans, plan.detector_stride, info.fps).union(*(span.looks for span in speech.values()))
    kept = {frame for span in spans for frame in span}
    heard = {int(frame) for span in speech.values() for frame in span.frames}
    frames: dict[int, DecodedFrame] = {}
    small: dict[int, SmallFrame] = {}
    found: dict[int, Future[_Look]] = {}
    waiting: deque[Future[_Look]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="faces") as helper:
        try:
            for frame in decode(path, looks | kept | heard, side_data=plan.side_data, info=info, threads=threads):
                if frame.index in kept:
                    frames[frame.index] = frame
                if frame.index in heard:
                    small[frame.index] = small_frame(frame)
                if frame.index in looks:
                    found[frame.index] = helper.submit(_look, frame, detector, info)
                    waiting.append(found[frame.index])
                    if len(waiting) > WAITING:
                        waiting.popleft().result()
            seen = {index: future.result() for index, future in found.items()}
            faces = {index: look[0] for index, look in seen.items()}
            return _Footage(frames, faces, {index: look[1] for index, look in seen.items()}, small)
        finally:
            helper.shutdown(wait=True, cancel_futures=True)


_Look = tuple[list[Face], Signature]


def _look(frame: DecodedFrame, detector: FaceDetector, info: MediaInfo) -> _Look:
    for side in LOOK_SIDES:
        image, scale = frame.rgb(side)
        faces = detector.detect(image)
        if faces or max(info.width, info.height) <= side:
            break
    coded = [to_coded(face, info.rotation, scale, info.width, info.height) for face in faces]
    return coded, signature(image)


# -- choosing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pick:
    """One clip to cut: the person, the frames, the track that covers them and the window."""

    person: int
    frames: tuple[int, ...]
    track: FaceTrack
    window: tuple[int, int, int, int]


def _choose(
    path: Path,
    footage: _Footage,
    tracks: Sequence[FaceTrack],
    spans: Sequence[range],
    info: MediaInfo,
    plan: ClipPlan,
) -> list[_Pick]:
    """Up to ``plan.people`` persons for each span, most prominent first.

    Raises:
        MediaError: not one clip is left.
    """
    picks: list[tuple[int, tuple[int, ...], tuple[int, int, int, int]]] = []
    largest = 0.0
    for span in _decoded_spans(spans, footage.frames):
        people = 0
        for number, track in enumerate(tracks):
            if people == plan.people:
                break
            if not track.covers(span):
                continue
            boxes, _ = track.at(span)
            largest = max(largest, float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1))))
            window = clip_window(boxes, info.width, info.height)
            if window is not None:
                picks.append((number, tuple(span), window))
                people += 1
    if not picks:
        raise MediaError(f"{path}: {_why_none(footage, tracks, spans, largest)}")
    persons = {number: i for i, number in enumerate(sorted({number for number, _, _ in picks}))}
    return [_Pick(persons[number], span, tracks[number], window) for number, span, window in sorted(picks)]


def _decoded_spans(spans: Sequence[range], frames: Mapping[int, DecodedFrame]) -> list[Sequence[int]]:
    """The spans whose frames were all decoded; when a damaged file gave none, the longest beginning of one."""
    whole: list[Sequence[int]] = [span for span in spans if all(frame in frames for frame in span)]
    if whole:
        return whole
    begun = [_beginning(span, frames) for span in spans]
    longest = max(begun, key=len)
    return [longest] if longest else []


def _beginning(span: range, frames: Mapping[int, DecodedFrame]) -> list[int]:
    held: list[int] = []
    for frame in span:
        if frame not in frames:
            break
        held.append(frame)
    return held


def _why_none(footage: _Footage, tracks: Sequence[FaceTrack], spans: Sequence[range], largest: float) -> str:
    if not footage.frames:
        return f"it breaks off before its first clip (frame {spans[0].start}); replace the file or leave it out."
    looked = len(footage.faces)
    noun = "image" if looked == 1 else "frames"
    if not tracks:
        return f"no face found in {looked} {noun} looked at."
    if largest:
        return f"the largest face is {largest:.0f} px; {MIN_FACE} are needed."
    seen = sum(bool(faces) for faces in footage.faces.values())
    return (
        f"no face stays in view through any of its {len(spans)} clips of {len(spans[0])} frames "
        f"(a face was found in {seen} of {looked} {noun} looked at)."
    )


# -- cutting ---------------------------------------------------------------------------------------------------------


def _cut(
    source: SourceHeader,
    info: MediaInfo,
    footage: _Footage,
    audio: AudioTrack | None,
    pick: _Pick,
    span: SpeechSpan | None = None,
) -> Clip:
    x, y, width, height = pick.window
    frames = [footage.frames[index] for index in pick.frames]
    luma = np.s_[y : y + height, x : x + width]
    chroma = np.s_[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
    blocks = np.s_[y // BLOCK : (y + height) // BLOCK, x // BLOCK : (x + width) // BLOCK]
    boxes, landmarks = pick.track.at(pick.frames)
    times = tuple(round(frame.time, 6) for frame in frames)
    speech = None if span is None else cut_speech(span, footage.small, pick.track, info, audio)
    near = (pick.track.frames >= pick.frames[0]) & (pick.track.frames <= pick.frames[-1])
    header = ClipHeader(
        track=pick.person,
        frames=pick.frames,
        times=times,
        pict_types="".join(frame.pict_type for frame in frames),
        window=pick.window,
        boxes=tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in np.round(boxes, 2).tolist()),
        landmarks=tuple(tuple((px, py) for px, py in points) for points in np.round(landmarks, 2).tolist()),
        score=round(float((pick.track.scores[near] if near.any() else pick.track.scores).mean()), 4),
        speech_start=None if speech is None else speech.start,
    )
    qps = [frame.qp for frame in frames if frame.qp is not None]
    motions = [frame.motion for frame in frames if frame.motion is not None]
    return Clip(
        source,
        header,
        y=np.stack([frame.y[luma] for frame in frames]),
        u=np.stack([frame.u[chroma] for frame in frames]),
        v=np.stack([frame.v[chroma] for frame in frames]),
        qp=np.stack([qp[blocks] for qp in qps]) if len(qps) == len(frames) else None,
        motion=np.stack([motion[blocks] for motion in motions]) if len(motions) == len(frames) else None,
        audio=None if audio is None else audio.between(times[0], times[-1] + _period(times, info.fps)),
        speech=speech,
    )


def _period(times: Sequence[float], fps: float) -> float:
    """How long a clip's last frame is shown: as long as the others on average."""
    if len(times) > 1:
        return (times[-1] - times[0]) / (len(times) - 1)
    return 1 / fps if fps > 0 else 0.0


def _audio(path: Path, info: MediaInfo, plan: ClipPlan, footage: _Footage) -> AudioTrack | None:
    if not (plan.audio and info.has_audio and footage.frames):
        return None
    end = footage.frames[max(footage.frames)].time + 1.0 + plan.speech  # later audio belongs to no clip
    samples = decode_audio(path, 0.0, end)
    return None if samples is None else AudioTrack(samples)


def _source(path: Path, info: MediaInfo, record: VideoRecord | None) -> SourceHeader:
    return SourceHeader(
        video=record.id if record else path.stem,
        label=record.video_label if record else None,
        audio_label=record.audio_label if record else None,
        manipulation=record.manipulation if record else "",
        split=record.split if record else "",
        group=record.group if record else (),
        compression=record.compression if record else "",
        width=info.width,
        height=info.height,
        fps=info.fps,
        frame_count=info.frame_count,
        codec=info.codec,
        pix_fmt=info.pix_fmt,
        converted=info.converted,
        colour_range=info.colour_range,
        colour_matrix=info.colour_matrix,
        rotation=info.rotation,
        has_audio=info.has_audio,
        version=__version__,
    )
