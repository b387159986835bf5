"""Who is who in clips of different plans, and whom a verdict is about."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dfcore.inference.explanation import FileExplanation, KeyFrame, PersonExplanation, SpecialistExplanation
from dfcore.inference.judging import probability
from dfcore.inference.output import stored_results
from dfcore.inference.people import by_person, same_people
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore

Clips = dict[int, list[Any]]


def clip(x: float, first: int = 0, frames: int = 8, track: int = 0, y: float = 0.0, move: float = 0.0) -> Any:
    """A face of 10 x 20 pixels at ``x``, ``move`` further to the right in its last frame."""
    boxes = [(x + move * (n == frames - 1), y, x + move * (n == frames - 1) + 10, y + 20) for n in range(frames)]
    return SimpleNamespace(header=SimpleNamespace(track=track, frames=range(first, first + frames), boxes=boxes))


def test_clips_are_gathered_by_their_person() -> None:
    clips = [clip(0, track=2), clip(1, track=0), clip(2, track=2)]
    assert by_person(clips) == {2: [clips[0], clips[2]], 0: [clips[1]]}
    assert by_person([]) == {}


@pytest.mark.parametrize(
    ("x", "y", "same"),
    [
        (5.3, 0.0, True),  # of 10 px 4.7 in common: 94 of 306 square pixels
        (5.5, 0.0, False),  # 90 of 310
        (0.0, 10.7, True),  # of 20 px 9.3 in common: 93 of 307
        (0.0, 10.9, False),
        (-5.3, 0.0, True),
        (30.0, 0.0, False),
        (9.0, 19.0, False),
    ],
)
def test_three_tenths_of_the_joint_area_are_one_person(x: float, y: float, same: bool) -> None:
    assert same_people({4: [clip(0)]}, {7: [clip(x, y=y)]}) == {7: 4 if same else 5}


def test_the_box_is_a_clips_mean_and_the_nearest_clips_are_compared() -> None:
    known: Clips = {0: [clip(0, first=0), clip(100, first=50)]}
    assert same_people(known, {0: [clip(100, first=40)]}) == {0: 0}
    assert same_people(known, {0: [clip(100, first=20)]}) == {0: 1}  # nearer to the first clip, where nobody is
    assert same_people(known, {0: [clip(0, first=60), clip(100, first=51)]}) == {0: 0}
    assert same_people({0: [clip(0)]}, {0: [clip(0, move=8)]}) == {0: 0}  # one frame of eight: a pixel in the mean
    assert same_people({0: [clip(0, frames=2)]}, {0: [clip(5, frames=2, move=2)]}) == {0: 1}  # 6 in the mean


def test_of_several_the_most_alike_goes_first_and_each_is_taken_once() -> None:
    known: Clips = {0: [clip(0)], 1: [clip(6)]}
    assert same_people(known, {0: [clip(2)], 1: [clip(0)]}) == {1: 0, 0: 1}
    assert same_people(known, {3: [clip(50)], 2: [clip(80)], 5: [clip(6)]}) == {5: 1, 2: 2, 3: 3}
    assert same_people({}, {4: [clip(0)], 1: [clip(9)]}) == {1: 0, 4: 1}
    assert same_people(known, {}) == {}
    near: Clips = {0: [clip(0)], 1: [clip(4)]}  # the second one is near enough too, and nobody else's
    assert same_people(near, {5: [clip(0)]}) == {5: 0}
    assert same_people(near, {5: [clip(4)]}) == {5: 1}
    assert same_people({7: [clip(0)]}, {2: [clip(0)], 3: [clip(1)]}) == {2: 7, 3: 8}


def person(number: int) -> PersonResult:
    scores = {"cm": SpecialistScore(0.5, 0.0, 0.5, number)}
    return PersonResult(number, "fake", 0.5, 0.0, None, None, "", scores, 0, 0.0, (0, 0, 1, 1))


def test_a_file_is_about_the_person_that_its_verdict_names() -> None:
    people = (person(3), person(1))
    assert FileResult(Path("a"), "fake", person=1, people=people).chosen is people[1]
    assert FileResult(Path("a"), "none", people=people).chosen is people[0]
    assert FileResult(Path("a"), "fake", person=1, people=people).specialists["cm"].samples == 1
    assert FileResult(Path("a"), "none").chosen is None
    assert FileResult(Path("a"), "none").specialists == {}
    assert SpecialistScore(0.5).counted


def test_an_explanation_is_plain_values_without_its_images_and_what_is_not_known_is_empty() -> None:
    image = KeyFrame(1.5, 37, b"jpeg", (64, 48), (1, 2, 3, 4), (0, 0, 64, 48))
    made = PersonExplanation(2, {"cm": SpecialistExplanation("cm", "Compression")}, (image,))
    plain = FileExplanation(Path("a.mp4"), (made,)).to_dict()
    assert (plain["path"], plain["facts"], plain["notes"]) == ("a.mp4", {}, ())
    (person,) = plain["people"]
    assert person["specialists"]["cm"] == {
        "label": "cm", "title": "Compression", "margin": None, "abstained": "", "finding": "", "numbers": {},
        "cues": (), "regions": (), "attention": None, "course": (), "spans": (), "threshold": None,
        "threshold_from": "", "samples": 0, "notes": (),
    }  # fmt: skip
    assert person["frames"] == (
        {
            "time": 1.5, "frame": 37, "size": (64, 48), "face": (1, 2, 3, 4), "window": (0, 0, 64, 48),
            "face_view": (0.0, 0.0, 0.0, 0.0),
        },
    )  # fmt: skip


@pytest.mark.parametrize(("odds", "found"), [(0.0, 0.5), (1.0986122886681098, 0.75), (-1e9, 0.0), (1e9, 1.0)])
def test_a_probability_is_the_logistic_function(odds: float, found: float) -> None:
    assert probability(odds) == pytest.approx(found)


def test_lines_of_an_earlier_version_are_completed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"path": "a"}\n\n{"path": 5, "verdict": "fake", "models": {"cm": "x"}, "passing": true}\n{"pa')
    first, second = stored_results(path)
    assert first == {
        "path": "a", "verdict": "none", "score": None, "probability": None, "reason": "", "passing": False,
        "models": {},
    }  # fmt: skip
    assert (second["path"], second["verdict"], second["models"], second["passing"]) == ("5", "fake", {"cm": "x"}, True)
    assert path.read_text().endswith("true}\n")
