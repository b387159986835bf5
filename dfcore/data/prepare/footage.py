"""Footage: consecutive full frames of a real video with one person's face in them, to damage and to write again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import FrameFormat, Planes
from dfcore.data.faces import FaceTrack, scaled_face
from dfcore.data.faces.look import Look, find_detector, find_tracks, frames_to_look_at, look_at
from dfcore.data.media import SAMPLE_RATE, DecodedFrame, MediaInfo, decode, decode_audio, probe
from dfcore.data.media.encode import write_h264
from dfcore.data.prepare.cut import LONGEST_AUDIO
from dfcore.data.protocols import FaceDetector, Footage
from dfcore.data.workers.serve import announce
from dfcore.errors import MediaError

__all__ = ["LEAD", "read_footage", "write_footage"]

LEAD = 1.0
"""Seconds of audio held beyond both ends of the frames: as far as a voice can be shifted."""
MOST_BYTES = 2**30
"""Bytes of whole frames that are held; of larger frames there are fewer."""
_COPIES = 6
"""Copies of the frames that are in memory at most, while footage is damaged and written."""
_LEAST = 8
"""Frames without which footage shows nothing that moves."""


def read_footage(
    path: Path,
    *,
    frames: int = 96,
    detector: FaceDetector | None = None,
    voice: Path | None = None,
    threads: int = 0,
) -> Footage:
    """Up to ``frames`` consecutive frames from the middle of a video, upright, with the most prominent face in them.

    The longest stretch is taken through which that face stays in view.

    Args:
        path: a video.
        frames: at most so many.
        detector: finds faces; None takes the default one.
        voice: another video whose audio becomes ``other_audio``, where both have audio.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: the file cannot be decoded, or no face stays in view for 8 frames.
    """
    path = Path(path)
    info = probe(path)
    count = min(frames, info.frame_count, max(_LEAST, MOST_BYTES // (info.width * info.height * 3 // 2)))
    announce(info.frame_count, info.width, info.height, held=_COPIES * count)
    span = range((info.frame_count - count) // 2, (info.frame_count - count) // 2 + count)
    held, looks = _watch(path, info, span, detector or find_detector("centerface"), threads)
    held, shown = _of_one_format(held)
    looks = {index: look for index, look in looks.items() if index in held}
    size = (shown.width, shown.height) if shown.rotation in (0, 180) else (shown.height, shown.width)
    faces = {
        index: [scaled_face(face, 1 / look.scale, 1 / look.scale) for face in look.faces]
        for index, look in looks.items()
    }
    track, kept = _choose(path, find_tracks(faces, looks, size), sorted(held))
    boxes, landmarks = track.at(kept)
    y, u, v = _stacked([held[index] for index in kept])
    start, stop = held[kept[0]].time - LEAD, held[kept[-1]].time + 1 / info.fps + LEAD
    audio = decode_audio(path, start, stop) if info.has_audio and stop - start <= LONGEST_AUDIO else None
    other = None if audio is None or voice is None else _voice(voice, len(audio))
    return Footage(y, u, v, boxes, landmarks, info.fps, audio, LEAD, other)


def write_footage(footage: Footage, path: Path, *, crf: float | None = 23, preset: str = "medium") -> None:
    """Encode footage as H.264 in MP4, with the audio of its span; see :func:`dfcore.data.media.encode.write_h264`.

    Raises:
        MediaError: it cannot be written.
    """
    audio = footage.audio
    if audio is not None:
        first = round(footage.lead * SAMPLE_RATE)
        audio = audio[first : first + round(len(footage.y) / footage.fps * SAMPLE_RATE)]
    write_h264(path, (footage.y, footage.u, footage.v), footage.fps, crf=crf, audio=audio, preset=preset)


def _watch(
    path: Path, info: MediaInfo, span: range, detector: FaceDetector, threads: int
) -> tuple[dict[int, DecodedFrame], dict[int, Look]]:
    """The span's frames, and what those showed that were looked at."""
    wanted = frames_to_look_at([span], None, info.fps) if span else set()
    frames, looks = {}, {}
    for frame in decode(path, set(span), side_data=False, threads=threads):
        frames[frame.index] = frame
        if frame.index in wanted:
            looks[frame.index] = look_at(frame, detector)
    return frames, looks


def _of_one_format(frames: dict[int, DecodedFrame]) -> tuple[dict[int, DecodedFrame], FrameFormat]:
    """The frames of the format that most have, and that format: a stream may change it in its middle."""
    formats = Counter(frame.format for frame in frames.values())
    most = formats.most_common(1)[0][0]
    return {index: frame for index, frame in frames.items() if frame.format == most}, most


def _choose(path: Path, tracks: Sequence[FaceTrack], frames: Sequence[int]) -> tuple[FaceTrack, list[int]]:
    """The most prominent track that stays in view, and where."""
    for track in tracks:
        kept: list[int] = []
        best: list[int] = []
        for frame in frames:
            kept = [*kept, frame] if track.covers([frame]) and (not kept or frame == kept[-1] + 1) else []
            best = max(best, kept, key=len)
        if len(best) >= _LEAST:
            return track, best
    raise MediaError(
        f"{path}: no face stays in view for {_LEAST} of the {len(frames)} frames in its middle; nothing can be made "
        "of it. Use a video with one talking face."
    )


def _stacked(frames: Sequence[DecodedFrame]) -> Planes:
    """Upright planes with even sizes."""

    def stack(name: str, step: int) -> NDArray[np.uint8]:
        planes = np.stack([getattr(frame, name) for frame in frames])
        height, width = (2 * (side // 2) // step for side in frames[0].y.shape)
        turned = np.rot90(planes[:, :height, :width], -(frames[0].rotation // 90), axes=(1, 2))
        return np.ascontiguousarray(turned)

    return stack("y", 1), stack("u", 2), stack("v", 2)


def _voice(path: Path, length: int) -> NDArray[np.int16] | None:
    """``length`` samples from the middle of another video's audio; None where it has none, or less."""
    audio = decode_audio(path)
    if audio is None or len(audio) < length:
        return None
    first = (len(audio) - length) // 2
    return audio[first : first + length]
