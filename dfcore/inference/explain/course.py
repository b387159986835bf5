"""A score's course through a video: the margin of clips along it, and the stretches that are called forged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from dfcore.data.clips import Clip
from dfcore.data.clips.plan import REFERENCE
from dfcore.data.prepare.along import spans_along
from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.inference.explanation import Moment, Span
from dfcore.inference.judging import read_batch, samples_of, specialists_code
from dfcore.inference.models import Member
from dfcore.models.findings import measured

__all__ = ["ClipValue", "Timeline", "clip_value", "spans_of", "stretches_of", "threshold_of"]

SAMPLES = 2
"""Samples of a clip along the video."""
TOUCH = 1e-3
"""Seconds between two moments that count as neighbours."""
LEAST_MOMENTS = 8
"""Moments without which their noise cannot be told from real changes: then every one at the threshold is forged."""
MEDIAN = 0.6745
"""Half of the draws from a normal distribution are nearer to its mean than so many standard deviations."""
SHARE = 0.7
"""Of the largest of n draws: in simulated courses of 10 to 30 moments it found more spans than 1 and 0."""
FALLBACK = "false_alarms_5"
"""The operating point that spans are called by where the conformal rule has too few videos for one."""
LEAST_GENUINE = 9
"""Genuine validation videos without which that says too little: above n of them lies 1 in n + 1 of the genuine ones."""


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
        draws, _ = samples_of(member, [clip], SAMPLES)
        if not draws:
            return ClipValue(None)
        views = read_batch(member, draws, device)
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
    """The stretches of neighbouring moments that are called forged; () where ``threshold`` is None.

    Of all ways to call some stretches forged, that with the largest sum of their margins above the threshold, less a
    price for each stretch: so a stretch goes on through a moment that falls a little short, and a moment that is hardly
    above the threshold is none by itself. The price is about what noise alone would gain: a share of the margins'
    standard deviation from one moment to the next times ``sqrt(2 ln n)``, the largest of n normal draws (the threshold
    of Donoho and Johnstone, Biometrika 1994). Where neighbouring margins are alike, and of a few moments, it is
    nothing, and the moments from the threshold on are the stretches.

    A moment without a margin ends a span: nothing was judged there.
    """
    if threshold is None:
        return ()
    values = [(one.start, one.end, one.margin) for one in moments if one.margin is not None]
    price, found = _price([margin for _, _, margin in values]), list[Span]()
    for part in _unbroken(values):
        forged = _forged([margin - threshold for _, _, margin in part], price)
        called = [value for value, on in zip(part, forged, strict=True) if on]
        found += [Span(start, end, sum(held) / len(held)) for start, end, held in stretches_of(called, lambda _: True)]
    return tuple(found)


def _unbroken(values: Sequence[tuple[float, float, float]]) -> Iterator[list[tuple[float, float, float]]]:
    """Runs of moments of which each begins where the one before ends."""
    held: list[tuple[float, float, float]] = []
    for value in values:
        if held and abs(held[-1][1] - value[0]) >= TOUCH:
            yield held
            held = []
        held.append(value)
    if held:
        yield held


def _price(margins: Sequence[float]) -> float:
    """What noise alone would gain; by the median step from one margin to the next, for real changes are few."""
    if len(margins) < LEAST_MOMENTS:
        return 0.0
    spread = float(np.median(np.abs(np.diff(margins)))) / (MEDIAN * math.sqrt(2))
    return SHARE * spread * math.sqrt(2 * math.log(len(margins)))


def _forged(gains: Sequence[float], price: float) -> list[bool]:
    """Which of neighbouring moments are called forged (Viterbi's way through two states).

    Args:
        gains: what calling each forged adds; calling it genuine adds nothing.
        price: of each stretch.
    """
    genuine, forged = 0.0, -price
    came: list[tuple[bool, bool]] = []
    for gain in gains:
        # On equal terms forged is taken: a moment at the threshold itself is called so.
        came.append((forged >= genuine, forged >= genuine - price))
        genuine, forged = max(genuine, forged), max(forged, genuine - price) + gain
    found, on = [], forged >= genuine
    for of_genuine, of_forged in reversed(came):
        found.append(on)
        on = of_forged if on else of_genuine
    return found[::-1]


def stretches_of(
    values: Sequence[tuple[float, float, float]], wanted: Callable[[float], bool]
) -> list[tuple[float, float, list[float]]]:
    """Neighbouring ``(start, end, value)`` that are wanted, joined: start, end and their values."""
    found: list[tuple[float, float, list[float]]] = []
    for start, end, value in values:
        if not wanted(value):
            continue
        if found and abs(found[-1][1] - start) < TOUCH:
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
    if point.n_real < LEAST_GENUINE:
        return (
            None,
            f"no moment is called forged: {point.n_real} genuine validation videos, and it takes {LEAST_GENUINE}",
        )
    few = f", above all {point.n_real} of them" if point.false_alarm_rate == 0 else ""
    return point.threshold, f"at most 5% of genuine validation videos reach it{few}"
