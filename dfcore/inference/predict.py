"""Verdicts on files: each specialist judges what it would judge alone, and a file's failure is that file's reason."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from dfcore.data.clips import Clip
from dfcore.data.faces.look import find_detector
from dfcore.data.protocols import FaceDetector
from dfcore.errors import DataError, DfcoreError, UnknownNameError, UsageError
from dfcore.evaluation.verdicts.rules import class_key
from dfcore.inference.ahead.early import EarlyStart
from dfcore.inference.ahead.jobs import Job, join_jobs
from dfcore.inference.clips import Extraction
from dfcore.inference.isolation import IsolatedExtractor, can_isolate, worker_count
from dfcore.inference.judging import judge, probability
from dfcore.inference.models import Roster, find_models, load_models, people_number
from dfcore.inference.people import by_person, same_people
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore
from dfcore.inference.scan import Files, scan_files
from dfcore.inference.verdict import Judge, find_judge
from dfcore.text import described

__all__ = ["ENGINES", "PathLike", "Predictor", "engine_device", "open_predictor", "predict"]

PathLike = str | os.PathLike[str]
ENGINES = ("torch", "onnxruntime")
"""What runs the models."""


def predict(
    files: PathLike | Sequence[PathLike],
    models: PathLike | Sequence[PathLike] = "runs",
    *,
    people: int | str | None = None,
    samples: int | None = None,
    detector: str | None = None,
    device: str = "auto",
    ensemble: PathLike | None = None,
    prior: float = 0.5,
    isolate: bool = True,
    workers: int | None = None,
    engine: str = "torch",
) -> Generator[FileResult, None, None]:
    """Judge videos and photos with trained specialists, file by file.

    Each specialist judges with what it was trained with (face detector, clips, people, samples), and what it says does
    not depend on which others judge beside it. The models are loaded when this is called, files are judged as the
    iterator is advanced.

    Args:
        files: files, and folders of them.
        models: weights, runs' folders, folders of runs.
        people: judge so many in each file, or ``"all"``; None: as many as each specialist was trained with.
        samples: samples a person; None: as many as in each specialist's own evaluation.
        detector: an announced face detector, in place of those that the specialists were trained with.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        ensemble: an ``ensemble.json``; None takes the one that lies beside the runs, if there is one.
        prior: the share of fakes among such videos, before they are judged; it moves the probability alone.
        isolate: decode in processes of their own, so that a decoder that crashes or hangs costs one file.
        workers: such processes; None chooses by cores and memory. Results come in the order of the files in any case.
        engine: ``torch``, or ``onnxruntime``: the models are run from ONNX files beside their weights, which are
            exported where there are none. On the CPU alone; needs ``dfcore[onnx]``.

    Returns:
        A result for each file. One that cannot be judged has the verdict ``none`` and the reason; it is not raised.

    Raises:
        ModelError: no model can be loaded.
        DataError: there is nothing to judge.
        UsageError: an argument cannot be used.
        PluginError: a plugin's code raised something; from the iterator too.
    """
    predictor, listed = open_predictor(
        files,
        models,
        people=people,
        samples=samples,
        detector=detector,
        device=device,
        ensemble=ensemble,
        prior=prior,
        isolate=isolate,
        workers=workers,
        engine=engine,
    )
    return predictor.results(listed.found, listed.refused)


def open_predictor(
    files: PathLike | Sequence[PathLike],
    models: PathLike | Sequence[PathLike] = "runs",
    *,
    people: int | str | None = None,
    samples: int | None = None,
    detector: str | None = None,
    device: str = "auto",
    ensemble: PathLike | None = None,
    prior: float = 0.5,
    isolate: bool = True,
    workers: int | None = None,
    engine: str = "torch",
) -> tuple[Predictor, Files]:
    """The specialists, ready to judge, and the files; arguments and errors as in :func:`predict`."""
    from dfcore.device import choose_device

    listed = scan_files([Path(path) for path in _listed(files)])
    chosen = str(choose_device(engine_device(engine, device)))
    roster = find_and_load(_listed(models), chosen, people=people, samples=samples, detector=detector, engine=engine)
    judge_ = find_judge(roster.members, None if ensemble is None else Path(ensemble), prior=prior)
    return Predictor(roster, judge_, chosen, isolate=isolate, workers=workers), listed


def find_and_load(
    models: Sequence[PathLike],
    device: str,
    *,
    people: int | str | None = None,
    samples: int | None = None,
    detector: str | None = None,
    engine: str = "torch",
) -> Roster:
    """The specialists that are meant; arguments as in :func:`predict`."""
    for name, value in (("people", people), ("samples", samples)):
        if value is not None and value != "all" and not (isinstance(value, int) and value >= 1):
            raise UsageError(f"{name} must be a number from 1, not {value!r}.")
    number = people_number(people)
    found, notes = find_models([Path(path) for path in models])
    return load_models(found, device, people=number, samples=samples, detector=detector, notes=notes, engine=engine)


def engine_device(engine: str, device: str) -> str:
    """The device that is asked for, where the engine can compute there.

    Raises:
        UsageError: there is no such engine, or it cannot.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    if engine == "torch":
        return device
    if device not in ("auto", "cpu"):
        raise UsageError(f"ONNX Runtime judges on the CPU here, not on {device}. Use device=cpu, or engine=torch.")
    return "cpu"


