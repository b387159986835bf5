"""Learn from validation videos how to fuse the specialists' likelihood ratios.

Stacking is kept only where its cross-fitted loss beats the mean's so clearly that the gain's bootstrap interval
lies above 0. The weights are not negative: a calibrated ratio above 1 is evidence for "fake" by construction, and a
negative weight would read it as evidence against, which small sets suggest by chance and new data do not repeat. A
Gaussian prior draws them to the mean's weights, so that a set of few videos stays near the mean.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import DataError
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.metrics.intervals import bootstrap_mean
from dfcore.evaluation.metrics.scores import VideoScores, check_labels, probability_of
from dfcore.evaluation.verdicts.calibration import MIN_VIDEOS, fit_calibration
from dfcore.evaluation.verdicts.fusion import Fusion, MemberWeights, check_ratios, member_sets

__all__ = ["MAX_ENUMERATED", "fit_fusion", "fuse_out_of_sample"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_ENUMERATED = 6
"""Up to so many members every set of them gets weights; with more, only the sets that occur."""
_PRIOR_SD = 0.5
"""Of each weight about the mean's, and of the offset about 0."""


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
    ratios, there = check_ratios(names, llr, present)
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
    mean = _rescaled_mean(ratios, there, labels, fold)
    stacked = _stacked(names, ratios, there, labels, fold)
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


def fuse_out_of_sample(
    fusion: Fusion,
    llr: ArrayLike,
    present: ArrayLike,
    label: ArrayLike,
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    seed: int = 0,
) -> list[float | None]:
    """Fuse the very videos that ``fusion`` was learnt from, each by weights learnt without its fold.

    These are the scores from which the ensemble's own calibration, operating points and conformal verdicts must come:
    scores by weights that have seen the video are too good, and a promise made from them is not kept.

    Args:
        fusion: from :func:`fit_fusion`.
        llr: as given to it.
        present: as given to it.
        label: as given to it.
        groups: as given to it.
        seed: as given to it.

    Returns:
        N ratios, None where all members abstain.

    Raises:
        DataError: sizes that do not fit, or these cannot be the videos that ``fusion`` was learnt from.
    """
    ratios, there = check_ratios(fusion.members, llr, present)
    labels = check_labels(label)
    fused = fusion.fuse_all(ratios, there)
    if fusion.kind == "mean":
        return fused
    several = np.flatnonzero(there.sum(axis=1) > 1)
    own = None if groups is None else [groups[i] for i in several.tolist()]
    fold = fold_numbers(labels[several], own, seed=seed) if len(labels) == len(ratios) else None
    if fold is None:
        raise DataError("these are not the videos that the fusion was learnt from: they cannot be parted into folds")
    stacked = _stacked(fusion.members, ratios[several], there[several], labels[several], fold)
    for i, value in zip(several.tolist(), stacked.tolist(), strict=True):
        fused[i] = value
    return fused


def _fit_sets(
    members: tuple[str, ...], llr: Floats, there: Bools, labels: NDArray[np.int64]
) -> tuple[MemberWeights, ...]:
    """Weights for each set of two members or more: all sets of few members, else those that occur, and the whole."""
    m = len(members)
    if m <= MAX_ENUMERATED:
        sets = {chosen for size in range(2, m + 1) for chosen in combinations(range(m), size)}
    else:
        sets = {tuple(np.flatnonzero(pattern).tolist()) for pattern in member_sets(there)} | {tuple(range(m))}
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


def _rescaled_mean(llr: Floats, there: Bools, labels: NDArray[np.int64], fold: NDArray[np.int64]) -> Floats:
    """The mean ratios ``[N]`` times a slope, plus an offset, learnt without the video's fold."""
    plain = llr.sum(axis=1) / there.sum(axis=1)
    scaled = np.empty(len(labels))
    for i in np.unique(fold):
        out, rest = fold == i, fold != i
        scaled[out] = fit_calibration("platt", labels[rest], plain[rest]).log_likelihood_ratio(plain[out])
    return scaled


def _stacked(
    members: tuple[str, ...], llr: Floats, there: Bools, labels: NDArray[np.int64], fold: NDArray[np.int64]
) -> Floats:
    """The stacked ratios ``[N]``, with weights learnt without the video's fold."""
    stacked = np.empty(len(labels))
    for i in np.unique(fold):
        out, rest = fold == i, fold != i
        for pattern in member_sets(there[out]):
            rows = out & (there == pattern).all(axis=1)
            chosen = tuple(np.flatnonzero(pattern).tolist())
            fit = _fit_set(members, chosen, llr[rest], there[rest], labels[rest])
            stacked[rows] = llr[np.ix_(rows, pattern)] @ np.array(fit.weights) + fit.offset
    return stacked
