"""What a file's plain properties give away: it must be nothing.

A logistic regression on size, duration, frame rate, frame count and mean brightness, on people it has not seen. Frame
rate, frame count and duration are equal within a pair by construction. The coded size is not: a smoother face costs
fewer bits, and no setting of the encoder changes that without changing the quantiser, which would be a shortcut
indeed. So beside the regression it is told in how many pairs the fake is the smaller file, and by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .measures import Estimate, estimate
from .pairs import Pair

__all__ = ["FACTS", "Guard", "guard"]

FACTS = ("size", "duration", "fps", "frames", "brightness")


@dataclass(frozen=True, slots=True)
class Guard:
    """What plain properties tell.

    Attributes:
        auc: of the regression.
        smaller: share of pairs whose fake is the smaller file.
        change: median of the fake's size over its control's.
    """

    auc: Estimate
    smaller: float
    change: float

    @property
    def alarm(self) -> bool:
        """Whether the interval excludes .5."""
        return not self.auc.low <= 0.5 <= self.auc.high


def guard(pairs: Sequence[Pair], people: Sequence[str], folds: Sequence[dict[str, int]]) -> Guard:
    """The guard's figures; ``folds`` says for each seed in which fold each person is tested."""
    facts = np.array([[fact[name] for name in FACTS] for pair in pairs for fact in pair.facts])
    facts[:, 0] = np.log(facts[:, 0])
    sizes = facts[:, 0].reshape(-1, 2)
    label = np.tile([0, 1], len(pairs))
    person = np.array([people.index(pair.person) for pair in pairs]).repeat(2)
    number = np.array([[fold[people[who]] for who in person] for fold in folds])
    change = sizes[:, 1] - sizes[:, 0]
    return Guard(
        estimate(_regression(facts, label, number), label, person),
        float((change < 0).mean() + (change == 0).mean() / 2),
        float(np.exp(np.median(change))),
    )


def _regression(facts: NDArray[np.float64], label: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scores ``[S, N]``, each file's by a regression on the other folds; ``number`` ``[S, N]`` says the folds.

    Scores are rounded: properties that are equal must tie, whatever the solver's last digits.
    """
    scores = np.zeros(number.shape)
    for row, fold in zip(scores, number, strict=True):
        for tested in np.unique(fold):
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            model.fit(facts[fold != tested], label[fold != tested])
            row[fold == tested] = model.decision_function(facts[fold == tested])
    return scores.round(9)
