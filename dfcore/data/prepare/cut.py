"""Cutting clips out of what was decoded: planes, side data, audio, speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Clip, ClipHeader, FrameFormat, SourceHeader
from dfcore.data.clips.part import frame_period
from dfcore.data.clips.plan import ClipPlan, side_data_for
from dfcore.data.faces.dense import landmarks_of, to_stored
from dfcore.data.faces.geometry import points_to_coded, to_upright
from dfcore.data.media import MediaInfo
from dfcore.data.media.audio import AudioSpans, decode_audio_spans
from dfcore.data.prepare.choose import Chosen, Pick
from dfcore.data.prepare.speech import cut_speech
from dfcore.data.prepare.watch import Crop, Footage, Window, crop_again, crop_held
from dfcore.data.protocols import FaceDetector

__all__ = ["cut_clips", "read_audio"]

LONGEST_AUDIO = 60.0
"""Seconds that a clip may span to have audio: beyond, its frames are slides, or its time stamps are wrong."""

_ROUNDING = 0.01
"""Seconds: times in headers are rounded, those of frames are not."""

Floats = NDArray[np.floating[Any]]
CropOf = Callable[[int, Window], Crop]


def read_audio(
    path: Path, info: MediaInfo, plans: Sequence[ClipPlan], picks: Sequence[Sequence[Pick]], footage: Footage
) -> AudioSpans | None:
    """The audio about the clips of all plans that ask for it, read once; memory grows with the clips alone."""
    if not info.has_audio:
        return None
    wanted: list[tuple[float, float]] = []
    for plan, chosen in zip(plans, picks, strict=True):
        for pick in chosen if plan.audio else ():
            start, stop = _span([footage.times[frame] for frame in pick.frames], info.fps)
            if stop - start <= LONGEST_AUDIO:
                wanted.append((start, stop))
            if pick.speech is not None:
                times = pick.speech[0].times
                wanted.append((float(times[0]), float(times[-1]) + 1.0))
    return decode_audio_spans(path, [(a - _ROUNDING, b + _ROUNDING) for a, b in wanted]) if wanted else None


def cut_clips(
    path: Path,
    source: SourceHeader,
    info: MediaInfo,
    footage: Footage,
    audio: AudioSpans | None,
    chosen: Sequence[Chosen],
    plans: Sequence[ClipPlan],
    *,
    detectors: Mapping[str, FaceDetector],
    threads: int = 0,
) -> list[list[Clip]]:
    """The clips of each plan. Frames that were too large to be held are decoded again, and cropped as they come.
    ``detectors``, by name, give the dense landmarks of the plans that ask for them.
    """
    crop = _crop_of(path, info, footage, [pick for one in chosen for pick in one.picks], plans, threads)
    located = [detectors[plan.detector] if plan.landmarks else None for plan in plans]
    return [
        [_cut(source, info, footage, audio if plan.audio else None, pick, crop, plan, detector) for pick in one.picks]
        for one, plan, detector in zip(chosen, plans, located, strict=True)
    ]


def _crop_of(
    path: Path, info: MediaInfo, footage: Footage, picks: Sequence[Pick], plans: Sequence[ClipPlan], threads: int
) -> CropOf:
    if all(frame in footage.frames for pick in picks for frame in pick.frames):
        return lambda index, window: crop_held(footage, index, window)
    windows: dict[int, list[Window]] = {}
    for pick in picks:
        for frame in pick.frames:
            if pick.window not in windows.setdefault(frame, []):
                windows[frame].append(pick.window)
    side_data, motion = side_data_for(plans)
    crops = crop_again(path, info, windows, side_data=side_data, motion=motion, threads=threads)
    uses = Counter((frame, pick.window) for pick in picks for frame in pick.frames)

    def crop(index: int, window: Window) -> Crop:
        """Each goes when the last clip that shows it has it."""
        uses[index, window] -= 1
        return crops[index, window] if uses[index, window] else crops.pop((index, window))

    return crop


def _cut(
    source: SourceHeader,
    info: MediaInfo,
    footage: Footage,
    audio: AudioSpans | None,
    pick: Pick,
    crop: CropOf,
    plan: ClipPlan,
    detector: FaceDetector | None,
) -> Clip:
    frames = [crop(index, pick.window) for index in pick.frames]
    boxes, landmarks = pick.track.at(pick.frames)
    times = tuple(round(frame.time, 6) for frame in frames)
    speech = None
    if pick.speech is not None:
        speech = cut_speech(pick.speech[0], footage.small, pick.speech[1], info, audio, detector)
    near = (pick.track.frames >= pick.reference[0]) & (pick.track.frames <= pick.reference[-1])
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
        format=None if pick.format == _format_of(source) else pick.format,
    )
    qps = [frame.qp for frame in frames if frame.qp is not None and plan.side_data]
    motions = [frame.motion for frame in frames if frame.motion is not None and plan.side_data and plan.motion]
    start, stop = _span(times, info.fps)
    heard = audio is not None and stop - start <= LONGEST_AUDIO
    y = np.stack([frame.y for frame in frames])
    return Clip(
        source,
        header,
        y=y,
        u=np.stack([frame.u for frame in frames]),
        v=np.stack([frame.v for frame in frames]),
        qp=np.stack(qps) if len(qps) == len(frames) else None,
        motion=np.stack(motions) if len(motions) == len(frames) else None,
        audio=audio.between(start, stop) if audio is not None and heard else None,
        speech=speech,
        landmarks=None if detector is None else _landmarks(detector, y, landmarks, pick),
    )


def _landmarks(detector: FaceDetector, y: NDArray[np.uint8], five: Floats, pick: Pick) -> NDArray[np.int16]:
    """Dense landmarks as :attr:`dfcore.data.clips.Clip.landmarks` has them, found in the clip's own window."""
    left, top, width, height = pick.window
    turn = (pick.format.rotation, 1.0, width, height)
    upright = np.rot90(y, -(pick.format.rotation // 90), axes=(1, 2))
    found = landmarks_of(detector, list(upright), to_upright(five - (left, top), *turn))
    return to_stored(points_to_coded(found, *turn), (width / 2, height / 2))


def _format_of(source: SourceHeader) -> FrameFormat:
    return FrameFormat(source.width, source.height, source.colour_range, source.colour_matrix, source.rotation)


def _span(times: Sequence[float], fps: float) -> tuple[float, float]:
    """The seconds from a clip's first frame to the end of its last."""
    return times[0], times[-1] + frame_period(times, fps)
