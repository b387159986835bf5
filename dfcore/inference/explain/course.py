"""A score's course through a video: the margin of clips along it, and the stretches that are called forged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from dfcore.data.clip_plan import REFERENCE
from dfcore.data.clips import Clip
from dfcore.data.prepare.along import spans_along
from dfcore.data.samples import spread
from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.inference.explanation import Moment, Span
from dfcore.inference.judging import read_batch, specialists_code, usable_clips
from dfcore.inference.models import Member
from dfcore.models.findings import measured

__all__ = ["ClipValue", "Timeline", "clip_value", "spans_of", "stretches_of", "threshold_of"]

SAMPLES = 2
"""Samples of a clip along the video."""
FALLBACK = "false_alarms_5"
"""The operating point that spans are called by where the conformal rule has too few videos for one."""


@dataclass(frozen=True, slots=True)
class ClipValue:
    """What a specialist makes of one clip: the margin, None where it abstains, and its plugin's numbers."""

    margin: float | None
    numbers: Mapping[str, float] = field(default_factory=dict)


def clip_value(member: Member, clip: Clip, device: str) -> ClipValue:
    """What the specialist makes of one clip.

    Args:
        member: the specialist.
        clip: of a job that serves its plan.
        device: where it is.

    Raises:
        DataError: the margin is not a finite number.
        PluginError: the specialist's code raised something.
    """
    with specialists_code(member), torch.inference_mode():
        usable, _ = usable_clips(member, [clip])
        if not usable:
            return ClipValue(None)
        draws = spread([len(usable[0].header.frames)], SAMPLES, member.model.spec.frames)
        views = read_batch(member, usable, draws, device)
        logits = member.model(views).logits.float().cpu().double()
        margin = float((logits[:, 1] - logits[:, 0]).mean())
        if not math.isfinite(margin):
            raise DataError(f"the score of {member.label} at {clip.header.times[0]:.1f} s is not a finite number.")
        means = {
            name: float(np.nanmean(values))
            for name, values in measured(member.model, views).items()
            if not np.isnan(values).all()
        }
        return ClipValue(margin, means)


class Timeline:
    """Which stretch of the video each clip along it stands for: equal parts, the clips in their middles.

    Args:
        frame_count: the video's.
        fps: its frames a second.
        every: seconds from one clip to the next, as they were asked for.
        frames: that a clip has.
    """

    def __init__(self, frame_count: int, fps: float, every: float, frames: int = REFERENCE) -> None:
        self.frame_count, self.fps = frame_count, max(fps, 1e-3)
        self.count = max(1, len(spans_along(frame_count, fps, every, frames)))
        self._known: dict[int, float] = {}
        self._values: dict[int, ClipValue] = {}

    def add(self, clip: Clip, value: ClipValue) -> None:
        """A clip's value, at its place."""
        frames, times = clip.header.frames, clip.header.times
        middle = len(frames) // 2
        self._known.update({frames[0]: times[0], frames[-1]: times[-1]})
        place = min(self.count - 1, frames[middle] * self.count // max(self.frame_count, 1))
        self._values[place] = value

    def time(self, frame: float) -> float:
        """When a frame is shown, by those that are known."""
        if not self._known:
            return frame / self.fps
        frames = sorted(self._known)
        times = [self._known[one] for one in frames]
        if frame < frames[0]:
            return max(0.0, times[0] - (frames[0] - frame) / self.fps)
        if frame > frames[-1]:
            return times[-1] + (frame - frames[-1]) / self.fps
        return float(np.interp(frame, frames, times))

    def moments(self) -> tuple[Moment, ...]:
        """The margins in order; a place without a clip of the person is left out. A photo has no course."""
        if self.frame_count < 2:
            return ()
        return tuple(Moment(*self._edges(place), value.margin) for place, value in sorted(self._values.items()))

    def numbers(self, name: str) -> list[tuple[float, float, float]]:
        """``(start, end, value)`` of one of the plugin's numbers, in order."""
        if self.frame_count < 2:
            return []
        return [
            (*self._edges(place), value.numbers[name])
            for place, value in sorted(self._values.items())
            if name in value.numbers
        ]

    def _edges(self, place: int) -> tuple[float, float]:
        low, high = (self.time(k * self.frame_count / self.count) for k in (place, place + 1))
        return round(low, 3), round(high, 3)


def spans_of(moments: Sequence[Moment], threshold: float | None) -> tuple[Span, ...]:
    """The stretches whose moments all have a margin of at least ``threshold``; () where that is None.

    A moment without a margin ends a span: nothing was judged there.
    """
    if threshold is None:
        return ()
    values = [(one.start, one.end, one.margin) for one in moments if one.margin is not None]
    return tuple(
        Span(start, end, sum(held) / len(held))
        for start, end, held in stretches_of(values, lambda margin: margin >= threshold)
    )


def stretches_of(
    values: Sequence[tuple[float, float, float]], wanted: Callable[[float], bool]
) -> list[tuple[float, float, list[float]]]:
    """Neighbouring ``(start, end, value)`` that are wanted, joined: start, end and their values."""
    found: list[tuple[float, float, list[float]]] = []
    for start, end, value in values:
        if not wanted(value):
            continue
        if found and abs(found[-1][1] - start) < 1e-3:
            found[-1] = (found[-1][0], end, [*found[-1][2], value])
        else:
            found.append((start, end, [value]))
    return found


def threshold_of(member: Member, in_class: str | None) -> tuple[float | None, str]:
    """The margin from which on a moment is called forged, and where it is from, in words.

    That at which the specialist's own conformal rule rejects "genuine" for a video of this class; where there are too
    few genuine videos for its rate, the operating point for 5 % false alarms. Both are promises for videos, not for
    moments: there are many moments in a video.
    """
    path = calibration_path(member.path)
    try:
        rules = CalibrationFile.read(path, member.hash).rules
    except CheckpointError as error:
        why = f"it is not calibrated (dfcore calibrate {member.path})" if not path.is_file() else str(error)
        return None, f"no moment is called forged: {why}"
    margin, alpha = rules.conformal.fake_threshold(in_class), rules.conformal.alpha
    if margin is not None:
        return margin, f"at most {alpha:.2%} of genuine validation videos have such a margin".replace(".00", "")
    point = rules.operating_points.get(FALLBACK)
    if point is None:
        return None, "no moment is called forged: there were too few validation videos for any threshold"
    few = f", above all {point.n_real} of them" if point.false_alarm_rate == 0 else ""
    return point.threshold, f"at most 5% of genuine validation videos reach it{few}"
