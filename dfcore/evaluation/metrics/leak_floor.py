"""What could be told without looking at a face: an AUC from the file's properties alone.

Where a detector's AUC is not clearly above this floor, it may have learnt the source, the codec or the size in place
of the forgery.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dfcore.errors import DataError
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.metrics.intervals import Interval, bootstrap
from dfcore.evaluation.metrics.scores import VideoScores, check_labels

__all__ = ["LeakFloor", "leak_floor", "leak_warning"]

NEAR = 0.05
"""A control whose AUC is less than this below the detector's explains most of what was found."""

Floats = NDArray[np.float64]
Column = Sequence[float | int | str | None]

MIN_VIDEOS = 10
"""Of each class."""
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class LeakFloor:
    """The AUC of a logistic regression on nuisance columns.

    Attributes:
        auc: cross-fitted, with its interval; its ``reason`` says why there is none.
        columns: what the regression saw.
        dropped: what it did not see, and why.
        n_real, n_fake: how many videos.
        single: by column, the AUC of that property alone, in the direction that tells better: 0.5 or more. Nothing is
            held out, so with few videos it is too high by chance.
    """

    auc: Interval
    columns: tuple[str, ...]
    dropped: Mapping[str, str]
    n_real: int
    n_fake: int
    single: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The floor as ``json`` takes it."""
        return asdict(self) | {
            "columns": list(self.columns),
            "dropped": dict(self.dropped),
            "single": dict(self.single),
        }


def leak_floor(
    label: ArrayLike,
    columns: Mapping[str, Column],
    groups: Sequence[Hashable] | NDArray | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> LeakFloor:
    """How well file properties alone tell fakes from reals.

    A logistic regression (L2, C = 1, classes weighing the same) learns on four fifths of the groups and scores the
    rest; the mean margin of five such rounds with different folds is each video's score. Numbers that are all above 0
    enter as logarithms, and are standardised; a missing number becomes the median, with a column that says so; a word
    becomes one column for each value that at least two videos have.

    Args:
        label: ``[N]``, 0 real, 1 fake.
        columns: by name, N numbers or N words (a codec), None or NaN where unknown.
        groups: each video's identity, None where it is not known.
        draws: bootstrap draws of the interval.
        seed: of folds and draws.

    Raises:
        DataError: a column has another length than ``label``, mixes words and numbers, or holds an infinite number.
    """
    labels = check_labels(label)
    n_fake = int(labels.sum())
    n_real = len(labels) - n_fake
    encoded, dropped = {}, {}
    for name, column in columns.items():
        if len(column) != len(labels):
            raise DataError(f"column {name!r} has {len(column)} values for {len(labels)} videos")
        features = _encode(name, column)
        if features.shape[1]:
            encoded[name] = features
        else:
            dropped[name] = (
                "no value that some, not all, videos share" if any(map(_known, column)) else "not known for any video"
            )
    single = {name: _best_alone(features, labels) for name, features in encoded.items()} if n_real and n_fake else {}
    reason, folds = None, []
    if min(n_real, n_fake) < MIN_VIDEOS:
        reason = f"{n_real} real and {n_fake} fake videos: at least {MIN_VIDEOS} of each class are needed"
    elif not encoded:
        reason = "no property differs between the videos"
    else:
        folds = [fold_numbers(labels, groups, seed=seed + i) for i in range(_REPEATS)]
        if any(fold is None for fold in folds):
            reason = "the videos cannot be parted by identity with both classes on either side"
    if reason is not None:
        return LeakFloor(Interval(None, None, None, reason=reason), tuple(encoded), dropped, n_real, n_fake, single)
    features = np.concatenate(list(encoded.values()), axis=1)
    margin = np.mean([_cross_fit(features, labels, fold) for fold in folds if fold is not None], axis=0)
    auc = bootstrap(VideoScores(labels, margin), groups, names=["auc"], draws=draws, seed=seed)["auc"]
    return LeakFloor(auc, tuple(encoded), dropped, n_real, n_fake, single)


def leak_warning(auc: Interval, floor: Interval, what: str = "file properties alone") -> str | None:
    """A warning where a detector's AUC is not clear of a control's, or None.

    It is clear where the low end of its interval is above the control's figure and the figure itself is at least
    ``NEAR`` above it; 0.5 takes the place of a control below that: a control that knows nothing comes out a little
    under 0.5, for cross-fitting has it guess against what is held out (0.46 on average for 40 identities, 0.48 for
    120). Also for the background control.
    """
    if auc.value is None or floor.value is None:
        return None
    low = auc.value if auc.low is None else auc.low
    reached = max(floor.value, 0.5)
    if low > reached and auc.value - reached >= NEAR:
        return None
    return f"AUC {auc} is not clearly above what {what} reach: {floor}. The detector may have learnt those."


def _best_alone(features: Floats, labels: NDArray[np.int64]) -> float:
    """The largest AUC of one column of ``[N, K]`` features, up or down."""
    from sklearn.metrics import roc_auc_score

    aucs = [float(roc_auc_score(labels, column)) for column in features.T]
    return max(max(auc, 1 - auc) for auc in aucs)


def _known(value: float | str | None) -> bool:
    return value is not None and value == value  # NaN is not itself


def _encode(name: str, column: Column) -> Floats:
    """``[N, K]`` features of one column; K = 0 where it says nothing."""
    known = np.array([_known(value) for value in column], np.bool_)
    values = [value for value in column if _known(value)]
    words = [isinstance(value, str) for value in values]
    if any(words) and not all(words):
        raise DataError(f"column {name!r} holds both words and numbers: {values[:5]}")
    missing = [(~known).astype(np.float64)[:, None]] if 0 < known.sum() < len(known) else []
    if any(words):
        kinds = [kind for kind in sorted({str(v) for v in values}) if 2 <= values.count(kind) < len(column)]
        return _stack([*(np.array([[v == kind] for v in column], np.float64) for kind in kinds), *missing], len(column))
    numbers = np.array([float(v) if _known(v) and v is not None else np.nan for v in column])
    if np.isinf(numbers).any():
        raise DataError(f"column {name!r} holds an infinite number")
    if not known.any():
        return _stack([], len(column))
    if (numbers[known] > 0).all():
        numbers = np.log(numbers)
    numbers[~known] = np.median(numbers[known])
    spread = numbers.std()
    useful = spread > 1e-9 * (1 + np.abs(numbers).max())
    return _stack([*([((numbers - numbers.mean()) / spread)[:, None]] if useful else []), *missing], len(column))


def _stack(parts: list[Floats], n: int) -> Floats:
    return np.concatenate([np.zeros((n, 0)), *parts], axis=1)


def _cross_fit(features: Floats, labels: NDArray[np.int64], fold: NDArray[np.int64]) -> Floats:
    from sklearn.linear_model import LogisticRegression

    margin = np.empty(len(labels))
    for i in np.unique(fold):
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        model.fit(features[fold != i], labels[fold != i])
        margin[fold == i] = model.decision_function(features[fold == i])
    return margin
