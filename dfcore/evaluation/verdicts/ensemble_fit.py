"""Learn an ensemble from its members' scores of the same validation videos.

Each member is calibrated on those videos, the fusion is learnt from the calibrated ratios, and the ensemble's own
calibration, thresholds and verdicts from the fused ones. A video's ratio is always by calibrations and weights that
were fitted without its fold: scores by what has seen the video are too good, and a promise made from them is not kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dfcore.data.records import FAKE, REAL
from dfcore.errors import DataError, UsageError
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.metrics.intervals import bootstrap
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.verdicts.calibration import (
    Calibration,
    balanced_log_loss,
    choose_calibration,
    fit_calibration,
)
from dfcore.evaluation.verdicts.calibration_file import identity, require_validation
from dfcore.evaluation.verdicts.ensemble import EnsembleMember, StoredEnsemble
from dfcore.evaluation.verdicts.fusion_fit import fit_fusion, fuse_out_of_sample
from dfcore.evaluation.verdicts.rules import ALPHA, VerdictRules, class_key

if TYPE_CHECKING:
    from dfcore.evaluation.scored import ScoredVideo

__all__ = ["FUSED", "MEAN", "MemberScores", "fit_ensemble"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MEAN, FUSED = "mean", "fused"
"""Names under which figures of the plain mean and of the ensemble stand beside the members'."""
_DRAWS = 1000
NO_SCORE = "it judged none of the validation videos"


@dataclass(frozen=True, slots=True)
class MemberScores:
    """A would-be member and what it says of the validation videos.

    Attributes:
        label: its name in the ensemble.
        specialist, stage: whose weights they are.
        path: the file of weights.
        weights: their hash.
        videos: the validation videos, scored.
        judged_before: False where it abstained from all validation videos of its own training: it never learnt from
            what it is to judge.
    """

    label: str
    specialist: str
    stage: int | None
    path: Path
    weights: str
    videos: Sequence[ScoredVideo]
    judged_before: bool = True


@dataclass(frozen=True, slots=True)
class _Joined:
    """The validation videos of all members, by id: ``[N]``, and ``[N, M]``."""

    labels: Ints
    groups: list[Hashable | None]
    classes: list[str]
    margins: Floats
    there: Bools


def fit_ensemble(
    members: Sequence[MemberScores],
    *,
    dataset: str = "",
    alpha: float = ALPHA,
    draws: int = _DRAWS,
    seed: int = 0,
    make: type[StoredEnsemble] = StoredEnsemble,
) -> StoredEnsemble:
    """Learn everything that an ensemble consists of.

    A member that judged nothing, here or in its own validation, is left out, and ``left_out`` says so. A video is fake
    to the ensemble where it is to any member: one that uses the audio may call a video fake whose images are real.

    Args:
        members: two or more, with different labels.
        dataset: whose validation videos they are.
        alpha: the false-alarm rate to promise.
        draws: bootstrap draws of the intervals.
        seed: of folds and draws.
        make: the class to make.

    Raises:
        UsageError: fewer than two members, or two with one label; a video is not of the validation split.
        DataError: no member can take part, or a score is not a finite number.
    """
    _require_names([member.label for member in members])
    for member in members:
        require_validation(member.videos)
    left_out = {member.label: why for member in members if (why := _unfit(member))}
    kept = [member for member in members if member.label not in left_out]
    if not kept:
        reasons = "; ".join(f"{label}: {why}" for label, why in left_out.items())
        raise DataError(f"no member can take part in the ensemble ({reasons}). Train on data that they can judge.")
    joined = _join(kept)
    calibrations = [_calibrate(joined, column, seed) for column in range(len(kept))]
    ratios = np.stack([ratio for _, ratio in calibrations], axis=1)
    names = [member.label for member in kept]
    fusion = fit_fusion(names, ratios, joined.there, joined.labels, joined.groups, draws=draws, seed=seed)
    fused = fuse_out_of_sample(fusion, ratios, joined.there, joined.labels, joined.groups, seed=seed)
    return make(
        members=tuple(
            _member(member, calibration, float(joined.there[:, i].mean()))
            for i, (member, (calibration, _)) in enumerate(zip(kept, calibrations, strict=True))
        ),
        fusion=fusion,
        rules=_rules(joined, fused, alpha=alpha, seed=seed),
        dataset=dataset,
        n_real=int((joined.labels == REAL).sum()),
        n_fake=int((joined.labels == FAKE).sum()),
        abstained=fused.count(None),
        left_out=left_out,
        validation=_validation(names, joined, ratios, fused, draws=draws, seed=seed),
    )


