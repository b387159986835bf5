"""One likelihood ratio from several specialists', learnt on validation videos.

What goes in are *calibrated* log likelihood ratios, one for each member that did not abstain. Two rules compete:

- the plain mean of those that are there;
- logistic stacking: ``offset + sum of weight * llr``, with weights of their own for each set of members that
  abstentions leave, fitted on the videos where at least that set gave a score.

Stacking is kept only where its cross-fitted loss beats the mean's so clearly that the gain's bootstrap interval
lies above 0. The weights are not negative: a calibrated ratio above 1 is evidence for "fake" by construction, and a
negative weight would read it as evidence against, which small sets suggest by chance and new data do not repeat. A
Gaussian prior draws them to the mean's weights, so that a set of few videos stays near the mean.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.calibration import MIN_VIDEOS, fit_calibration
from dfcore.evaluation.folds import fold_numbers
from dfcore.evaluation.intervals import Interval, bootstrap_mean
from dfcore.evaluation.scores import FAKE, REAL, VideoScores, check_labels, probability_of

__all__ = ["MAX_ENUMERATED", "FusedScore", "Fusion", "MemberWeights", "fit_fusion"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_ENUMERATED = 6
"""Up to so many members every set of them gets weights; with more, only the sets that occur."""
_PRIOR_SD = 0.5
"""Of each weight about the mean's, and of the offset about 0."""


@dataclass(frozen=True, slots=True)
class FusedScore:
    """What the members together say of one video.

    Attributes:
        llr: the fused natural-log likelihood ratio; None where all members abstain.
        weights: the weight of each member that took part.
        offset: what is added to the weighted sum.
        reason: why there is no score.
    """

    llr: float | None
    weights: Mapping[str, float]
    offset: float = 0.0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MemberWeights:
    """The weights of one set of members, in the order of ``members``, and the videos they were fitted on."""

    members: tuple[str, ...]
    weights: tuple[float, ...]
    offset: float = 0.0
    n_real: int = 0
    n_fake: int = 0


@dataclass(frozen=True, slots=True)
class Fusion:
    """A fusion rule; see the module's text.

    Attributes:
        members: the specialists, in the order of the columns that :meth:`fuse_all` takes.
        kind: ``mean`` or ``stacking``.
        fits: the weights of each fitted set; none for ``mean``.
        gain: cross-fitted balanced log-loss (nats) of the mean, rescaled, minus that of stacking, with its interval.
        auc: cross-fitted AUC of ``mean`` and ``stacking`` on the videos with two members or more.
        reason: why this kind was chosen.
    """

    members: tuple[str, ...]
    kind: str
    fits: tuple[MemberWeights, ...] = ()
    gain: Interval | None = None
    auc: Mapping[str, float | None] | None = None
    reason: str = ""

    def weights_for(self, present: Sequence[str]) -> MemberWeights:
        """The weights where just these members gave a score; at least one.

        A set without a fit of its own takes those of the smallest fitted set that holds it, its weights enlarged to
        the same sum: as if the absent members had said what the present ones say on average.

        Raises:
            DataError: an unknown member, or none.
        """
        here = tuple(name for name in self.members if name in set(present))
        if not here or set(present) - set(self.members):
            raise DataError(f"fusion of {', '.join(self.members)} was asked for {', '.join(present) or 'no member'}")
        mean = MemberWeights(here, (1 / len(here),) * len(here))
        if self.kind == "mean" or len(here) == 1:
            return mean  # a single member's ratio is calibrated already
        holding = [fit for fit in self.fits if set(here) <= set(fit.members)]
        fit = min(holding, key=lambda fit: len(fit.members), default=mean)
        if fit.members == here:
            return fit
        of = dict(zip(fit.members, fit.weights, strict=True))
        kept = sum(of[name] for name in here)
        if not kept > 0:
            return mean
        enlarged = tuple(of[name] * sum(fit.weights) / kept for name in here)
        return MemberWeights(here, enlarged, fit.offset, fit.n_real, fit.n_fake)

    def fuse(self, llr: Mapping[str, float | None]) -> FusedScore:
        """Fuse one video's ratios by member; None (or left out) for a member that abstains.

        Raises:
            DataError: a ratio is not a finite number, or the member is unknown.
        """
        present = {name: float(value) for name, value in llr.items() if value is not None}
        bad = [name for name, value in present.items() if not np.isfinite(value)]
        if bad:
            raise DataError(f"the score of {', '.join(bad)} is not a finite number; a member that abstains gives None")
        if not present:
            return FusedScore(None, {}, reason=f"all members abstain: {', '.join(self.members)}")
        fit = self.weights_for(tuple(present))
        weights = dict(zip(fit.members, fit.weights, strict=True))
        total = fit.offset + sum(weights[name] * present[name] for name in fit.members)
        return FusedScore(total, weights, fit.offset)

    def fuse_all(self, llr: ArrayLike, present: ArrayLike) -> list[float | None]:
        """Fuse N videos: ratios and presence ``[N, M]``; None where all members abstain.

        Raises:
            DataError: sizes that do not fit, or a ratio that is present is not a finite number.
        """
        ratios, there = _check(self.members, llr, present)
        fused: NDArray[np.object_] = np.full(len(ratios), None, object)
        for pattern in _patterns(there):
            rows = (there == pattern).all(axis=1)
            fit = self.weights_for([name for name, here in zip(self.members, pattern, strict=True) if here])
            fused[rows] = ratios[np.ix_(rows, pattern)] @ np.array(fit.weights) + fit.offset
        return [None if value is None else float(value) for value in fused]

    def to_dict(self) -> dict[str, Any]:
        """The fusion as ``json`` takes it."""
        stored = asdict(self)
        stored["members"] = list(self.members)
        stored["fits"] = [
            asdict(fit) | {"members": list(fit.members), "weights": list(fit.weights)} for fit in self.fits
        ]
        return stored

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Fusion:
        """What :meth:`to_dict` gave.

        Raises:
            CheckpointError: it is not a fusion, or a weight is negative or not a finite number.
        """
        try:
            fits = tuple(
                MemberWeights(**{**fit, "members": tuple(fit["members"]), "weights": tuple(map(float, fit["weights"]))})
                for fit in stored["fits"]
            )
            gain = None if stored["gain"] is None else Interval(**stored["gain"])
            made = cls(**{**stored, "members": tuple(stored["members"]), "fits": fits, "gain": gain})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"not a stored fusion: {error!r}. Fit the ensemble again.") from error
        for fit in fits:
            good = np.isfinite([*fit.weights, fit.offset]).all() and min(fit.weights, default=-1) >= 0
            if not good or len(fit.weights) != len(fit.members) or set(fit.members) - set(made.members):
                raise CheckpointError(f"the stored weights of {fit.members} cannot be used. Fit the ensemble again.")
        if made.kind not in ("mean", "stacking"):
            raise CheckpointError(f"unknown fusion {made.kind!r}; known: mean, stacking. Fit the ensemble again.")
        return made