def _listed(paths: PathLike | Sequence[PathLike]) -> list[PathLike]:
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


class Predictor:
    """Judges files with loaded specialists.

    Args:
        roster: the specialists.
        judge: what decides on their scores.
        device: where they are.
        isolate: decode in processes of their own, where the system can.
        detector: finds faces in place of the plans'; it is used in this process, so nothing is isolated then.
        workers: processes that decode; None chooses.
        early: a process that was started before, and may have the first file.

    Raises:
        UsageError: ``workers`` is no number from 1.
    """

    def __init__(
        self,
        roster: Roster,
        judge: Judge,
        device: str = "cpu",
        *,
        isolate: bool = True,
        detector: FaceDetector | None = None,
        workers: int | None = None,
        early: EarlyStart | None = None,
    ) -> None:
        if workers is not None and not (isinstance(workers, int) and workers >= 1):
            raise UsageError(f"workers must be a number from 1, not {workers!r}.")
        self.workers, self.early = workers, early
        self.roster, self.judge, self.device, self.detector = roster, judge, device, detector
        self.isolate = isolate and detector is None and can_isolate()
        self.jobs = join_jobs([Job.of(member.plan, member.model.spec.evidence) for member in roster.members])
        self.job_of = {
            member.label: next(i for i, job in enumerate(self.jobs) if job.takes(member.plan))
            for member in roster.members
        }
        if detector is None:
            for job in self.jobs:
                find_detector(job.plan.detector)  # an unknown name is an error of the call, not of each file

    def results(
        self, paths: Sequence[Path], refused: Sequence[tuple[Path, str]] = ()
    ) -> Generator[FileResult, None, None]:
        """The result of each file in turn, those that cannot be read at all first. Close it to stop early."""
        for path, reason in refused:
            yield self.refused(path, reason)
        with closing(self.extractions(paths)) as found:
            for extraction in found:
                yield self.result(extraction)

    def refused(self, path: Path, reason: str) -> FileResult:
        """The result of a file that is not looked at."""
        return FileResult(path, "none", reason=reason, models=self.roster.hashes)

    def extractions(self, paths: Sequence[Path]) -> Generator[Extraction, None, None]:
        """The clips of each file in turn. Close it to stop early."""
        if self.isolate:
            workers = worker_count(self.workers, self.device, len(paths))
            with IsolatedExtractor(self.jobs, workers, self.early) as extractor:
                yield from extractor.extract_all(paths)
        else:
            from dfcore.inference.extraction import extract

            for path in paths:
                yield extract(path, self.jobs, detector=self.detector)

    def result(self, extraction: Extraction) -> FileResult:
        """The result of a file whose clips are there. Whatever its judging raises is its reason.

        Raises:
            PluginError: a plugin's code raised something.
        """
        path = extraction.path
        nothing = FileResult(
            path, "none", notes=extraction.notes, passing=extraction.passing, models=self.roster.hashes
        )
        if extraction.reason:
            return replace(nothing, reason=extraction.reason)
        try:
            return self._judged(extraction, nothing)
        except DataError as error:
            return replace(nothing, reason=f"{path}: {error}")
        except DfcoreError:
            raise
        except Exception as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
                reason = f"{path}: there is not enough memory to judge it on {self.device} ({described(error)})."
                return replace(nothing, reason=reason, passing=True)
            reason = f"{path}: judging it failed ({described(error)}). Look at the file, or leave it out."
            return replace(nothing, reason=reason)

    def _judged(self, extraction: Extraction, nothing: FileResult) -> FileResult:
        people = self.people(extraction)
        seen = max(found.people_seen for found in extraction.jobs)
        if not people:
            reasons = dict.fromkeys(found.reason for found in extraction.jobs if found.reason)
            return replace(nothing, reason=" ".join(reasons), people_seen=seen)
        why_not = [found.reason for found in extraction.jobs]
        judged = tuple(self._person(number, clips, why_not) for number, clips in sorted(people.items()))
        scored = [person for person in judged if person.margin is not None]
        if not scored:
            said = {f"{name}: {score.abstained}" for person in judged for name, score in person.specialists.items()}
            reason = "every specialist abstained: " + "; ".join(sorted(said))
            return replace(nothing, reason=reason, people_seen=seen, people=judged)
        worst = max(scored, key=lambda person: (person.margin or 0.0, -person.person))
        return replace(
            nothing,
            verdict=worst.verdict,
            score=worst.score,
            margin=worst.margin,
            probability=worst.probability,
            log_likelihood_ratio=worst.log_likelihood_ratio,
            person=worst.person,
            reason=worst.reason,
            people_seen=seen,
            people=judged,
        )

    def people(self, extraction: Extraction) -> dict[int, dict[int, list[Clip]]]:
        """Each person's clips, by the number of the job that they were cut for."""
        people: dict[int, dict[int, list[Clip]]] = {}
        for number, found in enumerate(extraction.jobs):
            clips = by_person(found.clips)
            known = {person: next(iter(of.values())) for person, of in people.items()}
            for person, name in same_people(known, clips).items():
                people.setdefault(name, {})[number] = clips[person]
        return people

    def _person(self, number: int, clips: Mapping[int, list[Clip]], why_not: Sequence[str]) -> PersonResult:
        scores: dict[str, SpecialistScore] = {}
        for member in self.roster.members:
            job = self.job_of[member.label]
            own = clips.get(job)
            if own is None:
                reason = why_not[job] or f"it judges {member.plan.people} in a file, and not this person"
                scores[member.label] = SpecialistScore(abstained=reason, counted=member.counted)
            else:
                scores[member.label] = judge(member, own, self.device)
        first = next(iter(clips.values()))[0]
        margins = {name: score.margin for name, score in scores.items() if score.margin is not None and score.counted}
        header = first.header
        person = PersonResult(
            person=number,
            verdict="none",
            score=None,
            margin=None,
            probability=None,
            log_likelihood_ratio=None,
            reason="every specialist whose scores count abstained",
            specialists=scores,
            first_frame=header.frames[0],
            first_time=header.times[0],
            box=header.boxes[0],
        )
        if not margins:
            return person
        decision = self.judge.decide(margins, class_key(codec=first.source.codec))
        return replace(
            person,
            verdict=decision.verdict,
            score=probability(decision.margin),
            margin=decision.margin,
            probability=decision.probability,
            log_likelihood_ratio=decision.log_likelihood_ratio,
            reason=decision.reason,
            capped=decision.capped,
            statement=decision.statement,
        )
