"""What is cut out of a video when it is prepared.

Where a clip lies does not depend on how long it is: each is the middle of a *reference span* of 16 frames (of as many
as the longest plan asks for, where that is more), and faces, tracks, windows and people are found over that span. So a
clip of 8 frames is exactly the middle of the clip of 16 from the same place, and clips that were stored for one
specialist serve another that needs fewer frames, to the last bit (:func:`own_part`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from dfcore.errors import UsageError
from dfcore.specs import SpecialistSpec

__all__ = [
    "LANDMARKS",
    "REFERENCE",
    "ClipPlan",
    "clip_spans",
    "kept_for",
    "middle",
    "own_part",
    "reference_spans",
    "side_data_for",
]

REFERENCE = 16
"""Frames over which faces are tracked and a window is laid, for clips of up to as many."""
GEOMETRY = 2
"""Raised when clips come to lie elsewhere, so that stored ones are not taken for those of now."""
LANDMARKS = 3
"""Version of the dense landmarks; raised when they come out otherwise, so that stored ones are made again."""
SMALL_VIEWS = frozenset(
    {
        "face", "face_mask", "tile_face", "sequence", "sequence_mask", "motion", "mouth", "mouth_present", "log_mel",
        "audio_present", "landmarks", "tile_parts", "mouth_openings", "video_mouth_present", "video_log_mel",
        "video_audio_present", "video_mouth_openings",
    }
)  # fmt: skip
"""Views that read no native planes, but for those of ``face`` in the middle frame."""


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """What is cut out of a video when it is prepared.

    Attributes:
        clips: spans of consecutive frames, spread evenly over the video.
        frames: consecutive frames per span.
        people: face tracks kept in each span, most prominent first.
        detector: name of an announced face detector, or its dotted path ``package.module:Class``.
        detector_stride: faces are looked for on every so many frames; None chooses by length and frame rate.
        audio: keep each clip's audio.
        side_data: keep the codec's quantisers and motion vectors.
        motion: keep the vectors among them; decoding takes up to a fifth longer with them.
        speech: seconds of mouth images and audio about each clip's middle; 0 for none.
        native: how many of a clip's frames, from its middle, keep their planes and quantisers; 0 for all. A clip that
            is shorter than ``frames`` keeps those of all.
        sequence: keep all frames made small too (:mod:`dfcore.data.clips.reduced`).
        context: keep the view ``context`` as it comes out, also in a compact store (:mod:`dfcore.data.views.kept`). A
            store that has it not is as good, and slower: it is not prepared again for it.
        landmarks: version of the dense landmarks of each frame and point of speech; 0 for none.
        geometry: which rule says where clips lie.
    """

    clips: int = 4
    frames: int = 8
    people: int = 1
    detector: str = "centerface"
    detector_stride: int | None = None
    audio: bool = True
    side_data: bool = True
    speech: float = 0.0
    native: int = 0
    sequence: bool = False
    context: bool = False
    landmarks: int = 0
    geometry: int = GEOMETRY
    motion: bool = True

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "people", "detector_stride"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"a clip plan's {name} must be at least 1, not {value}.")
        if not 0 <= self.native <= self.frames:
            raise UsageError(f"a clip plan's native frames must be 0 to its {self.frames}, not {self.native}.")
        if not 0 <= self.speech < 60:
            raise UsageError(f"a clip plan's speech must be 0 to 60 seconds, not {self.speech}.")

    @property
    def native_frames(self) -> int:
        """How many frames of a clip keep their planes."""
        return self.native or self.frames

    def native_part(self, length: int) -> range:
        """Which of a clip's ``length`` frames keep their planes."""
        return range(length) if length < self.frames else own_part(length, self.native_frames)

    def covers(self, other: ClipPlan) -> bool:
        """Whether a video prepared with this plan holds all that ``other`` asks for."""
        finer = other.detector_stride is not None and (
            self.detector_stride is None or self.detector_stride > other.detector_stride
        )
        return (
            self.clips >= other.clips
            and self.frames >= other.frames
            and self.people >= other.people
            and self.detector == other.detector
            and self.audio >= other.audio
            and self.side_data >= other.side_data
            and self.motion >= other.motion
            and self.speech >= other.speech
            and self.keeps(other)
            and other.landmarks in (0, self.landmarks)
            and self.geometry == other.geometry
            and not finer
        )

    def keeps(self, other: ClipPlan) -> bool:
        """Whether it keeps of a clip's frames what ``other`` does: their planes, and small frames or what they are
        made of.
        """
        small = self.sequence or not other.sequence or self.native_frames >= other.frames
        return self.native_frames >= other.native_frames and small

    def union(self, other: ClipPlan) -> ClipPlan:
        """The smallest plan that covers both; detector and geometry are ``other``'s."""
        frames, native = max(self.frames, other.frames), max(self.native_frames, other.native_frames)
        strides = [plan.detector_stride for plan in (self, other) if plan.detector_stride is not None]
        return ClipPlan(
            clips=max(self.clips, other.clips),
            frames=frames,
            people=max(self.people, other.people),
            detector=other.detector,
            detector_stride=min(strides) if strides else None,
            audio=self.audio or other.audio,
            side_data=self.side_data or other.side_data,
            motion=self.motion or other.motion,
            speech=max(self.speech, other.speech),
            native=0 if native == frames else native,
            sequence=self.sequence or other.sequence,
            context=self.context or other.context,
            landmarks=max(self.landmarks, other.landmarks),
            geometry=other.geometry,
        )

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClipPlan:
        """The inverse of :meth:`to_json`; unknown keys are ignored."""
        known = {f.name for f in fields(cls)}
        values = {"geometry": 1, **values}  # plans of before it was written down
        return cls(**{key: value for key, value in values.items() if key in known})


