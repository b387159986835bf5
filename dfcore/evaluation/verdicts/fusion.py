"""One likelihood ratio from several specialists'.

What goes in are *calibrated* log likelihood ratios, one for each member that did not abstain. Two rules compete:

- the plain mean of those that are there;
- logistic stacking: ``offset + sum of weight * llr``, with weights of their own for each set of members that
  abstentions leave, fitted on the videos where at least that set gave a score.

How the two are fitted and chosen between: :mod:`dfcore.evaluation.verdicts.fusion_fit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.verdicts.stored import numbers, only, take, texts

__all__ = ["FusedScore", "Fusion", "MemberWeights", "check_ratios", "member_sets"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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
        ratios, there = check_ratios(self.members, llr, present)
        fused: NDArray[np.object_] = np.full(len(ratios), None, object)
        for pattern in member_sets(there):
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
            only(stored, cls)
            fits = tuple(_weights(fit) for fit in take(stored, "fits", list))
            gain = take(stored, "gain", dict, None)
            auc = None if stored.get("auc") is None else numbers(stored, "auc", float, None)
            made = cls(
                texts(stored, "members"),
                take(stored, "kind", str),
                fits,
                None if gain is None else _interval(gain),
                auc,
                take(stored, "reason", str),
            )
        except (CheckpointError, TypeError, ValueError) as error:
            raise CheckpointError(f"not a stored fusion: {error}. Fit the ensemble again.") from error
        for fit in fits:
            good = np.isfinite([*fit.weights, fit.offset]).all() and min(fit.weights, default=-1) >= 0
            if not good or len(fit.weights) != len(fit.members) or set(fit.members) - set(made.members):
                raise CheckpointError(f"the stored weights of {fit.members} cannot be used. Fit the ensemble again.")
        if made.kind not in ("mean", "stacking"):
            raise CheckpointError(f"unknown fusion {made.kind!r}; known: mean, stacking. Fit the ensemble again.")
        return made


def _weights(stored: Any) -> MemberWeights:
    if not isinstance(stored, dict):
        raise CheckpointError(f"the weights of a set of members should be an object; found {stored!r:.60}")
    only(stored, MemberWeights)
    weights = tuple(float(weight) for weight in take(stored, "weights", list))
    counts = (take(stored, "n_real", int), take(stored, "n_fake", int))
    return MemberWeights(texts(stored, "members"), weights, take(stored, "offset", float), *counts)


def _interval(stored: Mapping[str, Any]) -> Interval:
    only(stored, Interval)
    ends = {name: take(stored, name, float, None) for name in ("value", "low", "high")}
    return Interval(
        **ends,
        level=take(stored, "level", float),
        draws=take(stored, "draws", int),
        reason=take(stored, "reason", str, None),
    )


def check_ratios(members: tuple[str, ...], llr: ArrayLike, present: ArrayLike) -> tuple[Floats, Bools]:
    """Ratios float64 and presence bool, ``[N, M]``; ratios are 0 where not present.

    Raises:
        DataError: sizes that do not fit, or a ratio that is present is not a finite number.
    """
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


def member_sets(there: Bools) -> Bools:
    """The distinct sets of members that occur, ``[P, M]``, without the empty one."""
    found = np.unique(there, axis=0)
    return found[found.any(axis=1)]
