"""The middle frames of a clip, read as if the clip had no others.

A stored clip may be longer than a specialist's own plan, because another specialist needs more frames of it.
:mod:`dfcore.data.clips.plan` says why its middle is exactly the clip of the shorter plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips.clip import Clip, ClipAccess, ClipHeader, Planes, SourceHeader, Speech, mean_over_frames
from dfcore.data.clips.plan import own_part

__all__ = ["ClipPart", "cut_part", "frame_period", "part_of", "without_landmarks"]

AUDIO_RATE = 16000


def part_of(access: ClipAccess, frames: int) -> ClipAccess:
    """The clip as a plan of ``frames`` frames a clip has it; ``access`` itself where it has no more."""
    return access if len(access.header.frames) <= frames else ClipPart(access, frames)


def cut_part(clip: Clip, frames: int) -> Clip:
    """The same of a clip in memory, as an evidence extractor takes it; evidence is left out."""
    part = own_part(len(clip.header.frames), frames)
    if len(part) == len(clip.header.frames):
        return clip
    rows = slice(part.start, part.stop)
    own = own_part(len(clip.y), frames)  # the planes may be those of the middle frames alone: their middle is the same
    native = slice(own.start, own.stop)
    return replace(
        clip,
        header=_header(clip.header, part),
        y=clip.y[native],
        u=clip.u[native],
        v=clip.v[native],
        qp=None if clip.qp is None else clip.qp[native],
        motion=None if clip.motion is None else clip.motion[rows],
        audio=_audio(clip.audio, clip.header, part, clip.source.fps),
        evidence={},
        landmarks=None if clip.landmarks is None else clip.landmarks[rows],
    )


def without_landmarks(clip: Clip) -> Clip:
    """The clip as it is prepared when no dense landmarks are asked for."""
    speech = None if clip.speech is None else replace(clip.speech, landmarks=None)
    return replace(clip, landmarks=None, speech=speech)


class ClipPart:
    """A :class:`~dfcore.data.clips.ClipAccess` to the middle ``frames`` frames of another.

    Evidence that has as many rows as the part was extracted from the part and is given as it is; evidence with a row
    for each frame of the whole clip gives the part's rows.
    """

    def __init__(self, access: ClipAccess, frames: int) -> None:
        self.access = access
        self.part = own_part(len(access.header.frames), frames)

    @property
    def source(self) -> SourceHeader:
        """What is known of the source file."""
        return self.access.source

    @cached_property
    def header(self) -> ClipHeader:
        """What is known of the clip."""
        return _header(self.access.header, self.part)

    def planes(self, frames: Sequence[int]) -> Planes:
        """Luma uint8 ``[n, H, W]``, and both chroma planes uint8 ``[n, H/2, W/2]``."""
        return self.access.planes(self._whole(frames))

    def luma(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """Luma alone, uint8 ``[n, H, W]``."""
        return self.access.luma(self._whole(frames))

    def sequence(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """The whole window made small, uint8 ``[n, 3, 112, 112]``."""
        return self.access.sequence(self._whole(frames))

    def qp(self, frames: Sequence[int]) -> NDArray[np.int8] | None:
        """Each block's quantiser, int8 ``[n, H/16, W/16]``, or None where the codec gives none."""
        return self.access.qp(self._whole(frames))

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Motion vectors int16 ``[n, H/16, W/16, 2]``, in quarter pixels, or None."""
        return self.access.motion(self._whole(frames))

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """An extractor's result, float16 ``[T, C, H/16, W/16]``, or None where it was not extracted."""
        found = self.access.evidence(name)
        if found is None or len(found) == len(self.part):
            return found
        return found[self.part.start : self.part.stop]

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """Its mean over the clip's frames, float32 ``[C, H/16, W/16]``, or None."""
        found = self.evidence(name)
        return None if found is None else mean_over_frames(found)

    def audio(self) -> NDArray[np.int16] | None:
        """16 kHz mono int16 ``[n]``, exactly the clip's span, or None without audio."""
        return _audio(self.access.audio(), self.access.header, self.part, self.source.fps)

    def speech(self, *, mouth: bool = True) -> Speech | None:
        """Mouth and audio about the clip's middle, or None where it was prepared without."""
        return self.access.speech(mouth=mouth)

    def landmarks(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Dense landmarks int16 ``[n, 95, 2]``, or None where it was prepared without."""
        return self.access.landmarks(self._whole(frames))

    def kept(self, name: str, frames: Sequence[int]) -> NDArray | None:
        """What a store keeps of a view (:mod:`dfcore.data.views.kept`), ``[n, ...]``, or None."""
        return self.access.kept(name, self._whole(frames))

    def _whole(self, frames: Sequence[int]) -> Sequence[int]:
        first = self.part.start
        if isinstance(frames, range):
            return range(frames.start + first, frames.stop + first, frames.step)
        return [frame + first for frame in frames]


def _header(header: ClipHeader, part: range) -> ClipHeader:
    rows = slice(part.start, part.stop)
    return replace(
        header,
        frames=header.frames[rows],
        times=header.times[rows],
        pict_types=header.pict_types[rows],
        boxes=header.boxes[rows],
        landmarks=header.landmarks[rows],
    )


def _audio(audio: NDArray[np.int16] | None, header: ClipHeader, part: range, fps: float) -> NDArray[np.int16] | None:
    if audio is None:
        return None
    times = header.times[part.start : part.stop]
    first = round(times[0] * AUDIO_RATE) - round(header.times[0] * AUDIO_RATE)
    return audio[first : first + round((times[-1] + frame_period(times, fps) - times[0]) * AUDIO_RATE)]


def frame_period(times: Sequence[float], fps: float) -> float:
    """How long a clip's last frame is shown: as long as its others on average, ``1 / fps`` where there are none."""
    if len(times) > 1:
        return (times[-1] - times[0]) / (len(times) - 1)
    return 1 / fps if fps > 0 else 0.0
