"""AUC, and how sure one may be of it: people are drawn, not samples, for a person's samples stand or fall together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "auc", "difference", "estimate"]

DRAWS = 1000
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds; its 95 % interval by drawing people; its deviation between seeds; the draws behind it."""

    value: float
    low: float
    high: float
    spread: float
    draws: Floats

    def to_json(self) -> dict[str, float | None]:
        """Without the draws."""
        found = {name: float(getattr(self, name)) for name in ("value", "low", "high", "spread")}
        return {name: round(value, 4) if np.isfinite(value) else None for name, value in found.items()}


def auc(score: Floats, label: Ints) -> float:
    """Area under the ROC curve: the share of (fake, real) couples in which the fake scores higher; ties count half."""
    return float(_wins(score[label == 1], score[label == 0]).mean())


def estimate(scores: Floats, label: Ints, person: Ints, *, seed: int = 0) -> Estimate:
    """AUC of ``scores`` ``[S, N]`` of S seeds.

    Each draw takes as many people as there are, with replacement, and is the mean over the seeds: the interval says how
    the figure depends on which people were there, the spread how it depends on chance in training. Couples of one
    person's own samples count in each draw as much as in the figure itself; drawn twice, a person would meet their own
    copy, and the interval would lie beside the figure.
    """
    people, place = np.unique(person, return_inverse=True)
    rng = np.random.default_rng(seed)
    weight = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=DRAWS).astype(np.float64)
    member = np.eye(len(people))[place]
    fake, real = member[label == 1], member[label == 0]
    count = np.outer(fake.sum(0), real.sum(0))
    within = np.trace(count) / count.sum()
    inside, between = _drawn(count, weight)
    own, drawn = [], []
    for row in scores:
        wins = fake.T @ _wins(row[label == 1], row[label == 0]) @ real
        own.append(wins.sum() / count.sum())
        won_inside, won_between = _drawn(wins, weight)
        drawn.append(_share(within, won_inside, inside) + _share(1 - within, won_between, between))
    draws = np.mean(drawn, axis=0)
    low, high = _middle(draws)
    spread = float(np.std(own, ddof=1)) if len(own) > 1 else float("nan")
    return Estimate(float(np.mean(own)), float(low), float(high), spread, draws)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """``one - other``, of estimates over the same people (the same draws)."""
    draws = one.draws - other.draws
    low, high = _middle(draws)
    return Estimate(one.value - other.value, float(low), float(high), float("nan"), draws)


def _share(weight: float, won: Floats, couples: Floats) -> Floats:
    """What couples of one kind add to each draw; NaN for draws without any, unless the figure has none either."""
    missing = np.full(DRAWS, np.nan if weight else 0.0)
    return weight * np.divide(won, couples, out=missing, where=couples > 0)


def _middle(draws: Floats) -> Floats:
    """The middle 95 % of the draws that have a figure; NaN where none has."""
    return np.nanpercentile(draws, [2.5, 97.5]) if np.isfinite(draws).any() else np.full(2, np.nan)


def _wins(fake: Floats, real: Floats) -> Floats:
    return (fake[:, None] > real[None]) + 0.5 * (fake[:, None] == real[None])


def _drawn(table: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Sums of a table ``[P, P]`` over the people drawn, for each row of ``weight`` ``[D, P]``: of couples within a
    person, and between two.
    """
    own = np.diag(table)
    return weight @ own, np.einsum("di,ij,dj->d", weight, table - np.diag(own), weight, optimize=True)
