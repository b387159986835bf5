"""``{specialist}_stage{N}_calibration.json``: what validation taught of a specialist, beside its weights.

::

    format            1
    dfcore_version    of the core that wrote it
    specialist, stage, dataset
    weights           SHA-256 of the weights (dfcore.models.files.weights.state_hash): it is of use with these alone
    videos            {"real": n, "fake": m} of the validation videos, those included that it abstained from
    coverage          the share that it judged; null without validation videos
    abstained         {reason: videos}
    calibration       dfcore.evaluation.verdicts.calibration.Calibration
    operating_points  {name: dfcore.evaluation.verdicts.operating_points.OperatingPoint}
    conformal         dfcore.evaluation.verdicts.conformal.ConformalVerdicts
    cue_calibration   the Calibration of the cue head's own margin

A margin is the mean log-odds of a video's samples (:class:`dfcore.evaluation.scored.ScoredVideo`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfcore.data.records import FAKE, REAL
from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.verdicts.calibration import Calibration, choose_calibration
from dfcore.evaluation.verdicts.rules import ALPHA, JudgedScore, VerdictRules, class_key
from dfcore.evaluation.verdicts.stored import beside, numbers, read_stored, require_weights, take, write_stored
from dfcore.version import __version__

if TYPE_CHECKING:
    from dfcore.evaluation.scored import ScoredVideo

__all__ = [
    "SUFFIX",
    "CalibrationFile",
    "calibrate_scores",
    "calibration_path",
    "identity",
    "require_validation",
]

SUFFIX = "_calibration.json"
REMEDY = "Calibrate again."


@dataclass(frozen=True, slots=True)
class CalibrationFile:
    """What the validation videos taught of one specialist's weights.

    Attributes:
        specialist, stage: whose weights they are; the stage is None where the weights name none.
        weights: the weights' hash.
        dataset: the title of the dataset that the validation videos are of.
        rules: calibration, operating points, conformal verdicts.
        cue: the calibration of the cue head alone.
        n_real, n_fake: validation videos, those included that the specialist abstained from.
        abstained: how many it abstained from, by reason.
    """

    specialist: str
    stage: int | None
    weights: str
    dataset: str
    rules: VerdictRules
    cue: Calibration
    n_real: int = 0
    n_fake: int = 0
    abstained: Mapping[str, int] | None = None

    @property
    def coverage(self) -> float | None:
        """The share of the validation videos that the specialist judged; None without any."""
        total = self.n_real + self.n_fake
        return 1 - sum((self.abstained or {}).values()) / total if total else None

    @property
    def judged_nothing(self) -> bool:
        """Whether it abstained from all of its validation videos: what it says of others was never tried."""
        return self.rules.calibration.n_real + self.rules.calibration.n_fake == 0

    def verdict_of(self, margin: float, in_class: str | None = None, *, prior: float = 0.5) -> JudgedScore:
        """What a margin says of a new video; see :meth:`VerdictRules.judge`."""
        return self.rules.judge(margin, in_class, prior=prior)

    def summary(self) -> str:
        """In a line, for a log."""
        left_out = sum((self.abstained or {}).values())
        rest = f"; it abstains from {left_out} of {self.n_real + self.n_fake}" if left_out else ""
        return self.rules.summary() + rest

    def write(self, path: Path | str) -> None:
        """Write the file, atomically.

        Raises:
            WriteError: it cannot be written; what was there is as it was.
        """
        write_stored(path, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As ``json`` takes it, under the names that the file has."""
        return {
            "dfcore_version": __version__,
            "specialist": self.specialist,
            "stage": self.stage,
            "dataset": self.dataset,
            "weights": self.weights,
            "videos": {"real": self.n_real, "fake": self.n_fake},
            "coverage": self.coverage,
            "abstained": dict(self.abstained or {}),
            **self.rules.to_dict(),
            "cue_calibration": self.cue.to_dict(),
        }

    @classmethod
    def read(cls, path: Path | str, weights_hash: str | None = None) -> CalibrationFile:
        """The content of a file.

        Args:
            path: see :func:`calibration_path`.
            weights_hash: of the weights that it is to be used with; None where it is only looked at.

        Raises:
            CheckpointError: it is missing, damaged, not such a file, or belongs to other weights.
        """
        stored = read_stored(path, REMEDY)
        try:
            videos = numbers(stored, "videos", int)
            found = cls(
                specialist=take(stored, "specialist", str),
                stage=take(stored, "stage", int, None),
                weights=take(stored, "weights", str),
                dataset=take(stored, "dataset", str),
                rules=VerdictRules.from_dict(stored),
                cue=Calibration.from_dict(take(stored, "cue_calibration", dict)),
                n_real=take(videos, "real", int),
                n_fake=take(videos, "fake", int),
                abstained=numbers(stored, "abstained", int),
            )
        except CheckpointError as error:
            raise CheckpointError(f"{path} is not a stored calibration: {error}. {REMEDY}") from error
        require_weights(path, found.weights, weights_hash, REMEDY)
        return found


