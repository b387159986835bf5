"""From a video file to clips: one forward decode pass, faces found while it runs.

What is known beforehand is the number of frames; so the clips' spans, and the frames on which faces are looked for,
are fixed before decoding begins, and only those frames are ever copied out of the decoder.

Several plans are served by one pass. Each gets the clips that it would get alone, to the last bit: its people, windows
and speech are found from the frames that it would have looked at itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.data.clip_plan import ClipPlan, reference_spans
from dfcore.data.clips import Clip, SourceHeader
from dfcore.data.faces import FaceTrack
from dfcore.data.faces.look import find_detector, find_tracks, frames_to_look_at
from dfcore.data.faces.window import MIN_WINDOW
from dfcore.data.media import MediaInfo, probe
from dfcore.data.prepare.choose import Chosen, choose
from dfcore.data.prepare.cut import cut_clips, read_audio
from dfcore.data.prepare.speech import SpeechSpan, speech_spans
from dfcore.data.prepare.watch import Footage, watch
from dfcore.data.protocols import FaceDetector
from dfcore.data.records import VideoRecord
from dfcore.data.workers.serve import announce
from dfcore.errors import MediaError
from dfcore.version import __version__

__all__ = ["Extracted", "extract_clips", "extract_for_plans"]


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one plan gives of a file.

    Attributes:
        clips: by person, then by time; [] with a ``reason``.
        reason: why there is none, or "".
        people_seen: persons with a clip, whether the plan keeps them or not.
    """

    clips: tuple[Clip, ...] = ()
    reason: str = ""
    people_seen: int = 0


def extract_clips(
    path: Path,
    plan: ClipPlan,
    *,
    record: VideoRecord | None = None,
    detector: FaceDetector | None = None,
    threads: int = 0,
) -> list[Clip]:
    """The clips of a video or photo, with planes, codec side data and audio; ordered by person, then by time.

    A clip is kept for every person whose face track covers the whole of its reference span.

    Args:
        path: the file.
        plan: what to cut out.
        record: whose id, label, split ... go into the headers.
        detector: finds faces; None takes the plan's.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: the file cannot be decoded, or gives no clip; the message says why.
        PluginError: the detector raised something.
    """
    found = extract_for_plans(path, [plan], record=record, detector=detector, threads=threads)[0]
    if found.reason:
        raise MediaError(found.reason)
    return list(found.clips)


def extract_for_plans(
    path: Path,
    plans: Sequence[ClipPlan],
    *,
    record: VideoRecord | None = None,
    detector: FaceDetector | None = None,
    threads: int = 0,
) -> list[Extracted]:
    """What :func:`extract_clips` gives for each of several plans, from one pass over the file.

    A plan that gives no clip has the reason in place of it.

    Args:
        path: the file.
        plans: what to cut out; at least one.
        record: whose id, label, split ... go into the headers.
        detector: finds faces; None takes each plan's.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: the file cannot be decoded; that concerns every plan.
        PluginError: a detector raised something.
    """
    path = Path(path)
    info = probe(path)
    announce(info.frame_count, info.width, info.height)
    works = [_work(path, info, plan) for plan in plans]
    side_data = any(plan.side_data for plan in plans)
    detectors = {plan.detector: detector or find_detector(plan.detector) for plan in plans}
    looks = {
        name: set().union(*(work.looks | work.speech_looks for work in works if work.plan.detector == name))
        for name in detectors
    }
    footage = watch(
        path,
        info,
        set().union(*(span for work in works for span in work.spans)),
        set().union(*(map(int, span.frames) for work in works for span in work.speech.values())),
        looks,
        detectors,
        side_data=side_data,
        threads=threads,
    )
    _check_size(path, footage)
    chosen = [_choose(path, info, work, footage) for work in works]
    audio = read_audio(path, info, plans, [one.picks for one in chosen], footage)
    source = _source(path, info, record)
    cut = cut_clips(path, source, info, footage, audio, chosen, plans, side_data=side_data, threads=threads)
    return [Extracted(tuple(clips), one.reason, one.people_seen) for clips, one in zip(cut, chosen, strict=True)]


def _check_size(path: Path, footage: Footage) -> None:
    largest = max(footage.formats.values(), key=lambda shown: min(shown.width, shown.height), default=None)
    if largest is not None and min(largest.width, largest.height) < MIN_WINDOW:
        raise MediaError(
            f"{path}: the image is {largest.width}x{largest.height} px; at least {MIN_WINDOW}x{MIN_WINDOW} are needed."
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """What a plan asks of a file: its reference spans, the frames that it looks at for faces, and those that it looks
    at besides, to place the mouths.
    """

    plan: ClipPlan
    spans: list[range]
    looks: set[int]
    speech: dict[int, SpeechSpan]
    speech_looks: set[int]


def _work(path: Path, info: MediaInfo, plan: ClipPlan) -> _Work:
    spans = reference_spans(info.frame_count, plan.clips, plan.frames)
    if not spans:
        raise MediaError(f"{path}: it holds no frames.")
    speech = speech_spans(path, info, spans, plan.speech)
    looks = frames_to_look_at(spans, plan.detector_stride, info.fps)
    return _Work(plan, spans, looks, speech, set().union(*(span.looks for span in speech.values())))


def _choose(path: Path, info: MediaInfo, work: _Work, footage: Footage) -> Chosen:
    """The clips to cut for a plan. What it looks at for speech alone places mouths, and changes nothing else."""
    seen = footage.looks[work.plan.detector]
    size = (info.width, info.height)

    def tracks(frames: set[int]) -> list[FaceTrack]:
        held = {index: seen[index] for index in sorted(frames) if index in seen}
        return find_tracks({index: look.faces for index, look in held.items()}, held, size)

    looks = work.looks | {frame for span in work.spans for frame in footage.changes & set(span)}
    faces = {index: seen[index].faces for index in looks if index in seen}
    chosen = choose(path, info, work.plan, work.spans, footage, faces, tracks(looks))
    if not work.speech:
        return chosen
    fine = tracks(looks | work.speech_looks)
    return chosen.with_speech(info, work.speech, fine)


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
