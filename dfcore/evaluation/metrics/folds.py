"""Cross-validation folds that keep identities together and classes balanced."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.evaluation.metrics.intervals import group_numbers

__all__ = ["fold_numbers"]


def fold_numbers(
    label: NDArray[np.int64],
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    folds: int = 5,
    seed: int = 0,
) -> NDArray[np.int64] | None:
    """The fold of each video, ``[N]``: each fold once stands aside while the others are learnt from.

    No group is in two folds, and whatever fold stands aside, both classes remain. With fewer groups of a class than
    ``folds`` there are fewer folds.

    Args:
        label: ``[N]``, 0 real, 1 fake.
        groups: each video's identity, None where it is not known.
        folds: how many at most.
        seed: the same seed gives the same folds.

    Returns:
        None where no two folds are possible.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    numbers = group_numbers(groups, len(label))
    # The grouped splitter takes a second for 4000 groups; where every video is its own, the plain one does the same.
    alone = len(np.unique(numbers)) == len(label)
    of_class = [len(np.unique(numbers[label == kind])) for kind in (REAL, FAKE)]
    for count in range(min(folds, *of_class), 1, -1):
        splitter = (StratifiedKFold if alone else StratifiedGroupKFold)(count, shuffle=True, random_state=seed)
        parts = splitter.split(np.zeros(len(label)), label, None if alone else numbers)
        fold = np.empty(len(label), np.int64)
        for i, (_, aside) in enumerate(parts):
            fold[aside] = i
        used = np.unique(fold)
        if len(used) > 1 and all(len(np.unique(label[fold != i])) == 2 for i in used):
            return fold
    return None