def calibration_path(weights: Path) -> Path:
    """Where the calibration of a file of weights lies: beside it, under the specialist's and stage's name.

    ``cm_stage1_final.pt`` has ``cm_stage1_calibration.json``; an epoch's ``cm_stage1_epoch03.zip`` has its own,
    ``cm_stage1_epoch03_calibration.json``.
    """
    return beside(weights, SUFFIX)


def identity(video: ScoredVideo) -> Hashable | None:
    """The person whose footage the video is: of a face swap, the one who lent the body. None where it is not known."""
    return video.group[0] if video.group else None


def require_validation(videos: Sequence[ScoredVideo]) -> None:
    """Refuse to learn from anything but validation videos.

    Raises:
        UsageError: one of another split is among them.
    """
    other = next((video for video in videos if video.split != "val"), None)
    if other is not None:
        raise UsageError(
            f"{other.id} is of the {other.split or 'undecided'} split: calibration, thresholds and fusion are learnt "
            "from validation videos alone, or the test figures would measure what was fitted to them. Give the "
            "validation split."
        )


def calibrate_scores(
    videos: Sequence[ScoredVideo],
    *,
    specialist: str,
    stage: int | None,
    weights: str,
    dataset: str,
    alpha: float = ALPHA,
    seed: int = 0,
) -> CalibrationFile:
    """What the validation videos' scores teach. Too few of them, or none, give a file too: it says so in words.

    Args:
        videos: of the validation split, scored by these weights.
        specialist: its name.
        stage: in which the weights were trained; None where they do not say.
        weights: their hash.
        dataset: the title of the dataset that the videos are of.
        alpha: the false-alarm rate to promise.
        seed: of the cross-validation's folds.

    Raises:
        UsageError: a video is not of the validation split, or ``alpha`` is not between 0 and 0.5.
    """
    require_validation(videos)
    judged = [video for video in videos if video.margin is not None]
    labels, groups = [video.label for video in judged], [identity(video) for video in judged]
    rules = VerdictRules.fit(
        labels,
        [video.margin for video in judged if video.margin is not None],
        groups=groups,
        classes=[class_key(video.compression, video.codec) for video in judged],
        alpha=alpha,
        seed=seed,
    )
    cues = [video for video in judged if video.cue_margin is not None]
    cue = choose_calibration(
        [video.label for video in cues],
        [video.cue_margin for video in cues if video.cue_margin is not None],
        [identity(video) for video in cues],
        seed=seed,
    )
    abstained = Counter(video.abstain_reason or "no score" for video in videos if video.margin is None)
    count = Counter(video.label for video in videos)
    return CalibrationFile(
        specialist, stage, weights, dataset, rules, cue, count[REAL], count[FAKE], dict(sorted(abstained.items()))
    )