def fit_fusion(
    members: Sequence[str],
    llr: ArrayLike,
    present: ArrayLike,
    label: ArrayLike,
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Fusion:
    """Choose between the mean and stacking, and fit.

    The two are compared by cross-fitted balanced log-loss on the videos with two members or more. The mean is rescaled
    for the comparison (slope and offset, cross-fitted too), so that stacking gains nothing by its scale alone; what is
    kept is the plain mean, to be calibrated like any other score.

    Args:
        members: M names.
        llr: ``[N, M]``, calibrated natural-log likelihood ratios; ignored where not present.
        present: bool ``[N, M]``, False where the member abstains.
        label: ``[N]``, 0 real, 1 fake.
        groups: each video's identity, None where it is not known.
        draws: bootstrap draws of the gain's interval.
        level: of that interval.
        seed: of folds and draws.

    Raises:
        DataError: sizes that do not fit, or a ratio that is present is not a finite number.
    """
    names = tuple(members)
    ratios, there = _check(names, llr, present)
    labels = check_labels(label)
    if len(labels) != len(ratios):
        raise DataError(f"{len(ratios)} rows of likelihood ratios for {len(labels)} labels")
    several = there.sum(axis=1) > 1
    ratios, there, labels = ratios[several], there[several], labels[several]
    own = None if groups is None else [group for group, kept in zip(groups, several, strict=True) if kept]
    n_real, n_fake = int((labels == REAL).sum()), int((labels == FAKE).sum())
    fold = fold_numbers(labels, own, seed=seed) if min(n_real, n_fake) >= MIN_VIDEOS else None
    if fold is None:
        reason = (
            f"{n_real} real and {n_fake} fake validation videos with two members or more: too few to learn weights "
            f"(at least {MIN_VIDEOS} of each, of two identities or more)"
        )
        return Fusion(names, "mean", reason=reason)
    mean, stacked = _cross_fit(names, ratios, there, labels, fold)
    sign = np.where(labels == FAKE, -1.0, 1.0)
    less = np.logaddexp(0.0, sign * mean) - np.logaddexp(0.0, sign * stacked)
    gain = bootstrap_mean(less, labels, own, draws=draws, level=level, seed=seed)
    scores = {"mean": mean, "stacking": stacked}
    auc = {kind: VideoScores(labels, margin).figures(["auc"])["auc"] for kind, margin in scores.items()}
    better = gain.low is not None and gain.low > 0
    verb = "beats" if better else "does not clearly beat"
    reason = f"stacking {verb} the plain mean: cross-fitted log-loss lower by {gain}"
    fits = _fit_sets(names, ratios, there, labels) if better else ()
    return Fusion(names, "stacking" if better else "mean", fits, gain, auc, reason)


def _check(members: tuple[str, ...], llr: ArrayLike, present: ArrayLike) -> tuple[Floats, Bools]:
    ratios, there = np.asarray(llr, np.float64), np.asarray(present, np.bool_)
    if ratios.ndim != 2 or ratios.shape != there.shape or ratios.shape[1] != len(members):
        raise DataError(
            f"expected likelihood ratios and presence of shape [N, {len(members)}], one column for each of "
            f"{', '.join(members)}; found {ratios.shape} and {there.shape}"
        )
    bad = there & ~np.isfinite(ratios)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{int(bad.sum())} likelihood ratios are not finite numbers (the first: row {row}, {members[column]}). "
            "A member that abstains must be marked as not present."
        )
    return np.where(there, ratios, 0.0), there


