"""Evaluate specialists on a split of a dataset: prepare, score, measure, write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfcore.assessment.identities import check_identities
from dfcore.assessment.report import Evaluation, Scored, write_report
from dfcore.assessment.scores_file import ScoresFile
from dfcore.assessment.targets import Target
from dfcore.assessment.thresholds import Validated, validated
from dfcore.config import TrainConfig
from dfcore.data.records import SPLITS, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.device import choose_device
from dfcore.errors import DatasetError, UsageError
from dfcore.evaluation.report import measure
from dfcore.evaluation.scored import ScoredVideo, score_videos
from dfcore.models import factory
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.training.inputs.choose import Chosen, choose_videos
from dfcore.training.inputs.prepare import Prepared, clip_plan
from dfcore.training.inputs.sharing import prepare_together
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.machine import Machine, device_name, make_machine
from dfcore.training.runtime.time_limit import TimeLimit

__all__ = ["Job", "Options", "assess"]


@dataclass(frozen=True, slots=True)
class Job:
    """A file of weights, and the configuration by which it is evaluated: data, clips, samples, device."""

    target: Target
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class Options:
    """How it is evaluated.

    Attributes:
        split: ``test``, ``val``, or with ``force`` ``train``.
        operating_point: whose threshold decisions are taken at (:data:`dfcore.evaluation.verdicts.operating_points.
            AIMS`).
        control: also judge each sample with its face replaced by background.
        draws: bootstrap draws of each interval.
        seed: of the draws.
        batch_size: samples in a forward pass, at most.
        force: evaluate on what was trained on all the same; the report says so.
        resume: keep the scores that an evaluation which was stopped has made.
    """

    split: str = "test"
    operating_point: str = "equal_error"
    control: bool = True
    draws: int = 1000
    seed: int = 0
    batch_size: int = 8
    force: bool = False
    resume: bool = False


def assess(jobs: Sequence[Job], options: Options) -> Evaluation:
    """Evaluate each job's weights; all jobs have the same dataset, root and ``run.out``.

    Under ``torchrun`` every process calls this and has the same result; the first one writes.

    Raises:
        UsageError: the split is not one to report figures of.
        DataError: the dataset cannot be used, or identities of the split were trained on.
        ModelError: weights cannot be read, or give what is no number.
        RunExistsError: the scores that are there are of another evaluation.
        WriteError: the report cannot be written.
    """
    _check(options)
    first = jobs[0].config
    world = World.start(lambda local_rank: choose_device(first.run.device, local_rank))
    try:
        machine = make_machine(first, world, TimeLimit(first.run.time_limit))
        return _assess(jobs, options, machine)
    except BaseException:
        world.let_speak()
        raise
    finally:
        world.close()


def _check(options: Options) -> None:
    if options.split not in SPLITS:
        raise UsageError(f"there is no split {options.split!r}; choose from {', '.join(SPLITS)}.")
    if options.split == "train" and not options.force:
        raise UsageError(
            "the training split gives no figures that may be reported: the weights were fitted to it. Evaluate on "
            "test, or pass force=True to look at it all the same."
        )


def _assess(jobs: Sequence[Job], options: Options, machine: Machine) -> Evaluation:
    first, started = jobs[0].config, time.monotonic()
    folder = _folder(jobs, options)
    dataset = registry().dataset(first.stage.dataset)
    machine.log.say(f"evaluating {', '.join(job.target.label for job in jobs)} on {options.split}")
    machine.log.say(f"device     {device_name(machine)}, {machine.precision.name}: {machine.precision.reason}")
    machine.log.say(f"data       {dataset.title} in {first.data.root}")
    found = [_score_one(job, options, machine, folder) for job in jobs]
    document = {
        "format": 1,
        "dataset": dataset.name,
        "title": dataset.title,
        "root": str(first.data.root),
        "split": options.split,
        "device": device_name(machine),
        "precision": machine.precision.name,
        "processes": machine.world.size,
    }
    measured = machine.world.on_main(lambda: [_measured(one, options) for one in found])
    scored = [Scored(one.label, videos, one.ratios) for one, videos in ((o.scored, o.videos) for o in found)]
    seconds = time.monotonic() - started
    return machine.world.on_main(
        lambda: write_report(folder, {**document, "seconds": round(seconds, 1), "detectors": measured}, scored)
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What one job came to."""

    job: Job
    videos: list[ScoredVideo]
    scored: Validated
    warnings: list[str]


def _measured(found: _Found, options: Options) -> dict[str, Any]:
    figures = measure(
        found.videos,
        threshold=found.scored.threshold,
        ratios=found.scored.ratios,
        draws=options.draws,
        seed=options.seed,
    )
    target = found.job.target
    return {
        "name": target.label,
        "kind": "specialist",
        "weights": target.about(),
        **figures,
        "calibration": found.scored.about,
        "warnings": [*found.warnings, *figures["warnings"]],
    }


def _folder(jobs: Sequence[Job], options: Options) -> Path:
    first = jobs[0].config
    labels = [job.target.label.replace("/", "_") for job in jobs]
    who = "+".join(labels) if len(labels) <= 5 else f"{len(labels)}_models"
    return Path(first.run.out) / "evaluations" / f"{who}_on_{first.stage.dataset}_{options.split}"


def _score_one(job: Job, options: Options, machine: Machine, folder: Path) -> _Found:
    target, config, world = job.target, job.config, machine.world
    spec = registry().specialist(target.specialist)
    chosen = world.on_main(lambda: choose_videos(config, [spec]))
    records = [record for record in chosen.records if record.split == options.split]
    if not records:
        raise DatasetError(_no_videos(chosen, options.split, config))
    warnings = world.on_main(lambda: _check_seen(job, chosen, options))
    wants_val = validated.needs_videos(target, config, options.operating_point)
    splits = tuple(dict.fromkeys([options.split, *(["val"] if wants_val else [])]))
    prepared = prepare_together(config, [spec], chosen, splits, machine)
    _say_prepared(prepared, machine)
    model = world.together(lambda: factory.load(target.path, device=machine.device))
    store = ClipStore(prepared.store)

    def score(split: str) -> list[ScoredVideo]:
        return _score_split(job, spec, model, store, prepared, split, options, machine, folder / "scores")

    videos = [*score(options.split), *_unusable(records, prepared)]
    val = (videos if options.split == "val" else score("val")) if wants_val else None
    return _Found(job, videos, validated(target, config, options.operating_point, val), warnings)
