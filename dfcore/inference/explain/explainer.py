"""Results with explanations, file by file: :func:`dfcore.explain`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from dfcore.data.clips import Clip
from dfcore.errors import DataError, DfcoreError
from dfcore.evaluation.verdicts.rules import class_key
from dfcore.inference.clips import Extraction
from dfcore.inference.course import extract_course
from dfcore.inference.explain.course import Timeline, clip_value
from dfcore.inference.explain.frames import key_frames
from dfcore.inference.explain.person import explain_person, find_genuine
from dfcore.inference.explanation import Explained, FileExplanation, PersonExplanation, SpecialistExplanation
from dfcore.inference.isolation import IsolatedExtractor
from dfcore.inference.people import by_person, same_people
from dfcore.inference.predict import PathLike, Predictor, open_predictor
from dfcore.inference.results import FileResult, PersonResult
from dfcore.text import described

__all__ = ["EVERY", "Explainer", "explain"]

EVERY = 1.0
"""Seconds from one clip along a video to the next."""

Clips = Mapping[int, Mapping[int, Sequence[Clip]]]
"""By person, then by the number of the job."""
Timelines = dict[tuple[int, str], Timeline]
"""By person and specialist."""


def explain(
    files: PathLike | Sequence[PathLike],
    models: PathLike | Sequence[PathLike] = "runs",
    *,
    every: float = EVERY,
    people: int | str | None = None,
    samples: int | None = None,
    detector: str | None = None,
    device: str = "auto",
    ensemble: PathLike | None = None,
    prior: float = 0.5,
    isolate: bool = True,
) -> Generator[Explained, None, None]:
    """Judge videos and photos as :func:`dfcore.predict` does, and say what each score rests on.

    The verdicts are those of ``predict``. Beside each stand, for each person and specialist, the effect of taking each
    cue and each region away, the score's course through the video with the stretches that are called forged, and one
    sentence of what was measured. Each file is decoded twice, and its clips along the video are judged besides.

    Args:
        files: files, and folders of them.
        models: weights, runs' folders, folders of runs.
        every: seconds from one clip along the video to the next; a very long video has them further apart.
        people: as in :func:`dfcore.predict`, like all that follow.
        samples: likewise.
        detector: likewise.
        device: likewise.
        ensemble: likewise.
        prior: likewise.
        isolate: likewise.

    Returns:
        For each file its result and the explanation. A file without a verdict has nobody in its explanation.

    Raises:
        UsageError: ``every`` is not above 0, or as :func:`dfcore.predict`, like all other errors.
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
    )
    return Explainer(predictor, every=every).results(listed.found, listed.refused)


class Explainer:
    """Explains what a predictor judges.

    Args:
        predictor: judges.
        every: seconds from one clip along the video to the next.

    Raises:
        UsageError: ``every`` is not above 0.
    """

    def __init__(self, predictor: Predictor, *, every: float = EVERY) -> None:
        Timeline(1, 25.0, every)  # refuses what it cannot use at once
        self.predictor, self.every = predictor, every
        self._genuine = {member.label: find_genuine(member) for member in predictor.roster.members}
        self._course: IsolatedExtractor | None = None

    def results(
        self, paths: Sequence[Path], refused: Sequence[tuple[Path, str]] = ()
    ) -> Generator[Explained, None, None]:
        """Result and explanation of each file in turn, those that cannot be read at all first."""
        for path, reason in refused:
            yield Explained(self.predictor.refused(path, reason), FileExplanation(path))
        with ExitStack() as stack:
            if self.predictor.isolate and paths:
                self._course = stack.enter_context(IsolatedExtractor(self.predictor.jobs))
            for extraction in stack.enter_context(closing(self.predictor.extractions(paths))):
                yield self.explained(extraction)

    def explained(self, extraction: Extraction) -> Explained:
        """The result of a file whose clips are there, and its explanation. What stops an explanation is a note in it.

        Raises:
            PluginError: a plugin's code raised something.
        """
        result = self.predictor.result(extraction)
        if not result.people:
            return Explained(result, FileExplanation(extraction.path))
        try:
            return Explained(result, self._explanation(extraction, result))
        except DfcoreError as error:
            if not isinstance(error, DataError):
                raise
            return Explained(result, FileExplanation(extraction.path, notes=(str(error),)))
        except Exception as error:
            note = f"{extraction.path}: explaining it failed ({described(error)}); the verdict stands."
            return Explained(result, FileExplanation(extraction.path, notes=(note,)))

    def _explanation(self, extraction: Extraction, result: FileResult) -> FileExplanation:
        clips = self.predictor.people(extraction)
        timelines, facts, notes = self._timelines(extraction.path, clips)
        people = tuple(self._person(one, clips[one.person], timelines) for one in result.people)
        return FileExplanation(extraction.path, people, facts, tuple(notes))

    def _person(
        self, person: PersonResult, clips: Mapping[int, Sequence[Clip]], timelines: Timelines
    ) -> PersonExplanation:
        found: dict[str, SpecialistExplanation] = {}
        for member in self.predictor.roster.members:
            score, own = person.specialists[member.label], clips.get(self.predictor.job_of[member.label])
            if own is None or score.abstained:
                title = member.model.spec.title
                found[member.label] = SpecialistExplanation(member.label, title, abstained=score.abstained)
                continue
            genuine, note = self._genuine[member.label]
            found[member.label] = explain_person(
                member,
                own,
                genuine,
                timelines[person.person, member.label],
                self.predictor.device,
                in_class=class_key(codec=own[0].source.codec),
                note=note,
            )
        return PersonExplanation(person.person, found, key_frames(next(iter(clips.values()))))

    def _timelines(self, path: Path, clips: Clips) -> tuple[Timelines, dict[str, Any], list[str]]:
        """Each person's clips along the video as each specialist judges them; the file's facts; what went wrong."""
        source = next(iter(next(iter(clips.values())).values()))[0].source
        members, job_of = self.predictor.roster.members, self.predictor.job_of
        timelines = {
            (person, member.label): Timeline(source.frame_count, source.fps, self.every, member.plan.frames)
            for person in clips
            for member in members
        }
        facts: dict[str, Any] = {}
        notes: list[str] = []
        last: dict[int, dict[int, list[Clip]]] = {}
        for part in self._parts(path):
            facts |= part.facts
            if part.reason:
                notes.append(f"the score's course through the video is not whole: {part.reason}")
            for job, found in enumerate(part.jobs):
                own = by_person(found.clips)
                known = {
                    person: [*of[job], *last.get(job, {}).get(person, [])] for person, of in clips.items() if job in of
                }
                names = same_people(known, own)
                last[job] = {names[number]: held for number, held in own.items()}
                for person, held in last[job].items():
                    for member in members if person in known else ():
                        if job_of[member.label] == job:
                            for clip in held:
                                value = clip_value(member, clip, self.predictor.device)
                                timelines[person, member.label].add(clip, value)
        return timelines, facts, notes

    def _parts(self, path: Path) -> Iterator[Extraction]:
        if self._course is not None:
            return self._course.extract_along(path, self.every)
        return extract_course(path, self.predictor.jobs, self.every, detector=self.predictor.detector)
