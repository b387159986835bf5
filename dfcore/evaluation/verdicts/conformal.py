"""Verdicts with a promised false-alarm rate: split-conformal tests against the validation videos.

Two hypotheses are tested for a video with margin s, each at level alpha (Vovk, Gammerman and Shafer 2005):

- "it is genuine", with ``p_value_real = (1 + #{genuine validation videos with a margin >= s}) / (n_real + 1)``;
- "it is fake", with ``p_value_fake = (1 + #{fake validation videos with a margin <= s}) / (n_fake + 1)``.

A genuine video that is exchangeable with the genuine validation videos has ``p_value_real <= alpha`` with probability
at most alpha, whatever the distribution of the scores. So:

=====================  =====================  ===============================================
genuine rejected       fake rejected          verdict
=====================  =====================  ===============================================
yes                    no                     ``fake``
no                     yes                    ``real``
no                     no                     ``uncertain``: such scores occur in both classes
yes                    yes                    ``uncertain``: such scores occur in neither
=====================  =====================  ===============================================

The last row costs a perfect detector nothing where its scores have been seen, and keeps it from a verdict in the gap
between the classes, where no validation video ever was. Both promises hold, for uncertain is never a false alarm.

Several videos of one person are alike, so a hundred videos of ten people tell as little of an eleventh person as ten
videos do. Where identities are known, each one weighs 1, shared among its videos, and ``n`` above is the number of
identities: ``(1 + sum over identities of the share of its videos with a margin >= s) / (n + 1)``. That keeps the
promise for a video of a *new* person (Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical
data"); with one video of each it is the formula above.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, LABEL_NAMES, REAL
from dfcore.errors import CheckpointError, DataError, UsageError
from dfcore.evaluation.metrics.intervals import group_numbers
from dfcore.evaluation.metrics.scores import check_labels, check_margins

__all__ = ["POOLED", "ConformalVerdicts", "Verdict", "enough", "needed"]

POOLED = "all classes"
"""The name under which the videos of all classes together stand."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_KINDS = {"real": REAL, "fake": FAKE}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one video.

    Attributes:
        verdict: ``fake``, ``real`` or ``uncertain``.
        reason: why it is that, in words.
        p_value_real: how rare so high a score is among genuine videos. *Not* the probability that it is real.
        p_value_fake: how rare so low a score is among fakes. *Not* the probability that it is fake.
        real_class, fake_class: the class of validation videos that each was taken from.
        n_real, n_fake: how many videos that class had.
        real_identities, fake_identities: of how many people; as many where identities are not known.
        alpha: the promised rate.
        statement: what the verdict rests on, in words.
    """

    verdict: Literal["fake", "real", "uncertain"]
    reason: str
    p_value_real: float
    p_value_fake: float
    real_class: str
    fake_class: str
    n_real: int
    n_fake: int
    real_identities: int
    fake_identities: int
    alpha: float
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """The verdict as ``json`` takes it."""
        return asdict(self)


def enough(n: int, alpha: float) -> bool:
    """Whether ``n`` identities can reject at level ``alpha`` at all: the lowest p-value is ``1 / (n + 1)``."""
    return 1 / (n + 1) <= alpha


def needed(alpha: float) -> int:
    """How many identities are :func:`enough`."""
    return int(np.ceil(1 / alpha - 1 - 1e-9))


class _Reference:
    """Scores that a new one is compared with, rising, and the identity of each."""

    def __init__(self, scores: Floats, groups: Ints) -> None:
        order = np.argsort(scores, kind="stable")
        self.scores, self.groups = scores[order], groups[order]
        _, place, count = np.unique(self.groups, return_inverse=True, return_counts=True)
        self.identities = len(count)
        # Sums from either end: with one video of each identity they are whole numbers, and exact.
        weight = 1 / count[place] if len(count) else np.zeros(0)
        self._from_above = np.append(np.cumsum(weight[::-1])[::-1], 0.0)
        self._from_below = np.append(0.0, np.cumsum(weight))

    def __len__(self) -> int:
        return len(self.scores)

    def p_value(self, margin: float, *, high: bool) -> float:
        """How rare so high (or so low) a score is among them."""
        if high:
            as_extreme = self._from_above[int(np.searchsorted(self.scores, margin, "left"))]
        else:
            as_extreme = self._from_below[int(np.searchsorted(self.scores, margin, "right"))]
        return (1 + float(as_extreme)) / (self.identities + 1)


class ConformalVerdicts:
    """Verdicts at one false-alarm rate, from the scores of the validation videos.

    A class is any condition known before the video is scored (``"h264 crf 23"``). Each class is judged by its own
    validation videos where there are enough of them for ``alpha``, and by those of all classes together otherwise:
    the promise then holds on average over the mix of classes in the validation set, not for each.

    Args:
        label: ``[N]``, 0 real, 1 fake.
        margin: ``[N]``, log-odds of "fake" or any score that rises with it.
        classes: ``[N]``, each video's class; None for one class. Like the score's model, they must not be chosen by
            looking at these scores.
        groups: ``[N]``, each video's identity; None where it is not known, and the video then stands for itself.
        alpha: the false-alarm rate to promise, likewise the rate of fakes called real.

    Raises:
        DataError: a label is not 0 or 1, a margin is not a finite number, or the sizes differ.
        UsageError: ``alpha`` is not between 0 and 0.5.
    """

    def __init__(
        self,
        label: ArrayLike,
        margin: ArrayLike,
        classes: Sequence[str] | None = None,
        *,
        groups: Sequence[Hashable] | NDArray | None = None,
        alpha: float = 0.01,
    ) -> None:
        labels = check_labels(label)
        margins = check_margins(margin, len(labels))
        if classes is not None and len(classes) != len(labels):
            raise DataError(f"expected {len(labels)} classes, one for each video; found {len(classes)}")
        names = np.array([POOLED] * len(labels) if classes is None else [str(name) for name in classes], object)
        numbers = group_numbers(groups, len(labels))
        parts: dict[str, dict[str, tuple[Floats, Ints]]] = {}
        for name in sorted(set(names)):
            chosen = {kind: (names == name) & (labels == value) for kind, value in _KINDS.items()}
            parts[name] = {kind: (margins[rows], numbers[rows]) for kind, rows in chosen.items()}
        self._set(parts, alpha)

    def _set(self, parts: Mapping[str, Mapping[str, tuple[Floats, Ints]]], alpha: float) -> None:
        if not 0 < alpha < 0.5:
            raise UsageError(f"alpha, the false-alarm rate to promise, must be above 0 and below 0.5; found {alpha}")
        self.alpha = alpha
        self._scores = {name: {kind: _Reference(*of[kind]) for kind in _KINDS} for name, of in parts.items()}
        nothing = np.zeros(0), np.zeros(0, np.int64)
        self._pooled = {
            kind: _Reference(*map(np.concatenate, zip(nothing, *(of[kind] for of in parts.values()), strict=True)))
            for kind in _KINDS
        }

    def judge(self, margin: float, in_class: str | None = None) -> Verdict:
        """The verdict on a video with this margin, of this class.

        A class that the validation set has not (or None) is judged by all classes together.

        Raises:
            DataError: the margin is not a finite number.
        """
        if not np.isfinite(margin):
            raise DataError(f"the margin is {margin}, not a finite number: there is nothing to judge")
        real_class, reals = self._reference("real", in_class)
        fake_class, fakes = self._reference("fake", in_class)
        p_real, p_fake = reals.p_value(margin, high=True), fakes.p_value(margin, high=False)
        verdict, reason = self._decide(p_real <= self.alpha, p_fake <= self.alpha)
        return Verdict(
            verdict,
            reason,
            p_real,
            p_fake,
            real_class,
            fake_class,
            len(reals),
            len(fakes),
            reals.identities,
            fakes.identities,
            self.alpha,
            self.statement(in_class),
        )

    def fake_threshold(self, in_class: str | None = None) -> float | None:
        """The lowest margin at which "it is genuine" is rejected for a video of this class; None where it never is."""
        _, reals = self._reference("real", in_class)
        above = (float(np.nextafter(score, np.inf)) for score in reals.scores)
        return next((margin for margin in above if reals.p_value(margin, high=True) <= self.alpha), None)

    def _decide(self, not_real: bool, not_fake: bool) -> tuple[Literal["fake", "real", "uncertain"], str]:
        rate = f"{self.alpha:.2%}".replace(".00", "")
        if not_real and not_fake:
            return "uncertain", f"at most {rate} of real videos score so high, and at most {rate} of fakes so low"
        if not_real:
            return "fake", f"at most {rate} of real videos score so high"
        if not_fake:
            return "real", f"at most {rate} of fakes score so low"
        return "uncertain", "such scores occur among real videos and among fakes, or there are too few to tell"

    def counts(self, label: int) -> tuple[int, int]:
        """Validation videos with this label, of all classes together, and how many identities they have."""
        reference = self._pooled[LABEL_NAMES[label]]
        return len(reference), reference.identities

    def statement(self, in_class: str | None = None) -> str:
        """What a verdict on a video of this class promises, what it rests on, and what it cannot promise."""
        parts = [self._promise("real", "fake", in_class), self._promise("fake", "real", in_class)]
        basis = "The video must be as if drawn at random with those validation videos: same kind of source and fake."
        return " ".join([*parts, basis])

    def _promise(self, kind: str, verdict: str, in_class: str | None) -> str:
        name, reference = self._reference(kind, in_class)
        n, people, rate = len(reference), reference.identities, f"{self.alpha:.2%}".replace(".00", "")
        of = "" if people == n else f" of {people} {'identity' if people == 1 else 'identities'}"
        if not enough(people, self.alpha):
            what = "" if people == n else " identities"
            return (
                f"'{verdict}' is never said: a rate of {rate} cannot be promised with {n} {kind} validation videos{of} "
                f"({needed(self.alpha)}{what} are needed)."
            )
        where = "" if name == POOLED else f" of class {name}"
        average = ""
        if name == POOLED and (len(self._scores) > 1 or in_class not in (None, *self._scores)):
            average = ", on average over the classes of the validation set, not for each of them"
        return f"'{verdict}' is said of at most {rate} of {kind} videos, by {n} validation videos{where}{of}{average}."

    def _reference(self, kind: str, in_class: str | None) -> tuple[str, _Reference]:
        own = self._scores.get(in_class, {}).get(kind) if in_class is not None else None
        if own is not None and enough(own.identities, self.alpha):
            return str(in_class), own
        return POOLED, self._pooled[kind]

    def to_dict(self) -> dict[str, Any]:
        """What :meth:`from_dict` takes: the sorted scores of each class, and a number for each one's identity."""

        def lists(of: str) -> dict[str, Any]:
            return {
                name: {kind: getattr(both[kind], of).tolist() for kind in _KINDS} for name, both in self._scores.items()
            }

        return {"alpha": self.alpha, "scores": lists("scores"), "groups": lists("groups")}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ConformalVerdicts:
        """What :meth:`to_dict` gave.

        Raises:
            CheckpointError: it is not that, or a score in it is not a finite number.
        """
        made = cls.__new__(cls)
        try:
            parts = {}
            for name, of in stored["scores"].items():
                scores = {kind: check_margins(of[kind], len(of[kind])) for kind in _KINDS}
                groups = {kind: _identities(stored["groups"][name][kind], len(of[kind])) for kind in _KINDS}
                parts[str(name)] = {kind: (scores[kind], groups[kind]) for kind in _KINDS}
            made._set(parts, float(stored["alpha"]))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, DataError, UsageError) as error:
            raise CheckpointError(f"not stored conformal scores: {error}. Calibrate again.") from error
        return made


def _identities(stored: Any, n: int) -> Ints:
    numbers = np.asarray(stored if n else np.zeros(0, np.int64))
    if numbers.shape != (n,) or numbers.dtype.kind != "i":
        raise ValueError(f"expected {n} whole numbers, one for each score's identity; found {numbers.shape}")
    return numbers.astype(np.int64)
