"""Verdicts: what is scored, what abstains, what a failure of one file does to the others."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fake_specialists import SPEC, BrightIsFake, member, predictor

from dfcore.errors import DataError, PluginError, UsageError
from dfcore.inference import judging
from dfcore.inference.predict import predict
from dfcore.inference.results import FileResult
from dfcore.inference.scan import scan_files
from dfcore.testing.media import write_broken

CONTRARY = dataclasses.replace(SPEC, name="contrary")


def judged(path: Path, *members: Any, detector: Any = None) -> FileResult:
    (result,) = predictor(*members, detector=detector).results([path])
    return result


def test_the_file_has_the_score_of_the_person_most_likely_fake(two_people: Path) -> None:
    result = judged(two_people, member())
    scores = {person.person: person.score for person in result.people}
    assert len(scores) == result.people_seen == 2
    assert min(scores.values()) < 0.2 < 0.8 < max(scores.values())  # type: ignore[type-var]
    assert result.score == max(scores.values())  # type: ignore[type-var]
    bright = max(result.people, key=lambda person: person.score or 0)
    assert (bright.person, bright.box[0] > 200) == (result.person, True)
    assert bright.specialists["still"].cue_score == pytest.approx(1 - (bright.score or 0), abs=1e-5)
    assert result.specialists is bright.specialists


def test_the_score_is_the_logistic_function_of_the_mean_log_odds(
    two_people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "_margins", lambda *_: ([4.0, -1.0, 0.0], [1.0, 1.0, 1.0]))
    result = judged(two_people, member())
    assert result.margin == pytest.approx(1.0)
    assert result.score == pytest.approx(1 / (1 + math.exp(-1)))  # the mean of probabilities would be 0.584
    assert result.people[0].specialists["still"].samples == 3


def test_without_calibration_there_is_no_verdict_beyond_raw_scores(two_people: Path) -> None:
    result = judged(two_people, member())
    assert (result.verdict, result.probability, result.log_likelihood_ratio) == ("uncertain", None, None)
    assert "uncalibrated" in result.reason


def test_several_specialists_are_averaged_in_log_odds(two_people: Path) -> None:
    result = judged(two_people, member(), member(BrightIsFake(CONTRARY, sign=-3), hash="d"))
    for person in result.people:
        one, other = (person.specialists[name].margin for name in ("still", "contrary"))
        assert other == pytest.approx(-3 * (one or 0), rel=1e-6)
        assert person.margin == pytest.approx(-(one or 0), rel=1e-6)


def test_one_that_judged_nothing_in_its_own_validation_is_shown_and_not_fused(two_people: Path) -> None:
    silent = member(BrightIsFake(CONTRARY, sign=-3), counted=False)
    result = judged(two_people, member(), silent)
    alone = judged(two_people, member())
    assert (result.score, result.people[0].score) == (alone.score, alone.people[0].score)
    assert result.specialists["contrary"].score is not None
    nobody = judged(two_people, silent)
    assert (nobody.verdict, nobody.score) == ("none", None)


def test_a_specialist_abstains_with_its_reason(two_people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mute = member(BrightIsFake(dataclasses.replace(CONTRARY, abstain_reason="made:never")), hash="d")
    monkeypatch.setattr(judging, "resolve", lambda *_: lambda access: f"nothing to hear in {access.source.codec}")
    alone = judged(two_people, mute)
    assert (alone.score, alone.verdict) == (None, "none")
    assert "nothing to hear in h264" in alone.reason
    together = judged(two_people, mute, member())
    assert together.score == judged(two_people, member()).score
    assert all(person.specialists["contrary"].abstained == "nothing to hear in h264" for person in together.people)


def test_clips_that_it_abstains_from_take_their_samples_along_as_in_evaluation(
    two_people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = member(BrightIsFake(dataclasses.replace(CONTRARY, abstain_reason="made:later")), hash="d")
    monkeypatch.setattr(
        judging, "resolve", lambda *_: lambda access: "silent" if access.header.frames[0] > 10 else None
    )
    every = judged(two_people, member()).people[0].specialists["still"].samples
    some = judged(two_people, half).people[0].specialists["contrary"].samples
    assert (every, some) == (half.samples, half.samples // 2)


def test_each_looks_at_as_many_people_as_it_was_trained_with(two_people: Path) -> None:
    shy = member(BrightIsFake(CONTRARY), hash="d", plan=dataclasses.replace(member().plan, people=1))
    result = judged(two_people, shy, member())
    assert [person.specialists["contrary"].score is None for person in result.people] == [False, True]
    assert "judges 1 in a file" in result.people[1].specialists["contrary"].abstained
    alone = judged(two_people, shy)
    assert (alone.people_seen, len(alone.people)) == (2, 1)
    assert alone.people[0].specialists["contrary"] == result.people[0].specialists["contrary"]


# -- one file's failure ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "empty", "noise"])
def test_a_file_that_cannot_be_read_gives_the_reason_and_the_others_go_on(
    tmp_path: Path, kind: str, two_people: Path
) -> None:
    bad = write_broken(tmp_path / "bad.mp4", kind)
    before, between, after = predictor(member()).results([two_people, bad, two_people])
    assert before == after
    assert (between.verdict, between.people_seen, between.passing) == ("none", None, False)
    assert "bad.mp4" in between.reason


def test_a_video_without_faces_gives_the_reason(two_people: Path) -> None:
    result = judged(two_people, member(), detector=SimpleNamespace(detect=lambda image: []))
    assert (result.verdict, result.people_seen) == ("none", 0)
    assert "no face" in result.reason


def test_whatever_is_raised_for_a_file_is_its_reason(two_people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("dfcore.inference.extraction.extract_for_plans", fails)
    result = judged(two_people, member())
    assert "two.mp4: decoding it failed (ZeroDivisionError). The file is damaged" in result.reason


def test_no_memory_is_a_reason_that_may_pass(two_people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("dfcore.inference.extraction.extract_for_plans", fails)
    monkeypatch.setattr("dfcore.data.media.reasons.free_memory", lambda: 2**29)
    assert judged(two_people, member()).passing
    monkeypatch.setattr("dfcore.data.media.reasons.free_memory", lambda: 2**33)
    assert not judged(two_people, member()).passing  # there is plenty: the file asked for more than it can need


def test_a_score_that_is_no_number_is_the_files_error(two_people: Path) -> None:
    result = judged(two_people, member(BrightIsFake(sign=math.nan)))
    assert (result.verdict, result.score) == ("none", None)
    assert "two.mp4: the score of still is not a finite number (nan)" in result.reason
    json.dumps(result.to_dict(), allow_nan=False)


def test_what_a_plugin_raises_stops_with_its_name_and_place(two_people: Path) -> None:
    class Broken(BrightIsFake):
        def __call__(self, views: dict[str, torch.Tensor]) -> Any:
            raise KeyError("tiles")

    with pytest.raises(PluginError, match=r"specialist 'still' .* failed in .*test_predict\.py:\d+: KeyError: 'tiles'"):
        judged(two_people, member(Broken(dataclasses.replace(SPEC, module="test_predict:Broken"))))


def test_what_the_decoder_warns_of_is_in_the_result(two_people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    from dfcore.data.prepare.extract import extract_for_plans

    def warns(path: Path, *args: Any, **how: Any) -> Any:
        logging.getLogger("dfcore.data.media").warning("%s: damaged", path)
        return extract_for_plans(path, *args, **how)

    monkeypatch.setattr("dfcore.inference.extraction.extract_for_plans", warns)
    assert judged(two_people, member()).notes == (f"{two_people}: damaged",)


# -- what is judged ----------------------------------------------------------------------------------------------------


def test_folders_are_opened_and_what_was_named_is_never_lost(tmp_path: Path, two_people: Path) -> None:
    root = tmp_path / "in"
    for name in ("b.MP4", "a/c.mov", ".ipynb_checkpoints/d.mp4", "list.json"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).touch()
    absent, empty = tmp_path / "absent.mp4", tmp_path / "empty"
    empty.mkdir()
    listed = scan_files([root, absent, root / "b.MP4", empty])
    assert listed.found == (root / "a/c.mov", root / "b.MP4")
    assert [path for path, _ in listed.refused] == [absent, empty]
    with pytest.raises(DataError, match="no video or photo in"):
        scan_files([empty])
    alone = scan_files([absent])
    first, second = predictor(member()).results([two_people], alone.refused)
    assert (first.path, first.verdict, second.path) == (absent, "none", two_people)
    assert "no such file" in first.reason


def test_the_function_gives_the_same_as_the_parts(
    tmp_path: Path, two_people: Path, save_specialist: Callable[..., Path]
) -> None:
    weights = save_specialist(tmp_path)
    results = predict(str(two_people), weights, detector="fake_parts:FixedFace", device="cpu", isolate=False)
    (result,) = results
    assert result.path == two_people
    assert isinstance(result.specialists["cm"].margin, float) or result.specialists["cm"].abstained
    assert list(result.models) == ["cm"]
    assert np.isfinite(json.loads(json.dumps(result.to_dict()))["people"][0]["box"]).all()


@pytest.mark.parametrize(("argument", "value"), [("people", 0), ("people", "many"), ("samples", 0)])
def test_impossible_arguments_are_refused_at_once(tmp_path: Path, argument: str, value: Any, two_people: Path) -> None:
    with pytest.raises(UsageError, match=argument):
        predict(two_people, tmp_path, device="cpu", **{argument: value})
