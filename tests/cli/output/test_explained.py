"""An explanation as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dfcore.cli.output.explained import explanation_lines
from dfcore.inference.explanation import (
    CueEffect,
    FileExplanation,
    Moment,
    PersonExplanation,
    RegionEffect,
    Span,
    SpecialistExplanation,
)

MAP = tuple(tuple(float(row == 3 and column == 0) for column in range(7)) for row in range(7))
ONE = SpecialistExplanation(
    "cm",
    "Compression artifacts",
    margin=2.0,
    finding="Nothing found.",
    cues=(CueEffect("dct", 12, 1.23, 2.0, 0.25, 1.4), CueEffect("grid", 10, None, -1.0, 0.5)),
    regions=(RegionEffect("face", MAP, ((0, 6), (1, 1)), 1.5, 0.1), RegionEffect("cue map", MAP, (), 0.0, 0.0)),
    attention=MAP,
    course=(Moment(0.0, 1.0, -2.0), Moment(1.0, 2.0, 2.0), Moment(2.0, 3.0, None)),
    spans=(Span(1.0, 2.0, 2.0),),
    threshold=0.0,
    threshold_from="by a rule",
    samples=8,
    notes=("a note",),
)


def text(*specialists: SpecialistExplanation, people: int = 1) -> str:
    found = tuple(PersonExplanation(k, {one.label: one for one in specialists}) for k in range(people))
    return "\n".join(explanation_lines(FileExplanation(Path("a.mp4"), found, notes=("it broke off",))))


def test_what_is_said_is_true_of_the_numbers() -> None:
    said = text(ONE)
    assert "cm (Compression artifacts): score 0.881 over 8 samples. Nothing found." in said
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    assert rows["dct"] == ["dct", "1.2", "sd", "(usual", "<", "1.4)", "0.500", "+2.00", "+0.25"]
    assert rows["grid"] == ["grid", "not", "known", "0.953", "-1.00", "+0.50"]
    assert "face: the 2 strongest of 49 cells blurred: effect +1.50, as many at random +0.10" in said
    assert "the strongest is at the top right" in said
    assert "cue map: no cell of it speaks for fake" in said
    assert "course: 2 moments from 0.0 to 3.0 s, scores 0.119 to 0.881; called forged: 1.0-2.0 s (0.881)" in said
    assert "attention: most to the middle left of the cue map, which is no reason" in said
    assert "a note" in said
    assert "it broke off" in said


def test_one_that_abstains_is_left_to_the_table_and_people_are_told_apart() -> None:
    assert "abstains" not in text(SpecialistExplanation("av", "AV", abstained="it abstains"))
    assert "person 2, cm" in text(ONE, people=2)
    assert "person" not in text(ONE)


def test_without_a_threshold_the_reason_is_said() -> None:
    one = replace(ONE, threshold=None, threshold_from="no moment is called forged: it is not calibrated", spans=())
    assert "scores 0.119 to 0.881; no moment is called forged: it is not calibrated" in text(one)
    unjudged = replace(ONE, course=(Moment(0.0, 1.0, None),))
    assert "no moment of the video could be judged by itself" in text(unjudged)
    assert "course" not in text(replace(ONE, course=()))
