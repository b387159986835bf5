"""From a raw margin to a likelihood ratio and a probability at a stated prior, learnt from validation scores alone.

Every calibration is fitted with the two classes weighing the same, whatever their numbers in the validation set. Its
log-odds are then those at even prior odds, and that *is* the log likelihood ratio: the posterior log-odds less the
prior log-odds of what it was fitted on, here 0 (Brümmer and du Preez 2006). So the figure does not depend on how many
manipulations of each original a dataset happens to hold, and it suits a network trained on balanced samples, which
temperature scaling, having no offset, could not correct for an uneven set.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import CheckpointError, DataError, UsageError
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.metrics.scores import check_labels, check_margins, margin_of, probability_of
from dfcore.evaluation.verdicts.stored import numbers, only, take

__all__ = ["KINDS", "Calibration", "balanced_log_loss", "choose_calibration", "fit_calibration"]

Floats = NDArray[np.float64]

KINDS = ("identity", "temperature", "platt", "isotonic")
"""From the simplest to the most flexible; of equally good ones the simplest is taken."""
MIN_VIDEOS = 10
"""Of each class; with fewer, nothing is fitted."""
_MAX_SLOPE = 100.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone function from margins to natural-log likelihood ratios.

    Attributes:
        kind: ``identity`` (the margin as it is), ``temperature`` (divided by a number), ``platt`` (times a slope, plus
            an offset; Platt 1999), ``isotonic`` (pool adjacent violators, joined by straight lines, constant outside).
        slope, offset: ``llr = slope * margin + offset``, for the first three.
        knots: rising margins and their ``llr``, for ``isotonic``.
        n_real, n_fake: how many validation videos it was fitted on.
        log_loss: cross-validated balanced log-loss of each kind that was tried, in nats (ln 2 = 0.693: worth nothing).
        note: why nothing better than ``identity`` was tried, if so.
    """

    kind: str = "identity"
    slope: float = 1.0
    offset: float = 0.0
    knots: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    n_real: int = 0
    n_fake: int = 0
    log_loss: Mapping[str, float] = field(default_factory=dict)
    note: str | None = None

    def log_likelihood_ratio(self, margin: ArrayLike) -> Floats:
        """``ln P(margin | fake) / P(margin | real)``, the shape of ``margin``."""
        x = np.asarray(margin, np.float64)
        if not np.isfinite(x).all():
            raise DataError("a margin is not a finite number: a video without a score has no likelihood ratio")
        if self.kind == "isotonic":
            return np.interp(x, *self.knots)
        return self.slope * x + self.offset

    def probability(self, margin: ArrayLike, prior: float = 0.5) -> Floats:
        """P(fake), where a share ``prior`` of such videos is thought to be fake before any score is seen.

        Raises:
            UsageError: ``prior`` is not between 0 and 1.
        """
        if not 0 < prior < 1:
            raise UsageError(f"the prior share of fakes must be above 0 and below 1; found {prior}")
        return probability_of(self.log_likelihood_ratio(margin) + margin_of(prior))

    @property
    def supported(self) -> tuple[float, float]:
        """The lowest and highest ``llr`` that the validation videos can bear out.

        With n real videos no score is known to be rarer among them than 1 in n + 1, so no ratio above n + 1 is.
        ``isotonic`` stays within; the others extrapolate, and a report should say "more than".
        """
        return -float(np.log(self.n_fake + 1)), float(np.log(self.n_real + 1))

    def to_dict(self) -> dict[str, Any]:
        """The calibration as ``json`` takes it."""
        return asdict(self) | {"knots": [list(axis) for axis in self.knots], "log_loss": dict(self.log_loss)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Calibration:
        """What :meth:`to_dict` gave.

        Raises:
            CheckpointError: it is not a calibration, or not a rising function.
        """
        try:
            only(stored, cls)
            x, y = (tuple(float(value) for value in axis) for axis in stored["knots"])
            counts = {name: take(stored, name, int) for name in ("n_real", "n_fake")}
            if min(counts.values()) < 0:
                raise CheckpointError(f"a number of videos is negative: {counts}")
            slope, offset = take(stored, "slope", float), take(stored, "offset", float)
            kind, note = take(stored, "kind", str), take(stored, "note", str, None)
            made = cls(kind, slope, offset, (x, y), **counts, log_loss=numbers(stored, "log_loss"), note=note)
        except (CheckpointError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"not a stored calibration: {error}. Calibrate again.") from error
        rising = np.isfinite([slope, offset, *x, *y]).all() and slope >= 0 and (np.diff(x) > 0).all()
        points = made.kind != "isotonic" or (len(x) == len(y) > 0 and (np.diff(y) >= 0).all())
        if made.kind not in KINDS or not rising or not points:
            raise CheckpointError(f"the stored calibration ({made.kind!r}) is not a rising function. Calibrate again.")
        return made


def balanced_log_loss(llr: ArrayLike, label: ArrayLike) -> float | None:
    """Mean log-loss in nats with each class weighing half; Cllr times ln 2. None unless both classes are there."""
    labels = check_labels(label)
    ratios = check_margins(llr, len(labels), "likelihood ratios")
    if len(np.unique(labels)) < 2:
        return None
    of_fakes = np.logaddexp(0.0, -ratios[labels == FAKE]).mean()
    of_reals = np.logaddexp(0.0, ratios[labels == REAL]).mean()
    return float((of_fakes + of_reals) / 2)


def choose_calibration(
    label: ArrayLike,
    margin: ArrayLike,
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    kinds: Sequence[str] = KINDS,
    folds: int = 5,
    seed: int = 0,
) -> Calibration:
    """The kind with the lowest cross-validated balanced log-loss, fitted on all videos.

    ``identity`` takes part: where nothing beats the raw margin, the raw margin is kept. Folds keep each group
    (identity) together. With fewer than ten videos of a class, or with all of one identity, nothing is fitted and
    ``note`` says so.

    Args:
        label: ``[N]``, 0 real, 1 fake.
        margin: ``[N]``, log-odds of "fake".
        groups: each video's identity, None where it is not known.
        kinds: those to choose from.
        folds: of the cross-validation, at most.
        seed: of the folds.

    Raises:
        DataError: a label is not 0 or 1, or a margin is not a finite number.
        UsageError: an unknown kind.
    """
    labels = check_labels(label)
    margins = check_margins(margin, len(labels))
    _check_kinds(kinds)
    n_real, n_fake = int((labels == REAL).sum()), int((labels == FAKE).sum())
    fold = fold_numbers(labels, groups, folds=folds, seed=seed) if min(n_real, n_fake) >= MIN_VIDEOS else None
    if fold is None:
        note = (
            f"not calibrated: {n_real} real and {n_fake} fake validation videos; at least {MIN_VIDEOS} of each class, "
            "of two identities or more, are needed. The raw margin is used as it is."
        )
        return Calibration(n_real=n_real, n_fake=n_fake, note=note)
    losses = {}
    for kind in sorted(kinds, key=KINDS.index):
        ratios = np.empty_like(margins)
        for i in np.unique(fold):
            ratios[fold == i] = fit_calibration(kind, labels[fold != i], margins[fold != i]).log_likelihood_ratio(
                margins[fold == i]
            )
        losses[kind] = balanced_log_loss(ratios, labels) or 0.0
    best = fit_calibration(min(losses, key=lambda kind: losses[kind]), labels, margins)
    return Calibration(best.kind, best.slope, best.offset, best.knots, n_real, n_fake, losses)


def fit_calibration(kind: str, label: ArrayLike, margin: ArrayLike) -> Calibration:
    """One kind of calibration, fitted on videos of both classes.

    Temperature and Platt use Platt's softened targets, (n + 1) / (n + 2) in place of 1, so that perfectly separated
    classes give a finite slope; a slope below 0 becomes 0 (such scores say nothing). Isotonic ratios are held within
    :attr:`Calibration.supported`: a step with no real video in it would be infinite.

    Raises:
        DataError: a class is missing, or a margin is not a finite number.
        UsageError: an unknown kind.
    """
    _check_kinds([kind])
    labels = check_labels(label)
    margins = check_margins(margin, len(labels))
    n_real, n_fake = int((labels == REAL).sum()), int((labels == FAKE).sum())
    if not (n_real and n_fake):
        raise DataError(f"a calibration needs videos of both classes; found {n_real} real and {n_fake} fake")
    if kind == "isotonic":
        return Calibration(kind, knots=_isotonic(labels, margins), n_real=n_real, n_fake=n_fake)
    slope, offset = (1.0, 0.0) if kind == "identity" else _logistic(labels, margins, with_offset=kind == "platt")
    return Calibration(kind, slope, offset, n_real=n_real, n_fake=n_fake)


def _logistic(labels: NDArray[np.int64], margins: Floats, *, with_offset: bool) -> tuple[float, float]:
    from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    n_real, n_fake = (labels == REAL).sum(), (labels == FAKE).sum()
    target = np.where(labels == FAKE, (n_fake + 1) / (n_fake + 2), 1 / (n_real + 2))
    weight = np.where(labels == FAKE, 0.5 / n_fake, 0.5 / n_real)
    # The optimiser sees margins of size 1 about 0, whatever the network's.
    centre = margins.mean() if with_offset else 0.0
    size = float(np.sqrt(np.mean((margins - centre) ** 2))) or 1.0
    x = (margins - centre) / size

    def loss(parameters: Floats) -> tuple[float, Floats]:
        odds = parameters[0] * x + (parameters[1] if with_offset else 0.0)
        value = weight @ (np.logaddexp(0.0, odds) - target * odds)
        slope = weight * (probability_of(odds) - target)
        return float(value), np.array([slope @ x, slope.sum()])[: len(parameters)]

    bounds = [(0.0, _MAX_SLOPE * size), (None, None)][: 1 + with_offset]
    start = np.array([min(1.0, _MAX_SLOPE * size), 0.0])[: 1 + with_offset]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9}).x
    slope = float(found[0]) / size
    return slope, (float(found[1]) - slope * float(centre) if with_offset else 0.0)


def _isotonic(labels: NDArray[np.int64], margins: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from sklearn.isotonic import isotonic_regression

    n_real, n_fake = int((labels == REAL).sum()), int((labels == FAKE).sum())
    x, place = np.unique(margins, return_inverse=True)
    fakes = np.bincount(place, weights=labels == FAKE, minlength=len(x)) / n_fake
    reals = np.bincount(place, weights=labels == REAL, minlength=len(x)) / n_real
    share = isotonic_regression(fakes / (fakes + reals), sample_weight=fakes + reals)
    with np.errstate(divide="ignore"):
        llr = np.clip(np.log(share) - np.log1p(-share), -np.log(n_fake + 1), np.log(n_real + 1))
    # The ends of each step carry the function; what lies between adds nothing to the file.
    inner = np.zeros(len(x), np.bool_)
    inner[1:-1] = (llr[1:-1] == llr[:-2]) & (llr[1:-1] == llr[2:])
    return tuple(x[~inner].tolist()), tuple(llr[~inner].tolist())


def _check_kinds(kinds: Sequence[str]) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise UsageError(f"unknown calibration {', '.join(map(repr, unknown))}; choose from {', '.join(KINDS)}")
