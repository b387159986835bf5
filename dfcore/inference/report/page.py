"""The page of one file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfcore.inference.explanation import (
    LEAST_EFFECT,
    CueEffect,
    FileExplanation,
    PersonExplanation,
    RegionEffect,
    SpecialistExplanation,
)
from dfcore.inference.report import words
from dfcore.inference.report.about import About, ModelFacts
from dfcore.inference.report.drawing import Bar, Grid, Timeline, bars, draw_timeline, grid, spans_in_words
from dfcore.inference.report.frames import FrameView, Layer, layers_of, view_frames
from dfcore.inference.report.render import render
from dfcore.inference.results import FileResult, PersonResult

__all__ = ["file_page"]


@dataclass(frozen=True, slots=True)
class SpecialistView:
    """What one specialist says of one person, ready to be written.

    Attributes:
        explained: its explanation.
        summaries: what each cue measures, by name.
        timeline: the margin through the video, or None.
        spans: the spans in words.
        cues: each cue with its bars and whether it counts as a reason.
        regions: each region likewise, with its map.
        attention: the attention map, or None.
        numbers: what the finding rests on, as rows.
    """

    explained: SpecialistExplanation
    summaries: Mapping[str, str]
    timeline: Timeline | None
    spans: str
    cues: tuple[tuple[CueEffect, Bar, str], ...]
    regions: tuple[tuple[RegionEffect, Grid, str], ...]
    attention: Grid | None
    numbers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, explained: SpecialistExplanation, model: ModelFacts | None) -> SpecialistView:
        """The view of an explanation; ``model`` is the specialist's."""
        counts = [words.hidden_by(cue.effect, cue.random_effect) for cue in explained.cues]
        return cls(
            explained=explained,
            summaries={cue.name: cue.summary for cue in model.cues} if model else {},
            timeline=draw_timeline(explained),
            spans=spans_in_words(explained.spans),
            cues=tuple(zip(explained.cues, bars(explained.cues), counts, strict=True)),
            regions=tuple(
                (one, grid(one.effects, one.cells, LEAST_EFFECT), words.hidden_by(one.effect, one.random_effect))
                for one in explained.regions
            ),
            attention=None if explained.attention is None else grid(explained.attention),
            numbers=tuple(words.number_rows(explained.numbers)),
        )

    @property
    def spoke(self) -> tuple[CueEffect, ...]:
        """The cues that count as reasons, the strongest first."""
        found = [cue for cue, _, counts in self.cues if counts == "yes"]
        return tuple(sorted(found, key=lambda cue: -cue.effect))


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person, ready to be written: the result, and what explains it where that is known."""

    result: PersonResult
    specialists: tuple[SpecialistView, ...]
    frames: tuple[FrameView, ...]
    layers: tuple[Layer, ...]
    first_layer: int | None

    @property
    def delays(self) -> tuple[tuple[str, str], ...]:
        """What was measured of the audio's delay, by specialist."""
        return tuple(
            (view.explained.label, text)
            for view in self.specialists
            for name, text in view.numbers
            if name.startswith(("delay", "audio delay"))
        )


def file_page(result: FileResult, explanation: FileExplanation | None, about: About, *, index: str = "") -> str:
    """The page of a file, as HTML.

    Args:
        result: of the file.
        explanation: of the result; None where none was made.
        about: what all pages of the report share.
        index: the address of the index, relative to the page; "" where there is none.
    """
    explained = {} if explanation is None else {person.person: person for person in explanation.people}
    frames, left_out = view_frames(tuple(explained.values()))
    people = tuple(
        _person(person, explained.get(person.person), about, frames.get(person.person, ())) for person in result.people
    )
    return render(
        "page.html.j2",
        result=result,
        name=result.path.name or str(result.path),
        reason=result.reason.removeprefix(f"{result.path}: "),
        meaning=words.verdict_meaning(result.verdict, calibrated=result.log_likelihood_ratio is not None),
        people=people,
        people_words=words.people_words(len(result.people), result.people_seen) if result.people else "",
        prior_rows=_prior_rows(result, about),
        missing=_missing(result, people, explanation, left_out),
        file_rows=_file_rows(result.path),
        facts=words.fact_rows(_facts(explanation)),
        about=about,
        index=index,
    )


def _person(
    person: PersonResult, explained: PersonExplanation | None, about: About, frames: tuple[FrameView, ...]
) -> PersonView:
    if explained is None:
        return PersonView(person, (), (), (), None)
    models = {model.label: model for model in about.models}
    views = tuple(SpecialistView.of(one, models.get(label)) for label, one in explained.specialists.items())
    layers = tuple(layers_of(explained, about.models))
    return PersonView(person, views, frames, layers, _first_layer(layers))


def _first_layer(layers: Sequence[Layer]) -> int | None:
    """The map that is shown first: that whose outlined cells lower the margin most; None where none does."""
    best = max(layers, key=lambda layer: layer.effect, default=None)
    return best.number if best is not None and best.effect > 0 else None


def _prior_rows(result: FileResult, about: About) -> list[words.PriorRow]:
    ratio = result.log_likelihood_ratio
    return [] if ratio is None else words.prior_rows(ratio, about.prior)


def _facts(explanation: FileExplanation | None) -> dict[str, Any]:
    """Of the container and the coding; the size is read with the file's hash."""
    return {} if explanation is None else {name: fact for name, fact in explanation.facts.items() if name != "size"}


def _missing(
    result: FileResult, people: Sequence[PersonView], explanation: FileExplanation | None, left_out: int
) -> list[str]:
    """What could not be judged or shown, and why, in sentences."""
    found = []
    if result.verdict == "none":
        found.append(result.reason.removeprefix(f"{result.path}: "))
    if result.passing:
        found.append("The reason may be gone the next time: judge the file again.")
    for view in people:
        who = f"Person {view.result.person + 1}: " if len(people) > 1 else ""
        found += [
            f"{who}the specialist {label} abstains: {score.abstained}"
            for label, score in view.result.specialists.items()
            if score.abstained
        ]
    if result.people_seen is not None and result.people_seen > len(result.people) > 0:
        found.append(words.people_words(len(result.people), result.people_seen))
    notes = (*result.notes, *(() if explanation is None else explanation.notes))
    found += dict.fromkeys(note.removeprefix(f"{result.path}: ") for note in notes)
    if left_out:
        found.append(f"{left_out} key frames are left out, so that the page stays small.")
    if result.people and (explanation is None or not explanation.people):
        found.append("The scores were not explained: this page has no timeline, cues or key frames.")
    return found


def _file_rows(path: Path) -> list[tuple[str, str]]:
    """The file's path and what names its content: size and SHA-256, or why they are not known."""
    rows = [("Path", str(path))]
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = path.stat()
    except OSError as error:
        return [*rows, ("SHA-256", f"not known: the file cannot be read ({error.strerror})")]
    changed = datetime.fromtimestamp(status.st_mtime, UTC)
    return [
        *rows,
        ("Size", f"{status.st_size:,} bytes"),
        ("SHA-256", digest),
        ("Last changed", f"{changed:%Y-%m-%d %H:%M:%S} UTC"),
    ]
