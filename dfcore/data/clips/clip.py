"""A clip: consecutive frames of one face track, in one fixed window, as the decoder gave them.

Coordinates are luma pixels of the coded frame (before display rotation), x to the right, y down. Boxes are
``(x0, y0, x1, y1)``; landmarks are five ``(x, y)`` points: the eye and mouth corner on the image's left come
first, so the order is left eye, right eye, nose, left mouth corner, right mouth corner *as seen*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips.reduced import reduced

__all__ = [
    "BLOCK",
    "MOUTH_SIDE",
    "SPEECH_RATE",
    "Clip",
    "ClipAccess",
    "ClipHeader",
    "FrameFormat",
    "MemoryClip",
    "Planes",
    "SourceHeader",
    "Speech",
    "mean_over_frames",
]

BLOCK = 16
"""Side of a macroblock; window origins and sizes are multiples of it."""
SPEECH_RATE = 25
"""Points of speech a second."""
Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
"""Luma uint8 ``[n, H, W]`` and both chroma planes uint8 ``[n, H/2, W/2]`` (of one image without n)."""
MOUTH_SIDE = 96
"""Side of a mouth image."""


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class SourceHeader:
    """What is known of the source file, once per stored video.

    ``rotation`` is the clockwise turn in degrees (0, 90, 180, 270) that makes the coded frame upright.
    ``converted`` is "" for 8-bit 4:2:0 sources, else what was done once (``"yuv420p10le -> yuv420p"``).
    ``colour_range`` is ``tv`` or ``pc``; ``colour_matrix`` is ``bt601``, ``bt709`` or ``bt2020``.
    ``label`` is that of the images alone and ``audio_label`` that of the audio, whichever specialist the clips were
    prepared for.
    """

    video: str
    label: int | None
    manipulation: str
    split: str
    group: tuple[str, ...]
    compression: str
    width: int
    height: int
    fps: float
    frame_count: int
    codec: str
    pix_fmt: str
    converted: str
    colour_range: str
    colour_matrix: str
    rotation: int
    has_audio: bool
    version: str
    audio_label: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SourceHeader:
        """The inverse of :meth:`to_json`; unknown keys are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: _tuples(value) for key, value in values.items() if key in known})


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """How the planes of a frame are to be read: fields of :class:`SourceHeader` that may change within a stream."""

    width: int
    height: int
    colour_range: str
    colour_matrix: str
    rotation: int


@dataclass(frozen=True, slots=True)
class ClipHeader:
    """What is known of one clip.

    Attributes:
        track: number of the person in the video, 0 for the most prominent.
        frames: indices of the frames in the source, consecutive, T of them.
        times: presentation times in seconds, T of them.
        pict_types: one letter a frame (``"IPPB"``), ``"?"`` where the codec does not say.
        window: ``(x, y, width, height)``, all multiples of 16.
        boxes: T face boxes, in the coded frame.
        landmarks: T times five points, in the coded frame.
        score: mean detection score.
        speech_start: time of the first point of the clip's speech in seconds; None without speech.
        format: of the clip's frames, where it is not that of the file's first frame; else None.
    """

    track: int
    frames: tuple[int, ...]
    times: tuple[float, ...]
    pict_types: str
    window: tuple[int, int, int, int]
    boxes: tuple[tuple[float, float, float, float], ...]
    landmarks: tuple[tuple[tuple[float, float], ...], ...]
    score: float
    speech_start: float | None = None
    format: FrameFormat | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes; a format only where there is one."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}  # asdict copies every number of its tuples
        if self.format is None:
            del found["format"]
        else:
            found["format"] = asdict(self.format)
        return found

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClipHeader:
        """The inverse of :meth:`to_json`; unknown keys are ignored."""
        known = {f.name for f in fields(cls)}
        kept = {key: _tuples(value) for key, value in values.items() if key in known}
        if kept.get("format") is not None:
            kept["format"] = FrameFormat(**kept["format"])
        return cls(**kept)

    def source_of(self, source: SourceHeader) -> SourceHeader:
        """The file's header as it is true of this clip: with the clip's own format."""
        return source if self.format is None else replace(source, **asdict(self.format))


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """One person's mouth and the audio about a clip's middle; see :mod:`dfcore.data.prepare.speech`.

    Attributes:
        mouth: uint8 ``[L, 96, 96]``, upright luma about the mouth, at 25 points a second.
        present: bool ``[L]``, whether the point has a frame of this person; else it repeats the nearest that has.
        start: time of point 0 in seconds.
        audio: int16 ``[640 L]``, 16 kHz mono from ``start`` on, silence beyond the track's ends; None without audio.
        landmarks: dense landmarks of each point's upright frame, int16 ``[L, 95, 2]``, in eighths of a pixel of the
            file's first frame, from that frame's middle (:mod:`dfcore.data.faces.dense`); None where not asked for.
        openings: float32 ``[L, 4]``, what the view ``mouth_openings`` shows of them, where a store keeps it.
    """

    mouth: NDArray[np.uint8]
    present: NDArray[np.bool_]
    start: float
    audio: NDArray[np.int16] | None = None
    landmarks: NDArray[np.int16] | None = None
    openings: NDArray[np.float32] | None = None