def _patterns(there: Bools) -> Bools:
    """The distinct sets of members that occur, ``[P, M]``, without the empty one."""
    found = np.unique(there, axis=0)
    return found[found.any(axis=1)]


def _fit_sets(
    members: tuple[str, ...], llr: Floats, there: Bools, labels: NDArray[np.int64]
) -> tuple[MemberWeights, ...]:
    """Weights for each set of two members or more: all sets of few members, else those that occur, and the whole."""
    m = len(members)
    if m <= MAX_ENUMERATED:
        sets = {chosen for size in range(2, m + 1) for chosen in combinations(range(m), size)}
    else:
        sets = {tuple(np.flatnonzero(pattern).tolist()) for pattern in _patterns(there)} | {tuple(range(m))}
    return tuple(_fit_set(members, chosen, llr, there, labels) for chosen in sorted(sets) if len(chosen) > 1)


def _fit_set(
    members: tuple[str, ...], chosen: tuple[int, ...], llr: Floats, there: Bools, labels: NDArray[np.int64]
) -> MemberWeights:
    """Most probable weights under the prior; those of the mean where a class has fewer than ten videos."""
    from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    columns, k = np.array(chosen), len(chosen)
    rows = there[:, columns].all(axis=1)
    x, y = llr[np.ix_(rows, columns)], (labels[rows] == FAKE).astype(np.float64)
    n_fake = int(y.sum())
    n_real = len(y) - n_fake
    prior = np.append(np.full(k, 1 / k), 0.0)
    best = prior
    if min(n_real, n_fake) >= MIN_VIDEOS:
        weight = np.where(y == 1, 0.5 / n_fake, 0.5 / n_real) * len(y)

        def loss(parameters: Floats) -> tuple[float, Floats]:
            odds, off = x @ parameters[:k] + parameters[k], (parameters - prior) / _PRIOR_SD
            slope = weight * (probability_of(odds) - y)
            value = weight @ (np.logaddexp(0.0, odds) - y * odds) + off @ off / 2
            return float(value), np.append(slope @ x, slope.sum()) + off / _PRIOR_SD

        bounds = [(0.0, None)] * k + [(None, None)]
        best = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = tuple(float(w) for w in best[:k])
    return MemberWeights(tuple(members[i] for i in chosen), weights, float(best[k]), n_real, n_fake)


def _cross_fit(
    members: tuple[str, ...], llr: Floats, there: Bools, labels: NDArray[np.int64], fold: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """The rescaled mean's and stacking's ratios ``[N]``, each video's learnt without its fold."""
    plain = llr.sum(axis=1) / there.sum(axis=1)
    mean, stacked = np.empty(len(labels)), np.empty(len(labels))
    for i in np.unique(fold):
        out, rest = fold == i, fold != i
        mean[out] = fit_calibration("platt", labels[rest], plain[rest]).log_likelihood_ratio(plain[out])
        for pattern in _patterns(there[out]):
            rows = out & (there == pattern).all(axis=1)
            chosen = tuple(np.flatnonzero(pattern).tolist())
            fit = _fit_set(members, chosen, llr[rest], there[rest], labels[rest])
            stacked[rows] = llr[np.ix_(rows, pattern)] @ np.array(fit.weights) + fit.offset
    return mean, stacked
