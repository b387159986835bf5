"""What is evaluated, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dfcore.assessment.identities import ALL
from dfcore.assessment.scores.decisions import check_operating_point
from dfcore.assessment.targets import Target
from dfcore.config import TrainConfig
from dfcore.data.emulation.platforms import find_platform
from dfcore.data.records import SPLITS, VideoRecord
from dfcore.errors import UnknownNameError, UsageError

__all__ = ["SCRATCH", "Job", "Options", "options_of"]

SCRATCH = "scratch"
"""In place of a file of weights: a random start."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file of weights, and the configuration by which it is evaluated: data, clips, samples, device."""

    target: Target
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class Options:
    """How it is evaluated.

    Attributes:
        split: ``test``, ``val``, or with ``force`` ``train``; ``all`` takes every video of a dataset whose people were
            not trained on.
        operating_point: whose threshold decisions are taken at: ``equal_error``, ``false_alarms_1``,
            ``false_alarms_5``.
        control: also judge each sample with its face replaced by background.
        draws: bootstrap draws of each interval.
        seed: of the draws.
        batch_size: samples in a forward pass, at most.
        force: evaluate on what was trained on all the same; the report says so.
        resume: keep the scores that an evaluation which was stopped has made.
        plots: draw the curves.
        faithfulness: also measure whether what explanations name is a reason; takes as long as the scores, or longer.
        probe: a timm encoder; its linear probe is a baseline beside the detectors. "" for none.
        probe_weights: a file with the encoder's weights, in place of timm's own; ``scratch`` starts it at random, for
            trying without a network.
        emulate: platforms; the split is also evaluated as they would deliver it, beside the videos as they are.

    Raises:
        UsageError: the split or the operating point is none, or the split is not one to report figures of; or a number
            is below 1.
    """

    split: str = "test"
    operating_point: str = "equal_error"
    control: bool = True
    draws: int = 1000
    seed: int = 0
    batch_size: int = 8
    force: bool = False
    resume: bool = False
    plots: bool = True
    faithfulness: bool = False
    probe: str = ""
    probe_weights: str = ""
    emulate: tuple[str, ...] = ()

    def takes(self, record: VideoRecord) -> bool:
        """Whether a video is evaluated."""
        return self.split in (ALL, record.split)

    def __post_init__(self) -> None:
        if self.split not in (*SPLITS, ALL):
            raise UsageError(f"there is no split {self.split!r}; choose from {', '.join((*SPLITS, ALL))}.")
        if self.split == ALL and self.probe:
            raise UsageError("a probe is fitted to the training videos: evaluate it on test or val, not on all.")
        if self.split == "train" and not self.force:
            raise UsageError(
                "the training split gives no figures that may be reported: the weights were fitted to it. Evaluate on "
                "test, or pass force=True to look at it all the same."
            )
        check_operating_point(self.operating_point)
        for platform in self.emulate:
            find_platform(platform)
        for name in ("draws", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}.")


def options_of(given: Mapping[str, Any]) -> Options:
    """The options by their names.

    Raises:
        UnknownNameError: there is no option of that name; the nearest is suggested.
        UsageError: as :class:`Options`.
    """
    known = {field.name for field in fields(Options)}
    for name in given:
        if name not in known:
            raise UnknownNameError("option of evaluate", name, known)
    given = dict(given)
    emulate = given.get("emulate", ())
    given["emulate"] = (emulate,) if isinstance(emulate, str) and emulate else tuple(emulate)
    return Options(**given)
