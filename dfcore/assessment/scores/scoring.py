"""One specialist's scores on a split: checked, prepared, scored, and what it decides by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dfcore.assessment.explanations.faithfulness import measure_faithfulness
from dfcore.assessment.identities import ALL, check_identities
from dfcore.assessment.options import Job, Options
from dfcore.assessment.scores.decisions import Decisions, decide, may_validate, stored
from dfcore.assessment.scores.file import ScoresFile
from dfcore.config import override
from dfcore.console.progress import Bar
from dfcore.data.emulation.platforms import emulated
from dfcore.data.records import SPLITS, VideoRecord, emulated_id
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DataError, DatasetError
from dfcore.evaluation.scored import ScoredVideo, score_videos
from dfcore.models import factory
from dfcore.models.specialist import Specialist
from dfcore.plugins import registry
from dfcore.runs.hold import StoreHold
from dfcore.specs import SpecialistSpec
from dfcore.text import count_of
from dfcore.training.inputs.choose import Chosen, choose_videos
from dfcore.training.inputs.prepare import Prepared, clip_plan, store_path
from dfcore.training.inputs.sharing import prepare_together
from dfcore.training.loaders import worker_count
from dfcore.training.runtime.machine import Machine

__all__ = ["ScoredDetector", "prepare_jobs", "say_prepared", "score_emulated", "score_job", "unusable"]


@dataclass(frozen=True, slots=True)
class ScoredDetector:
    """What one detector says of the split's videos.

    Attributes:
        name: in the report.
        kind: ``specialist``, ``ensemble`` or ``probe``.
        about: what it is, for the report.
        videos: every video of the split, those without a score among them.
        decisions: what its validation videos taught.
        warnings: what a reader of its figures must know.
        no_control: why no video has a background control, where none has.
        faithfulness: whether its explanations name reasons (:mod:`dfcore.assessment.explanations.faithfulness`); None
            where that was not asked for.
    """

    name: str
    kind: str
    about: Mapping[str, Any]
    videos: list[ScoredVideo]
    decisions: Decisions
    warnings: list[str]
    no_control: str = ""
    faithfulness: Mapping[str, Any] | None = None


def prepare_jobs(jobs: Sequence[Job], options: Options, machine: Machine) -> None:
    """Prepare the split for all jobs that read the same clips, so that each video is decoded once and not once for
    each specialist. Every process calls this.

    Raises:
        DfcoreError: as :func:`score_job`.
    """
    alike: dict[str, list[Job]] = {}
    for job in jobs:
        alike.setdefault(repr(replace(job.config, specialist="")), []).append(job)
    for group in alike.values():
        specs = [registry().specialist(job.target.specialist) for job in group]
        if len(set(specs)) > 1:
            config = group[0].config
            chosen = machine.world.on_main(partial(choose_videos, config, specs))
            prepare_together(config, specs, chosen, _evaluated(options), machine)


def _evaluated(options: Options) -> tuple[str, ...]:
    return (*SPLITS, "") if options.split == ALL else (options.split,)


def score_job(job: Job, options: Options, machine: Machine, folder: Path) -> ScoredDetector:
    """Score the split's videos, and where nothing is stored beside the weights the validation videos that they may be
    calibrated on. Every process calls this and has the same result.

    Raises:
        DatasetError: the split has no videos.
        DataError: its identities were trained on.
        DfcoreError: as :func:`dfcore.assessment.assess.assess`.
    """
    target, config, world = job.target, job.config, machine.world
    dataset = config.stage.dataset
    spec = registry().specialist(target.specialist)
    chosen = world.on_main(lambda: choose_videos(config, [spec]))
    records = [record for record in chosen.records if options.takes(record)]
    if not records:
        raise DatasetError(_no_videos(chosen, options.split, config.data.root))
    warnings = world.on_main(lambda: _check_seen(job, chosen, options))
    file = world.on_main(lambda: stored(target))
    refused = may_validate(target, dataset, chosen.records) if file is None else "not needed"
    if options.split == ALL and not refused:
        refused = "its validation videos are among those that are evaluated"
    splits = tuple(dict.fromkeys((*_evaluated(options), *(() if refused else ("val",)))))
    prepared = prepare_together(config, [spec], chosen, splits, machine)
    say_prepared(target.label, len(records), options.split, prepared, machine)
    model = world.together(lambda: factory.load_to_judge(target.path, device=machine.device)[0])
    score = _Scorer(job, spec, model, prepared, options, machine, folder / "scores")
    videos = [*score(options.split), *unusable(records, prepared)]
    val = None if refused else [video for video in videos if video.split == "val"] or score("val")
    decisions = decide(
        target, options.operating_point, dataset=dataset, file=file, videos=val, refused="" if val else refused
    )
    faithfulness = None
    if options.faithfulness:
        faithfulness = world.on_main(lambda: _faithfulness(job, model, prepared, videos, decisions, options, machine))
    return ScoredDetector(
        target.label,
        "specialist",
        target.about(),
        videos,
        decisions,
        warnings,
        _no_control(spec, options),
        faithfulness,
    )


def score_emulated(
    job: Job, clean: ScoredDetector, platform: str, options: Options, machine: Machine, folder: Path
) -> ScoredDetector:
    """Score the split's videos as a platform would deliver them, under the decisions of the videos as they are. Their
    clips are in a store of their own. Every process calls this and has the same result.

    Args:
        job: the weights, and how they were evaluated.
        clean: what came of the videos as they are.
        platform: which.
        options: how.
        machine: on what.
        folder: of the evaluation.

    Raises:
        DfcoreError: as :func:`score_job`.
    """
    spec, world = registry().specialist(job.target.specialist), machine.world
    apart = emulated_id(str(store_path(job.config)), platform)
    job = replace(job, config=override(job.config, {"data.store": apart}))
    chosen = world.on_main(lambda: choose_videos(job.config, [spec]))
    records = tuple(emulated(record, platform) for record in chosen.records if options.takes(record))
    with ExitStack() as stack:
        world.on_main(lambda: stack.enter_context(StoreHold(Path(apart), "evaluating")) and None)
        prepared = prepare_together(job.config, [spec], replace(chosen, records=records), _evaluated(options), machine)
        say_prepared(f"{clean.name}, {platform}", len(records), options.split, prepared, machine)
        model = world.together(lambda: factory.load_to_judge(job.target.path, device=machine.device)[0])
        score = _Scorer(job, spec, model, prepared, options, machine, folder / "scores", platform)
        videos = [*score(options.split), *unusable(records, prepared)]
    about = {**clean.about, "emulation": platform}
    return replace(clean, about=about, videos=videos, faithfulness=None)


def _faithfulness(
    job: Job,
    model: Specialist,
    prepared: Prepared,
    videos: Sequence[ScoredVideo],
    decisions: Decisions,
    options: Options,
    machine: Machine,
) -> dict[str, Any]:
    config = job.config
    return measure_faithfulness(
        model,
        job.target.path,
        job.target.meta["hash"],
        ClipStore(prepared.store),
        prepared.records,
        videos,
        decisions,
        samples=config.data.eval_samples,
        clip_frames=clip_plan(config, [model.spec]).frames,
        device=machine.device,
        bar=lambda count: machine.log.bar(f"{job.target.label}, faithfulness", count),
        draws=options.draws,
        seed=options.seed,
    )


def _no_control(spec: SpecialistSpec, options: Options) -> str:
    if not options.control:
        return "it was not asked for"
    return "" if spec.spatial_map else "the cells of this specialist's cue map do not lie over the window"


def say_prepared(name: str, videos: int, split: str, prepared: Prepared, machine: Machine) -> None:
    """Say what the store has of the split."""
    report = prepared.report
    machine.log.say(
        f"{name}: {count_of(videos, 'video')} of {split}; {report.done} prepared now, {report.reused} there already, "
        f"{len(report.failed)} not usable"
    )
    for note in prepared.notes:
        machine.log.say(f"           {note}")


def _no_videos(chosen: Chosen, split: str, root: str) -> str:
    there = sorted({record.split for record in chosen.records if record.split})
    return (
        f"{chosen.dataset} in {root} has no {split} videos. It has those of: {', '.join(there) or 'no split'}. "
        "Evaluate one of these, all of them (split=all) if none of these people was trained on, or another dataset."
    )


def _check_seen(job: Job, chosen: Chosen, options: Options) -> list[str]:
    config = job.config
    try:
        return check_identities(
            job.target.meta, job.target.label, config.stage.dataset, config.data.root, chosen.records, options.split
        )
    except DataError as error:
        if not options.force:
            raise
        return [f"not to be reported: {error}"]


@dataclass(frozen=True, slots=True)
class _Scorer:
    """Scores one split after another with one model."""

    job: Job
    spec: SpecialistSpec
    model: Specialist
    prepared: Prepared
    options: Options
    machine: Machine
    folder: Path
    emulation: str = ""

    def __call__(self, split: str) -> list[ScoredVideo]:
        machine, config = self.machine, self.job.config
        store = ClipStore(self.prepared.store)
        records = [record for record in self.prepared.records if split in (ALL, record.split)]
        label = self.job.target.label if split == self.options.split else f"{self.job.target.label}_{split}"
        label = f"{label}_{self.emulation}" if self.emulation else label
        file = ScoresFile(self.folder, label, self._made_of(split), store, records, machine.world.rank)
        already = machine.world.on_main(lambda: self._already(file))
        left = len(records) - len(already)
        with closing(machine.log.bar(f"{label}, {split}", left)) as bar:
            return score_videos(
                self.model,
                store,
                records,
                device=machine.device,
                precision=machine.precision,
                samples=config.data.eval_samples,
                clip_frames=clip_plan(config, [self.spec]).frames,
                batch_size=self.options.batch_size,
                workers=worker_count(config.data.workers, machine.device, machine.world.local_size),
                world=machine.world,
                progress=_both(file.append, bar, machine.world.size),
                already=already,
                control=self.options.control,
                check=machine.limit.check,
            )

    def _already(self, file: ScoresFile) -> list[ScoredVideo]:
        if not self.options.resume:
            file.discard()
            return []
        found = file.read()
        if found:
            self.machine.log.say(f"           {count_of(len(found), 'video')} scored already")
        return found

    def _made_of(self, split: str) -> dict[str, object]:
        config = self.job.config
        return {
            "format": 1,
            "weights": self.job.target.meta["hash"],
            "dataset": config.stage.dataset,
            "root": str(config.data.root),
            "split": split,
            "plan": clip_plan(config, [self.spec]).to_json(),
            "samples": config.data.eval_samples,
            "bystanders": config.data.bystanders,
            "precision": self.machine.precision.name,
            "control": self.options.control,
            **({"emulation": self.emulation} if self.emulation else {}),
        }


def _both(write: Callable[[ScoredVideo], None], bar: Bar, processes: int) -> Callable[[ScoredVideo], None]:
    def done(video: ScoredVideo) -> None:
        write(video)
        bar.update(processes)  # the others are about as far

    return done


def unusable(records: Sequence[VideoRecord], prepared: Prepared) -> list[ScoredVideo]:
    """The videos that could not be prepared, as ones without a score."""
    there = {record.id for record in prepared.records}
    reasons = {failure.id: failure.reason for failure in prepared.report.failed}
    return [
        ScoredVideo(
            record.id,
            record.label,
            path=str(record.path),
            split=record.split,
            group=record.group,
            manipulation=record.manipulation,
            compression=record.compression,
            abstain_reason=f"not prepared: {_plain(reasons.get(record.id, 'no reason is known'), record)}",
        )
        for record in records
        if record.id not in there
    ]


def _plain(reason: str, record: VideoRecord) -> str:
    """The reason without the file's name, so that equal ones are counted together."""
    return reason.replace(f"{record.path}: ", "")
