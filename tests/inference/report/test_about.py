"""What is said of the models comes from the files beside their weights, and from nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_specialists import member, predictor

from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration_file import calibrate_scores, calibration_path
from dfcore.inference.report.about import About
from dfcore.inference.report.quality import measured_quality, training_of
from dfcore.models.files.weights import describe


@pytest.fixture
def weights(tmp_path: Path, save_specialist: Callable[..., Path]) -> Path:
    return save_specialist(tmp_path / "runs", data={"compressions": ["c23"]}, epoch=4, epochs=6, parent={"hash": "f00"})


def evaluation(weights: Path, name: str = "x", **changes: Any) -> Path:
    figure = {"value": 0.91, "low": 0.85, "high": 0.95, "level": 0.9, "draws": 10, "reason": None}
    detector = {
        "weights": {"hash": describe(weights)["hash"]}, "video": {"auc": figure},
        "warnings": ["The leak floor is near."],
        "coverage": {"real": 140, "fake": 560, "share": 0.98},
    }  # fmt: skip
    report = {"title": "FaceForensics++", "split": "test", "detectors": [{**detector, **changes.pop("detector", {})}]}
    path = weights.parents[1] / "evaluations" / name / "evaluation.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**report, **changes}))
    return path


def calibrate(weights: Path) -> None:
    videos = [
        ScoredVideo(f"{label}{i}", label, split="val", margin=4.0 * label + i % 5, cue_margin=0.0, group=(f"p{i}",))
        for label in (0, 1)
        for i in range(20)
    ]
    made = calibrate_scores(videos, specialist="cm", stage=1, weights=describe(weights)["hash"], dataset="Made")
    made.write(calibration_path(weights))


def test_an_evaluation_of_just_these_weights_is_the_measured_quality(weights: Path) -> None:
    evaluation(weights)
    evaluation(weights, "others", detector={"weights": {"hash": "0" * 64}})
    evaluation(weights, "ensemble", detector={"weights": None})
    (found,), limits = measured_quality(weights, describe(weights)["hash"])
    assert (found.auc, found.low, found.high, found.level) == (0.91, 0.85, 0.95, 0.9)
    assert (found.on, found.real, found.fake, found.coverage) == ("FaceForensics++, test split", 140, 560, 0.98)
    assert found.note == "The leak floor is near."
    assert any("unknown" in limit for limit in limits)  # a warning stands beside the only figure


def test_figures_of_another_split_are_marked(weights: Path) -> None:
    evaluation(weights, split="val")
    (found,), _ = measured_quality(weights, describe(weights)["hash"])
    assert found.note.startswith("These videos are not the test split")


def test_validation_scores_give_an_interval_and_say_that_they_are_too_good(weights: Path) -> None:
    calibrate(weights)
    (found,), limits = measured_quality(weights, describe(weights)["hash"])
    assert found.on == "Made, validation videos"
    assert 0.9 < (found.low or 0) <= (found.auc or 0) <= (found.high or 0)
    assert (found.real, found.fake) == (20, 20)
    assert "too good" in found.note
    assert any("99 are needed" in limit for limit in limits)
    assert any("nothing was chosen by" in limit for limit in limits)


def test_a_calibration_of_other_weights_and_a_damaged_evaluation_are_said(weights: Path) -> None:
    calibrate(weights)
    evaluation(weights).write_text('{"detectors": [{"weights"')
    found, limits = measured_quality(weights, "0" * 64)
    assert found == []
    assert any("belongs to other weights" in limit for limit in limits)
    assert any("cannot be read as an evaluation" in limit for limit in limits)
    assert any("Nothing is known of its quality" in limit for limit in limits)


def test_training_is_told_as_the_weights_tell_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"videos": {"train": {"real": 720, "fake": 2880}}, "notes": ["Nothing of raw is there."]}
    meta = {**describe(weights), "data": facts}
    with monkeypatch.context() as patched:
        patched.setattr("dfcore.models.files.weights.describe", lambda path: meta)
        assert ("Training videos", "720 real, 2880 fake") in training_of(weights).rows
        assert training_of(weights).notes == ("Nothing of raw is there.",)
    rows = dict(training_of(weights).rows)
    assert rows["Backbone"] == "test_efficientnet"
    assert rows["Epoch"] == "4 of 6"
    assert rows["Compressions"] == "c23"
    assert rows["Started from"] == "f00"
    assert training_of(weights.with_name("absent.pt")).rows == ()
    weights.write_bytes(b"no weights")
    assert training_of(weights).notes


def test_a_predictors_models_prior_notes_and_versions_are_all_there() -> None:
    made = About.of(predictor(member(warnings=("made of nothing",))), prior=0.2, command="dfcore predict x")
    (model,) = made.models
    assert (model.label, model.hash, model.stage, model.dataset, model.samples) == ("still", "abc", 1, "made", 4)
    assert [cue.name for cue in model.cues] == ["one"]
    assert made.warnings == ("made of nothing",)
    assert (made.prior, made.command, made.device) == (0.2, "dfcore predict x", "cpu")
    assert {"dfcore", "python", "torch", "fake-specialists"} <= set(dict(made.versions))
    assert any("not calibrated" in line for line in made.statements)