@dataclass(slots=True)
class Clip:
    """A clip with its pixels, as it is prepared and as an evidence extractor receives it.

    Attributes:
        source, header: what is known of it.
        y: uint8 ``[T, H, W]``, H and W multiples of 16. Of a clip that is read from a store, y, u, v and qp have the
            middle frames alone where no others are kept.
        u, v: uint8 ``[T, H/2, W/2]``.
        qp: int8 ``[T, H/16, W/16]``, the quantiser of each block, or None where the codec gives none.
        motion: int16 ``[T, H/16, W/16, 2]``, motion (x, y) in quarter pixels towards the previous reference,
            0 for blocks without; or None.
        audio: int16 ``[n]``, 16 kHz mono, exactly the clip's span; or None.
        evidence: by name, float16 ``[T, C, H/16, W/16]``.
        speech: mouth and audio about the clip's middle, where the plan asks for them.
        landmarks: dense landmarks, int16 ``[T, 95, 2]``, in eighths of a pixel of the coded frame from the window's
            middle (:mod:`dfcore.data.faces.dense`), where the plan asks for them.
    """

    source: SourceHeader
    header: ClipHeader
    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    qp: NDArray[np.int8] | None = None
    motion: NDArray[np.int16] | None = None
    audio: NDArray[np.int16] | None = None
    evidence: dict[str, NDArray[np.float16]] = field(default_factory=dict)
    speech: Speech | None = None
    landmarks: NDArray[np.int16] | None = None


