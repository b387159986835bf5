"""Thresholds chosen on validation videos for a stated aim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import CheckpointError
from dfcore.evaluation.metrics.scores import VideoScores, check_labels, check_margins
from dfcore.evaluation.verdicts.stored import only, take

__all__ = ["AIMS", "OperatingPoint", "choose_operating_points", "threshold_at"]

Floats = NDArray[np.float64]

AIMS: Mapping[str, float | None] = {"equal_error": None, "false_alarms_1": 0.01, "false_alarms_5": 0.05}
"""Name of each operating point and the share of real videos that it may call fake (None: as many as fakes missed)."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and what it did on the validation videos.

    Attributes:
        name: ``equal_error``, ``false_alarms_1``, ``false_alarms_5``.
        aim: the share of real videos that may be called fake; None for equal error.
        threshold: a margin; a video whose margin is at least this is called fake.
        false_alarm_rate: the share of the real validation videos that it calls fake.
        detection_rate: the share of the fake ones.
        n_real, n_fake: how many there were.
        note: what the numbers cannot bear out, in words.
    """

    name: str
    aim: float | None
    threshold: float
    false_alarm_rate: float
    detection_rate: float
    n_real: int
    n_fake: int
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The operating point as ``json`` takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> OperatingPoint:
        """What :meth:`to_dict` gave.

        Raises:
            CheckpointError: it is not an operating point.
        """
        try:
            only(stored, cls)
            made = cls(
                take(stored, "name", str),
                take(stored, "aim", float, None),
                **{name: take(stored, name, float) for name in ("threshold", "false_alarm_rate", "detection_rate")},
                **{name: take(stored, name, int) for name in ("n_real", "n_fake")},
                note=take(stored, "note", str, None),
            )
        except CheckpointError as error:
            raise CheckpointError(f"not a stored operating point: {error}. Calibrate again.") from error
        if not np.isfinite(made.threshold):
            raise CheckpointError(f"the threshold of {made.name!r} is not a finite number. Calibrate again.")
        return made


def choose_operating_points(label: ArrayLike, margin: ArrayLike) -> dict[str, OperatingPoint]:
    """The operating points of :data:`AIMS`, by name; {} unless both classes are there.

    A threshold lies halfway between two neighbouring observed scores, so that a rounding error moves no video across.

    Args:
        label: ``[N]``, 0 real, 1 fake.
        margin: ``[N]``, log-odds of "fake" or any score that rises with it.

    Raises:
        DataError: a label is not 0 or 1, or a margin is not a finite number.
    """
    videos = VideoScores(label, margin)
    lowest = videos.equal_error_threshold()
    if lowest is None:
        return {}
    found = {}
    for name, aim in AIMS.items():
        threshold = _below(videos.margin, lowest) if aim is None else threshold_at(videos.label, videos.margin, aim)
        called = videos.margin >= threshold
        found[name] = OperatingPoint(
            name,
            aim,
            threshold,
            float(called[videos.label == REAL].mean()),
            float(called[videos.label == FAKE].mean()),
            videos.n_real,
            videos.n_fake,
            _note(aim, videos.n_real),
        )
    return found


def threshold_at(label: ArrayLike, margin: ArrayLike, false_alarms: float) -> float:
    """The lowest threshold at which at most a share ``false_alarms`` of the real videos is called fake.

    There must be a real video. With fewer than ``1 / false_alarms`` of them it lies above them all.
    """
    labels = check_labels(label)
    margins = check_margins(margin, len(labels))
    reals = np.sort(margins[labels == REAL])[::-1]
    # The share is compared as a quotient: 1 of 100 is exactly 0.01 in floating point, 0.01 * 100 need not be 1.
    allowed = int((np.arange(1, len(reals) + 1) / len(reals) <= false_alarms).sum())
    if allowed == len(reals):
        return _below(margins, float(margins.min()))
    return _above(margins, float(reals[allowed]))


def _above(margins: Floats, score: float) -> float:
    """Between ``score`` and the next higher one; just above it where there is none."""
    higher = margins[margins > score]
    return _between(score, float(higher.min())) if len(higher) else float(np.nextafter(score, np.inf))


def _below(margins: Floats, score: float) -> float:
    """Between ``score`` and the next lower one; the score itself where there is none."""
    lower = margins[margins < score]
    return _between(float(lower.max()), score) if len(lower) else score


def _between(low: float, high: float) -> float:
    """A number above ``low`` and not above ``high``: of two neighbouring floats the midpoint may be the lower."""
    middle = low + (high - low) / 2
    return middle if middle > low else high


def _note(aim: float | None, n_real: int) -> str | None:
    if aim is None or 1 / (n_real + 1) <= aim:
        return None
    return (
        f"{n_real} real validation videos are too few for a false-alarm rate of {aim:.0%}: at least "
        f"{int(np.ceil(1 / aim - 1 - 1e-9))} are needed. The threshold lies above all of them; "
        f"expect up to 1 false alarm in {n_real + 1}."
    )