def _require_names(labels: Sequence[str]) -> None:
    if len(labels) < 2 or len(set(labels)) < len(labels) or {MEAN, FUSED} & set(labels):
        raise UsageError(
            f"an ensemble needs two members or more, with names of their own; found {', '.join(labels) or 'none'}."
        )


def _member(member: MemberScores, calibration: Calibration, coverage: float) -> EnsembleMember:
    return EnsembleMember(
        member.label, member.specialist, member.stage, member.path, member.weights, calibration, coverage
    )


def _rules(joined: _Joined, fused: Sequence[float | None], *, alpha: float, seed: int) -> VerdictRules:
    """The ensemble's own calibration, operating points and verdicts, from the videos that any member judged."""
    chosen = [i for i, value in enumerate(fused) if value is not None]
    return VerdictRules.fit(
        joined.labels[chosen],
        [value for value in fused if value is not None],
        groups=[joined.groups[i] for i in chosen],
        classes=[joined.classes[i] for i in chosen],
        alpha=alpha,
        seed=seed,
    )


def _validation(
    names: Sequence[str], joined: _Joined, ratios: Floats, fused: Sequence[float | None], *, draws: int, seed: int
) -> dict[str, Mapping[str, float | None]]:
    """Figures of each member, of the plain mean and of the ensemble, each on the videos that it judged."""
    judged = np.array([value is not None for value in fused], np.bool_)
    mean: Floats = np.where(joined.there, ratios, 0).sum(axis=1) / np.maximum(joined.there.sum(axis=1), 1)
    whole = np.array([0.0 if value is None else value for value in fused])
    columns: dict[str, tuple[Bools, Floats]] = {
        name: (joined.there[:, i], ratios[:, i]) for i, name in enumerate(names)
    }
    columns |= {MEAN: (judged, mean), FUSED: (judged, whole)}
    return {name: _figures(joined, rows, values, draws=draws, seed=seed) for name, (rows, values) in columns.items()}


def _unfit(member: MemberScores) -> str:
    """Why a member takes no part, or ""."""
    if not member.judged_before:
        return "it judged nothing in its own validation: it never learnt from what it is to judge"
    return "" if any(video.margin is not None for video in member.videos) else NO_SCORE


def _join(members: Sequence[MemberScores]) -> _Joined:
    """The videos that any member was given, in order of first appearance."""
    by_id: dict[str, dict[int, ScoredVideo]] = {}
    for column, member in enumerate(members):
        for video in member.videos:
            by_id.setdefault(video.id, {})[column] = video
    margins = np.full((len(by_id), len(members)), np.nan)
    labels, groups, classes = [], [], []
    for row, found in enumerate(by_id.values()):
        first = next(iter(found.values()))
        labels.append(max(video.label for video in found.values()))
        groups.append(identity(first))
        classes.append(class_key(first.compression, first.codec))
        for column, video in found.items():
            if video.margin is not None:
                margins[row, column] = video.margin
    there = ~np.isnan(margins)
    return _Joined(np.array(labels, np.int64), groups, classes, np.where(there, margins, 0.0), there)


def _calibrate(joined: _Joined, column: int, seed: int) -> tuple[Calibration, Floats]:
    """A member's calibration, and its ratios ``[N]`` by calibrations of the same kind fitted without each video's fold;
    0 where it abstains.
    """
    rows = joined.there[:, column]
    labels, margins = joined.labels[rows], joined.margins[rows, column]
    groups = [group for group, kept in zip(joined.groups, rows, strict=True) if kept]
    chosen = choose_calibration(labels, margins, groups, seed=seed)
    ratios = chosen.log_likelihood_ratio(margins)
    fold = fold_numbers(labels, groups, seed=seed) if chosen.note is None else None
    for i in np.unique(fold) if fold is not None else ():
        out = fold == i
        ratios[out] = fit_calibration(chosen.kind, labels[~out], margins[~out]).log_likelihood_ratio(margins[out])
    found = np.zeros(len(rows))
    found[rows] = ratios
    return chosen, found


def _figures(joined: _Joined, rows: Bools, ratios: Floats, *, draws: int, seed: int) -> Mapping[str, float | None]:
    """AUC with its interval, and balanced log-loss, on the videos that were judged."""
    labels, values = joined.labels[rows], ratios[rows]
    groups = [group for group, kept in zip(joined.groups, rows, strict=True) if kept]
    found: dict[str, float | None] = {"videos": float(len(labels)), "log_loss": balanced_log_loss(values, labels)}
    if len(np.unique(labels)) < 2:
        return {**found, "auc": None, "low": None, "high": None}
    auc = bootstrap(VideoScores(labels, values), groups, names=["auc"], draws=draws, seed=seed)["auc"]
    return {**found, "auc": auc.value, "low": auc.low, "high": auc.high}
