"""What is cut out of a video when it is prepared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from dfcore.errors import UsageError

__all__ = ["ClipPlan", "clip_spans"]


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
        speech: seconds of mouth images and audio about each clip's middle; 0 for none.
    """

    clips: int = 4
    frames: int = 8
    people: int = 1
    detector: str = "centerface"
    detector_stride: int | None = None
    audio: bool = True
    side_data: bool = True
    speech: float = 0.0

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "people", "detector_stride"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"a clip plan's {name} must be at least 1, not {value}.")
        if not 0 <= self.speech < 60:
            raise UsageError(f"a clip plan's speech must be 0 to 60 seconds, not {self.speech}.")

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
            and self.speech >= other.speech
            and not finer
        )

    def union(self, other: ClipPlan) -> ClipPlan:
        """The smallest plan that covers both; the detector is ``other``'s."""
        strides = [plan.detector_stride for plan in (self, other) if plan.detector_stride is not None]
        return ClipPlan(
            clips=max(self.clips, other.clips),
            frames=max(self.frames, other.frames),
            people=max(self.people, other.people),
            detector=other.detector,
            detector_stride=min(strides) if strides else None,
            audio=self.audio or other.audio,
            side_data=self.side_data or other.side_data,
            speech=max(self.speech, other.speech),
        )

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClipPlan:
        """The inverse of :meth:`to_json`; unknown keys are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})


def clip_spans(frame_count: int, clips: int, frames: int) -> list[range]:
    """Frame indices of each clip: the video is cut into equal parts and a clip taken from the middle of each.

    Clips never overlap: a short video gives fewer, and one shorter than ``frames`` gives a single clip with all that
    there is (a photo: one frame). An empty video gives none.
    """
    if frame_count <= 0:
        return []
    if frame_count < frames:
        return [range(frame_count)]
    count = min(clips, frame_count // frames)
    starts = (((2 * k + 1) * frame_count - count * frames) // (2 * count) for k in range(count))
    return [range(start, start + frames) for start in starts]
