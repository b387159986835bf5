"""Evaluate specialists on a split of a dataset: prepare, score, measure, write."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from dfcore.assessment.options import Job, Options
from dfcore.assessment.output.write import verdict_shares, write_evaluation
from dfcore.assessment.result import Evaluation
from dfcore.assessment.scores.fused import fuse, plain_mean
from dfcore.assessment.scores.probing import score_probe
from dfcore.assessment.scores.scoring import ScoredDetector, prepare_jobs, score_emulated, score_job
from dfcore.console.progress import TERMINAL, Progress
from dfcore.device import choose_device
from dfcore.evaluation.report import measure
from dfcore.evaluation.verdicts.ensemble import StoredEnsemble
from dfcore.filesystem.writing import require_place
from dfcore.plugins import registry
from dfcore.runs.hold import StoreHold
from dfcore.training.inputs.prepare import store_path
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.machine import Machine, device_name, make_machine
from dfcore.training.runtime.time_limit import TimeLimit
from dfcore.version import __version__

__all__ = ["assess"]


def assess(
    jobs: Sequence[Job],
    options: Options,
    ensembles: Mapping[str, StoredEnsemble] | None = None,
    progress: Progress = TERMINAL,
) -> Evaluation:
    """Evaluate each job's weights; all jobs have the same dataset, root and ``run.out``.

    ``ensembles``, by name, are evaluated on their members' scores: each member is among the jobs.

    Under ``torchrun`` every process calls this and has the same result; the first one writes.

    Raises:
        DataError: the dataset cannot be used, or identities of the split were trained on.
        ModelError: weights cannot be read, or give what is no number.
        RunExistsError: the scores that are there are of another evaluation.
        WriteError: the report cannot be written.
    """
    first = jobs[0].config
    world = World.start(lambda local_rank: choose_device(first.run.device, local_rank))
    try:
        machine = make_machine(first, world, TimeLimit(first.run.time_limit), progress)
        with ExitStack() as stack:
            world.on_main(lambda: _hold(stack, jobs))
            world.on_main(lambda: require_place(_folder(jobs, options) / "evaluation.json"))
            return _assess(jobs, options, ensembles or {}, machine)
    except BaseException:
        world.let_speak()
        raise
    finally:
        world.close()


def _hold(stack: ExitStack, jobs: Sequence[Job]) -> None:
    """Nobody deletes the stores while they are read."""
    for store in sorted({store_path(job.config) for job in jobs}):
        stack.enter_context(StoreHold(store, "evaluating"))


def _assess(
    jobs: Sequence[Job], options: Options, ensembles: Mapping[str, StoredEnsemble], machine: Machine
) -> Evaluation:
    config, started = jobs[0].config, time.monotonic()
    dataset, folder = registry().dataset(config.stage.dataset), _folder(jobs, options)
    log = machine.log
    log.say(f"evaluating {', '.join(job.target.label for job in jobs)} on the {options.split} split")
    log.say(f"device     {device_name(machine)}, {machine.precision.name}: {machine.precision.reason}")
    log.say(f"data       {dataset.title} in {config.data.root}")
    prepare_jobs(jobs, options, machine)
    scored = [score_job(job, options, machine, folder) for job in jobs]
    scored += [fuse(name, ensemble, scored, options) for name, ensemble in ensembles.items()]
    if ensembles and len(jobs) > 1:
        scored.append(plain_mean(scored))
    clean = {one.name: one for one in scored}
    for platform in options.emulate:
        scored += _emulated(jobs, clean, platform, options, ensembles, machine)
    if options.probe:
        scored.append(score_probe(config, options, machine))

    def finish() -> Evaluation:
        document = {
            "format": 1,
            "dfcore_version": __version__,
            "dataset": dataset.name,
            "title": dataset.title,
            "generated": dataset.generated,
            "root": str(config.data.root),
            "split": options.split,
            "device": device_name(machine),
            "precision": machine.precision.name,
            "processes": machine.world.size,
            "detectors": [_measured(one, options) for one in scored],
            "seconds": round(time.monotonic() - started, 1),
        }
        return write_evaluation(folder, document, scored, plots=options.plots, warn=log.warn)

    return machine.world.on_main(finish)


def _emulated(
    jobs: Sequence[Job],
    clean: Mapping[str, ScoredDetector],
    platform: str,
    options: Options,
    ensembles: Mapping[str, StoredEnsemble],
    machine: Machine,
) -> list[ScoredDetector]:
    """The same detectors on the videos as a platform would deliver them, named so."""
    folder = _folder(jobs, options)
    found = [score_emulated(job, clean[job.target.label], platform, options, machine, folder) for job in jobs]
    found += [fuse(name, ensemble, found, options) for name, ensemble in ensembles.items()]
    if ensembles and len(jobs) > 1:
        found.append(plain_mean(found))
    return [replace(one, name=f"{one.name} ({platform})", about={**one.about, "emulation": platform}) for one in found]


def _measured(scored: ScoredDetector, options: Options) -> dict[str, Any]:
    decisions = scored.decisions
    figures = measure(
        scored.videos,
        threshold=decisions.threshold,
        ratios=decisions.ratios,
        no_control=scored.no_control,
        draws=options.draws,
        seed=options.seed,
    )
    warnings = [*scored.warnings, *figures.pop("warnings")]
    return {
        "name": scored.name,
        "kind": scored.kind,
        "weights": dict(scored.about),
        "calibration": decisions.about(),
        **figures,
        "verdicts": verdict_shares(scored.videos, decisions.rules),
        "faithfulness": None if scored.faithfulness is None else dict(scored.faithfulness),
        "warnings": warnings,
    }


def _folder(jobs: Sequence[Job], options: Options) -> Path:
    config = jobs[0].config
    labels = [job.target.label.replace("/", "_") for job in jobs]
    who = "+".join(labels) if len(labels) <= 5 else f"{len(labels)}_models"
    return Path(config.run.out) / "evaluations" / f"{who}_on_{config.stage.dataset}_{options.split}"