def reference_spans(frame_count: int, clips: int, frames: int = REFERENCE) -> list[range]:
    """The reference span of each clip: centred in equal parts of the video, 16 frames long where the video has them.

    A span is cut short on both sides alike where it would reach beyond the video's ends. Those of a short video
    overlap, with 8 frames or more from one centre to the next; a video of 16 frames or more has at least one whole
    span, and one of fewer has a single span of all. An empty video has none.

    Args:
        frame_count: the video's.
        clips: how many at most.
        frames: what a clip has; only more than 16 make a difference.
    """
    if frame_count <= 0:
        return []
    half = max(REFERENCE, frames + frames % 2) // 2
    if frame_count < 2 * half:
        return [range(frame_count)]
    for count in range(max(1, min(clips, frame_count // half)), 0, -1):
        centres = [((2 * k + 1) * frame_count) // (2 * count) for k in range(count)]
        halves = [min(half, centre, frame_count - centre) for centre in centres]
        if max(halves) == half:
            return [range(centre - h, centre + h) for centre, h in zip(centres, halves, strict=True)]
    raise AssertionError("one clip in the middle is always whole")


def clip_spans(frame_count: int, clips: int, frames: int) -> list[range]:
    """Frame indices of each clip: the middle of its reference span, or all of that where it is no longer.

    A video of fewer frames than a clip gives one clip with all that there is (a photo: one frame).
    """
    return [middle(span, frames) for span in reference_spans(frame_count, clips, frames)]


def side_data_for(plans: Collection[ClipPlan]) -> tuple[bool, bool]:
    """Whether any of the plans keeps the codec's side data, and whether any keeps the motion vectors among it."""
    return any(plan.side_data for plan in plans), any(plan.side_data and plan.motion for plan in plans)


def kept_for(spec: SpecialistSpec, frames: int) -> ClipPlan:
    """The plan that keeps of clips of ``frames`` frames what a specialist's views read of them, and no more."""
    native = _native_frames(spec, frames)
    return ClipPlan(
        frames=frames,
        native=0 if native == frames else native,
        sequence="sequence" in spec.views,
        context="context" in spec.views,
        motion=spec.uses_motion,
    )


def _native_frames(spec: SpecialistSpec, frames: int) -> int:
    """How many of a clip's frames, from its middle, a specialist reads at native resolution.

    Of samples of several frames, whose views but the face are made of small frames or of none, those in the middle of a
    sample alone.
    """
    if spec.frames == 1 or set(spec.views) - SMALL_VIEWS - {evidence.name for evidence in spec.evidence}:
        return frames
    first, last = spec.frames // 2, max(0, frames - spec.frames) + spec.frames // 2
    for count in range(1, frames):
        part = own_part(frames, count)
        if part.start <= first and last < part.stop:
            return count
    return frames


def own_part(length: int, frames: int) -> range:
    """Which of a stored clip's ``length`` positions belong to a plan of ``frames`` frames a clip."""
    return middle(range(length), frames)


def middle(span: Sequence[int], frames: int) -> Any:
    """The ``frames`` items in the middle of a sequence, as a sequence of its kind; all of them where it has no more.

    The middle of a middle is the middle of the whole.
    """
    if frames >= len(span):
        return span
    start = len(span) // 2 - frames // 2
    return span[start : start + frames]