@runtime_checkable
class ClipAccess(Protocol):
    """Reads parts of one clip. ``frames`` are positions in the clip, 0 to T-1; n is how many are asked for.

    What is returned must not be written to.
    """

    @property
    def source(self) -> SourceHeader:
        """What is known of the source file, with the format of the clip's frames."""
        ...

    @property
    def header(self) -> ClipHeader:
        """What is known of the clip."""
        ...

    def planes(self, frames: Sequence[int]) -> Planes:
        """Luma uint8 ``[n, H, W]``, and both chroma planes uint8 ``[n, H/2, W/2]``."""
        ...

    def luma(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """Luma alone, uint8 ``[n, H, W]``."""
        ...

    def sequence(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """The whole window made small (:func:`dfcore.data.clips.reduced.reduced`), uint8 ``[n, 3, 112, 112]``."""
        ...

    def qp(self, frames: Sequence[int]) -> NDArray[np.int8] | None:
        """Each block's quantiser, int8 ``[n, H/16, W/16]``, or None where the codec gives none."""
        ...

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Motion vectors int16 ``[n, H/16, W/16, 2]``, in quarter pixels, or None."""
        ...

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """An extractor's result, float16 ``[T, C, H/16, W/16]``, or None where it was not extracted."""
        ...

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """Its mean over the clip's frames, float32 ``[C, H/16, W/16]``, or None."""
        ...

    def audio(self) -> NDArray[np.int16] | None:
        """16 kHz mono int16 ``[n]``, exactly the clip's span, or None without audio."""
        ...

    def speech(self, *, mouth: bool = True) -> Speech | None:
        """Mouth and audio about the clip's middle, or None where it was prepared without; the mouth's images, whose
        decoding takes long, may be left out (``[0, 96, 96]``).
        """
        ...

    def landmarks(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Dense landmarks as in :attr:`Clip.landmarks`, int16 ``[n, 95, 2]``, or None where it was prepared without."""
        ...

    def kept(self, name: str, frames: Sequence[int]) -> NDArray | None:
        """What a store keeps of a view (:mod:`dfcore.data.views.kept`), ``[n, ...]``, or None."""
        ...


class MemoryClip:
    """A :class:`ClipAccess` to a clip that is in memory, as inference reads it."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._reduced: dict[int, NDArray[np.uint8]] = {}

    @property
    def source(self) -> SourceHeader:
        """What is known of the source file, with the format of the clip's frames."""
        return self.clip.header.source_of(self.clip.source)

    @property
    def header(self) -> ClipHeader:
        """What is known of the clip."""
        return self.clip.header

    def planes(self, frames: Sequence[int]) -> Planes:
        """Luma uint8 ``[n, H, W]``, and both chroma planes uint8 ``[n, H/2, W/2]``."""
        chosen = list(frames)
        return self.clip.y[chosen], self.clip.u[chosen], self.clip.v[chosen]

    def luma(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """Luma alone, uint8 ``[n, H, W]``."""
        return self.clip.y[list(frames)]

    def sequence(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """The whole window made small, uint8 ``[n, 3, 112, 112]``; each frame is reduced once."""
        for i in set(frames) - set(self._reduced):
            self._reduced[i] = reduced(*self.planes([i]), self.source.rotation)[0]
        return np.stack([self._reduced[i] for i in frames])

    def qp(self, frames: Sequence[int]) -> NDArray[np.int8] | None:
        """Each block's quantiser, int8 ``[n, H/16, W/16]``, or None where the codec gives none."""
        return None if self.clip.qp is None else self.clip.qp[list(frames)]

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Motion vectors int16 ``[n, H/16, W/16, 2]``, in quarter pixels, or None."""
        return None if self.clip.motion is None else self.clip.motion[list(frames)]

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """An extractor's result, float16 ``[T, C, H/16, W/16]``, or None where it was not extracted."""
        return self.clip.evidence.get(name)

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """Its mean over the clip's frames, float32 ``[C, H/16, W/16]``, or None."""
        found = self.clip.evidence.get(name)
        return None if found is None else mean_over_frames(found)

    def audio(self) -> NDArray[np.int16] | None:
        """16 kHz mono int16 ``[n]``, exactly the clip's span, or None without audio."""
        return self.clip.audio

    def speech(self, *, mouth: bool = True) -> Speech | None:
        """Mouth and audio about the clip's middle, or None where it was prepared without; the images cost nothing."""
        return self.clip.speech

    def landmarks(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Dense landmarks int16 ``[n, 95, 2]``, or None where it was prepared without."""
        return None if self.clip.landmarks is None else self.clip.landmarks[list(frames)]

    def kept(self, name: str, frames: Sequence[int]) -> NDArray | None:
        """None: views are made when they are asked for."""
        return None


def mean_over_frames(values: NDArray[np.float16]) -> NDArray[np.float32]:
    """The mean of ``[T, ...]`` over the first axis, float32; of rows that are one in memory, that row (the mean of T
    equal values of 11 bits is exact).
    """
    if values.strides[0] == 0 or len(values) == 1:
        return values[0].astype(np.float32)
    return values.astype(np.float32).mean(axis=0)
