"""From a video file to clips: one forward decode pass, faces found while it runs.

What is known beforehand is the number of frames; so the clips' spans, and the frames on which faces are looked for,
are fixed before decoding begins, and only those frames are ever copied out of the decoder.

Several plans are served by one pass. Each gets the clips that it would get alone, to the last bit: its people, windows
and speech are found from the frames that it would have looked at itself. Damage is the exception: it is noticed in
frames that are decoded, and those that nobody reads are not (:mod:`dfcore.data.media.coding.unread`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.data.clips import Clip, SourceHeader
from dfcore.data.clips.plan import ClipPlan, middle, reference_spans, side_data_for
from dfcore.data.faces import FaceTrack
from dfcore.data.faces.close import APART, close_paths
from dfcore.data.faces.gaps import Looks, needed_looks
from dfcore.data.faces.look import Look, find_detector, find_tracks, frames_to_look_at
from dfcore.data.faces.window import MIN_WINDOW
from dfcore.data.media import MediaInfo, probe
from dfcore.data.prepare.choose import Chosen, choose
from dfcore.data.prepare.cut import cut_clips, read_audio
from dfcore.data.prepare.extracted import Extracted
from dfcore.data.prepare.speech import SpeechSpan, speech_spans
from dfcore.data.prepare.watch import Footage, watch
from dfcore.data.protocols import FaceDetector
from dfcore.data.records import VideoRecord
from dfcore.data.workers.serve import announce
from dfcore.errors import MediaError
from dfcore.version import __version__

__all__ = [
    "Needs",
    "Work",
    "choose_clips",
    "extract_clips",
    "extract_for_plans",
    "find_detectors",
    "probe_file",
    "source_of",
]


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
    info = probe_file(path)
    works = [_work(path, info, plan) for plan in plans]
    side_data, motion = side_data_for(plans)
    detectors = find_detectors(plans, detector)
    needs = Needs.of(works, detectors)
    footage = watch(
        *(path, info, needs.kept, needs.heard, needs.looks, detectors),
        side_data=side_data,
        motion=motion,
        cut=needs.cut,
        threads=threads,
    )
    check_sizes(path, footage)
    chosen = [choose_clips(path, info, work, footage) for work in works]
    audio = read_audio(path, info, plans, [one.picks for one in chosen], footage)
    source = source_of(path, info, record)
    cut = cut_clips(path, source, info, footage, audio, chosen, plans, detectors=detectors, threads=threads)
    return [Extracted(tuple(clips), one.reason, one.people_seen) for clips, one in zip(cut, chosen, strict=True)]


def probe_file(path: Path) -> MediaInfo:
    """What the file holds; the limits of a worker process grow with it.

    Raises:
        MediaError: it cannot be read.
    """
    info = probe(path)
    announce(info.frame_count, info.width, info.height)
    return info


def find_detectors(plans: Sequence[ClipPlan], detector: FaceDetector | None) -> dict[str, FaceDetector]:
    """The plans' detectors by name; each is ``detector`` where that is given."""
    return {plan.detector: detector or find_detector(plan.detector) for plan in plans}


def check_sizes(path: Path, footage: Footage) -> None:
    """Refuse a file whose frames are all too small for any clip.

    Raises:
        MediaError: they are.
    """
    largest = max(footage.formats.values(), key=lambda shown: min(shown.width, shown.height), default=None)
    if largest is not None and min(largest.width, largest.height) < MIN_WINDOW:
        raise MediaError(
            f"{path}: the image is {largest.width}x{largest.height} px; at least {MIN_WINDOW}x{MIN_WINDOW} are needed."
        )


@dataclass(frozen=True, slots=True)
class Work:
    """What a plan asks of a file: its reference spans, what it looks at for faces, and what besides to place the
    mouths.
    """

    plan: ClipPlan
    spans: list[range]
    looks: Looks
    speech: dict[int, SpeechSpan]
    speech_looks: Looks

    @classmethod
    def of(cls, plan: ClipPlan, spans: list[range], speech: dict[int, SpeechSpan], fps: float) -> Work:
        """Of some spans and their speech, by the first frame of each."""
        frames = frames_to_look_at(spans, plan.detector_stride, fps) if spans else set()
        looks = Looks.of(spans, frames) if plan.detector_stride is None else Looks(frozenset(frames))
        more = set().union(*(span.looks_beside(sorted(looks.always), fps) for span in speech.values()))
        paths, alone = close_paths(looks.always, more, APART * fps)
        return cls(plan, spans, looks, speech, Looks(frozenset(alone), close=tuple(paths)))


@dataclass(frozen=True, slots=True)
class Needs:
    """The frames that some works need: of clips' spans and those of them that are cut out, of speech, and those that
    each detector looks at.
    """

    kept: set[int]
    cut: set[int]
    heard: set[int]
    looks: dict[str, Looks]

    @classmethod
    def of(cls, works: Sequence[Work], detectors: Collection[str]) -> Needs:
        """The union over the works."""
        return cls(
            set().union(*(span for work in works for span in work.spans)),
            set().union(*(middle(span, work.plan.frames) for work in works for span in work.spans)),
            set().union(*(map(int, span.frames) for work in works for span in work.speech.values())),
            {
                name: Looks.union(
                    looks for work in works if work.plan.detector == name for looks in (work.looks, work.speech_looks)
                )
                for name in detectors
            },
        )

    @property
    def all(self) -> set[int]:
        """Every frame."""
        return self.kept.union(self.heard, *(looks.all for looks in self.looks.values()))


def _work(path: Path, info: MediaInfo, plan: ClipPlan) -> Work:
    spans = reference_spans(info.frame_count, plan.clips, plan.frames)
    if not spans:
        raise MediaError(f"{path}: it holds no frames.")
    return Work.of(plan, spans, speech_spans(path, info, spans, plan.speech), info.fps)


def choose_clips(path: Path, info: MediaInfo, work: Work, footage: Footage) -> Chosen:
    """The clips to cut for a plan. What it looks at for speech alone places mouths, and changes nothing else."""
    seen = footage.looks[work.plan.detector]
    size = (info.width, info.height)
    clear = [gap.ends for gap in work.looks.gaps if gap.is_clear(seen)]

    def tracks(looks: Mapping[int, Look]) -> list[FaceTrack]:
        return find_tracks({index: look.faces for index, look in looks.items()}, looks, size, clear)

    wanted = needed_looks(work.looks, seen).union(*(footage.changes & set(span) for span in work.spans))
    looks = {index: seen[index] for index in sorted(wanted) if index in seen}
    faces = {index: look.faces for index, look in looks.items()}
    chosen = choose(path, info, work.plan, work.spans, footage, faces, tracks(looks))
    if not work.speech:
        return chosen
    more = {index: seen[index] for index in work.speech_looks.always if index in seen}
    more |= {path[-1]: seen.close[path] for path in work.speech_looks.close if path in seen.close}
    return chosen.with_speech(info, work.speech, tracks(more | looks))


def source_of(path: Path, info: MediaInfo, record: VideoRecord | None) -> SourceHeader:
    """What a clip's header says of its file."""
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
