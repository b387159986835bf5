"""What was learnt of one score on validation videos, and what follows from it for a new video.

The score may be a specialist's margin or an ensemble's fused likelihood ratio: the rules are learnt and applied alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.metrics.scores import check_labels, check_margins, margin_of, probability_of
from dfcore.evaluation.verdicts.calibration import Calibration, choose_calibration
from dfcore.evaluation.verdicts.conformal import ConformalVerdicts, enough, needed
from dfcore.evaluation.verdicts.operating_points import OperatingPoint, choose_operating_points
from dfcore.evaluation.verdicts.stored import take

__all__ = ["ALPHA", "JudgedScore", "VerdictRules", "check_alpha", "class_key"]

ALPHA = 0.01
"""The false-alarm rate that is promised where nobody says otherwise."""


def check_alpha(alpha: float) -> None:
    """Refuse a false-alarm rate that cannot be promised whatever the number of videos.

    Raises:
        UsageError: it is not between 0 and 0.5.
    """
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha, the false-alarm rate to promise, must be above 0 and below 0.5; found {alpha}")


def class_key(compression: str = "", codec: str = "") -> str:
    """The class that a video is judged in: its codec, then the dataset's own name of its compression.

    ``("c23", "h264")`` is ``"h264 c23"``; a file of which only the codec is known is ``"h264"``. Both are known before
    a video is scored, as the promise demands.
    """
    return " ".join(part for part in (codec, compression) if part) or "unknown codec"


@dataclass(frozen=True, slots=True)
class JudgedScore:
    """A score, and what it is worth.

    Attributes:
        verdict: ``fake``, ``real`` or ``uncertain``.
        reason: why it is that, in words.
        margin: the score that was judged: log-odds of "fake", uncalibrated.
        log_likelihood_ratio: ``ln P(score | fake) / P(score | real)``, no further from 0 than the validation videos can
            bear out.
        capped: whether it is as far from 0 as they can bear out: read "at least" (or "at most").
        probability: P(fake), if a share ``prior`` of such videos is fake; from the capped ratio.
        prior: that share.
        p_value_real: how rare so high a score is among genuine videos. *Not* the probability that it is real.
        p_value_fake: how rare so low a score is among fakes. *Not* the probability that it is fake.
        statement: what the verdict promises and rests on, in words.
    """

    verdict: str
    reason: str
    margin: float
    log_likelihood_ratio: float
    capped: bool
    probability: float
    prior: float
    p_value_real: float
    p_value_fake: float
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """As ``json`` takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """Calibration, operating points and conformal verdicts of one score.

    Attributes:
        calibration: from the score to a likelihood ratio.
        operating_points: by name; {} unless the validation videos are of both classes.
        conformal: from the score to a verdict.
    """

    calibration: Calibration
    operating_points: Mapping[str, OperatingPoint]
    conformal: ConformalVerdicts

    @classmethod
    def fit(
        cls,
        label: ArrayLike,
        margin: ArrayLike,
        *,
        groups: Sequence[Hashable] | NDArray | None = None,
        classes: Sequence[str] | None = None,
        alpha: float = ALPHA,
        seed: int = 0,
    ) -> VerdictRules:
        """Learn all three from validation videos.

        Args:
            label: ``[N]``, 0 real, 1 fake; N may be 0.
            margin: ``[N]``, log-odds of "fake".
            groups: each video's identity, None where it is not known.
            classes: each video's class; see :func:`class_key`.
            alpha: the false-alarm rate to promise.
            seed: of the cross-validation's folds.

        Raises:
            DataError: a label is not 0 or 1, a margin is not a finite number, or the sizes differ.
            UsageError: ``alpha`` is not between 0 and 0.5.
        """
        labels = check_labels(np.asarray(label, np.int64))
        margins = check_margins(margin, len(labels))
        return cls(
            choose_calibration(labels, margins, groups, seed=seed),
            choose_operating_points(labels, margins) if len(labels) else {},
            ConformalVerdicts(labels, margins, classes, groups=groups, alpha=alpha),
        )

    def judge(self, margin: float, in_class: str | None = None, *, prior: float = 0.5) -> JudgedScore:
        """What a score says of a new video.

        Args:
            margin: log-odds of "fake".
            in_class: from :func:`class_key`; one that the validation set has not is judged by all classes together.
            prior: the share of fakes among such videos, before this one's score is seen.

        Raises:
            DataError: the margin is not a finite number.
            UsageError: ``prior`` is not between 0 and 1.
        """
        if not 0 < prior < 1:
            raise UsageError(f"the prior share of fakes must be above 0 and below 1; found {prior}")
        found = self.conformal.judge(margin, in_class)
        ratio = float(self.calibration.log_likelihood_ratio(margin))
        low, high = self.calibration.supported
        kept = min(max(ratio, low), high)
        return JudgedScore(
            verdict=found.verdict,
            reason=found.reason,
            margin=float(margin),
            log_likelihood_ratio=kept,
            capped=not low < ratio < high,
            probability=float(probability_of(kept + margin_of(prior))),
            prior=prior,
            p_value_real=found.p_value_real,
            p_value_fake=found.p_value_fake,
            statement=found.statement,
        )

    def summary(self) -> str:
        """In a line: the calibration, and what cannot be promised."""
        calibration = self.calibration
        n_real, n_fake = calibration.n_real, calibration.n_fake
        if calibration.note is not None:
            parts = [f"none: {n_real} real and {n_fake} fake validation videos are too few"]
        else:
            before, after = calibration.log_loss["identity"], calibration.log_loss[calibration.kind]
            parts = [
                f"{calibration.kind} by {n_real} real and {n_fake} fake validation videos, log-loss {before:.3f} -> "
                f"{after:.3f} nats"
            ]
        return "; ".join([*parts, *self.shortfalls()])

    def shortfalls(self) -> list[str]:
        """What cannot be promised with so few videos, in words; [] where all can."""
        alpha, found = self.conformal.alpha, []
        rate = f"{alpha:.2%}".replace(".00", "").replace("%", " %")
        for label, kind, what in ((REAL, "genuine", "false alarms"), (FAKE, "fake", "missed fakes")):
            videos, people = self.conformal.counts(label)
            if not enough(people, alpha):
                of = "" if people == videos else f" of {people} identities"
                found.append(
                    f"{rate} {what} cannot be promised with {videos} {kind} videos{of} ({needed(alpha)} are needed)"
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """What :meth:`from_dict` takes."""
        return {
            "calibration": self.calibration.to_dict(),
            "operating_points": {name: point.to_dict() for name, point in self.operating_points.items()},
            "conformal": self.conformal.to_dict(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> VerdictRules:
        """What :meth:`to_dict` gave; other keys are ignored.

        Raises:
            CheckpointError: it is not that.
        """
        points = take(stored, "operating_points", dict)
        made = cls(
            Calibration.from_dict(take(stored, "calibration", dict)),
            {name: OperatingPoint.from_dict(take(points, name, dict)) for name in points},
            ConformalVerdicts.from_dict(take(stored, "conformal", dict)),
        )
        wrong = [name for name, point in made.operating_points.items() if point.name != name]
        if wrong:
            raise CheckpointError(f"the operating point {wrong[0]!r} has another name. Calibrate again.")
        return made
