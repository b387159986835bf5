"""A whole evaluation of a made specialist on made clips: chosen, prepared, scored, measured, written."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toy_plugin
from rich.console import Console

from dfcore.assessment.options import Options
from dfcore.assessment.output.tables import report_tables
from dfcore.assessment.scores import scoring
from dfcore.data.records import VideoRecord
from dfcore.errors import DataError, DatasetError, MediaError, RunExistsError, UnknownNameError, UsageError
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.models.files import weights

Evaluate = Callable[..., Any]


def test_the_test_split_is_measured_with_intervals(evaluate: Evaluate, trained: SimpleNamespace) -> None:
    found = evaluate()
    report = json.loads(found.json.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert report == found.report
    assert (report["format"], report["dataset"], report["split"]) == (1, "toy", "test")
    [one] = report["detectors"]
    assert one["name"] == "toy_stage1"
    assert one["weights"]["hash"] == weights.describe(trained.final)["hash"]
    assert one["weights"]["trained_on"] == "toy"
    assert one["coverage"] == {"videos": 6, "judged": 6, "real": 3, "fake": 3, "share": 1.0, "abstained": {}}
    assert set(one["video"]) == set(VideoScores.NAMES)
    videos = found.videos["toy_stage1"]
    by_hand = VideoScores([v.label for v in videos], [v.margin for v in videos]).figures(["auc"])["auc"]
    assert one["video"]["auc"]["value"] == by_hand
    assert one["intervals"]["drawn_by"] == "identity"
    assert one["video"]["auc"]["draws"] == 50
    assert one["frame"]["samples"] == 12
    assert set(one["cue"]) == set(VideoScores.RANKING)
    assert set(one["by"]["manipulation"]) == {"swap"}
    assert one["by"]["compression"]["c23"]["fake"] == 3
    assert "at least 10 of each class" in one["leak_floor"]["auc"]["reason"]
    assert (one["control"]["videos"], one["control"]["reason"]) == (0, "no window shows a cell without face")
    assert {video.split for video in videos} == {"test"}


def test_faithfulness_is_measured_where_it_is_asked_for(evaluate: Evaluate) -> None:
    assert evaluate().detector()["faithfulness"] is None
    found = evaluate(faithfulness=True)
    one = found.detector()["faithfulness"]
    over = found.detector()["threshold"]["margin"]
    assert one["called_fake"] == sum((video.margin or -9) >= over for video in found.videos["toy_stage1"])
    assert one["basis"].startswith(("operating point", "verdict"))
    assert one["face_cells"]["fakes"] + one["face_cells"]["videos"] + one["face_cells"]["unnamed"] > 0
    assert one["face_cells"]["fall"]["draws"] in (0, 50)
    console = Console(file=StringIO(), width=200)
    for part in report_tables(found.report):
        console.print(part)
    assert "the named part against a random one" in console.file.getvalue()  # type: ignore[attr-defined]


def test_every_score_is_in_the_table(evaluate: Evaluate) -> None:
    found = evaluate()
    with found.csv.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == [video.id for video in found.videos["toy_stage1"]]
    assert [float(row["margin"]) for row in rows] == [video.margin for video in found.videos["toy_stage1"]]
    threshold = found.detector()["threshold"]["margin"]
    assert all((row["called"] == "fake") == (float(row["margin"]) >= threshold) for row in rows)
    assert {row["label"] for row in rows} == {"real", "fake"}
    assert all(row["group"].startswith("person ") for row in rows)


def test_plots_are_drawn(evaluate: Evaluate) -> None:
    found = evaluate(plots=True)
    assert {path.name for path in found.plots} == {
        "roc.png",
        "precision_recall.png",
        "reliability.png",
        "scores_toy_stage1.png",
        "manipulations_toy_stage1.png",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found.plots)


# -- where the threshold comes from ------------------------------------------------------------------------------------


def test_the_threshold_is_the_one_beside_the_weights(evaluate: Evaluate, trained: SimpleNamespace) -> None:
    stored = CalibrationFile.read(calibration_path(trained.final))
    for name in ("equal_error", "false_alarms_1"):
        one = evaluate(operating_point=name).detector()
        assert one["threshold"]["name"] == name
        assert one["threshold"]["margin"] == stored.rules.operating_points[name].threshold
        assert "toy_stage1_calibration.json" in one["threshold"]["source"]
    with pytest.raises(UsageError, match="choose from equal_error, false_alarms_1"):
        evaluate(operating_point="best")


@pytest.fixture
def alone(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """The weights without what lies beside them."""
    return Path(shutil.copy(trained.final, tmp_path / trained.final.name))


def test_without_it_validation_videos_are_scored_now(evaluate: Evaluate, trained: SimpleNamespace, alone: Path) -> None:
    one = evaluate(alone).detector()
    stored = CalibrationFile.read(calibration_path(trained.final))
    assert one["threshold"]["margin"] == pytest.approx(stored.rules.operating_points["equal_error"].threshold)
    assert "scored now" in one["threshold"]["source"]
    assert one["coverage"]["videos"] == 6  # those of test, and no other


def test_another_dataset_teaches_no_threshold(evaluate: Evaluate, alone: Path, tmp_path: Path) -> None:
    state, meta = weights.read(alone)
    assert state
    meta["config"]["stage"]["dataset"] = "celebdf"
    target = SimpleNamespace(label="toy", dataset="celebdf", path=alone, meta=meta)
    records = [VideoRecord("a", Path("a"), 0, split="val")]
    why = scoring.may_validate(target, "toy", records)
    assert "Toy videos is not the dataset that toy was trained on" in why
    decisions = scoring.decide(target, "equal_error", dataset="toy", file=None, videos=None, refused=why)
    assert (decisions.threshold.margin, decisions.threshold.name, decisions.ratios) == (0.0, "even", None)
    assert "not one that was chosen" in decisions.threshold.warning


# -- what must not be evaluated ----------------------------------------------------------------------------------------


def test_the_training_split_is_refused_unless_forced(evaluate: Evaluate) -> None:
    with pytest.raises(UsageError, match=r"training split gives no figures .* force=True"):
        evaluate(split="train")
    one = evaluate(split="train", force=True).detector()
    assert any("not to be reported" in warning and "person " in warning for warning in one["warnings"])


def test_validation_may_be_looked_at(evaluate: Evaluate) -> None:
    assert evaluate(split="val").report["split"] == "val"


def test_people_that_were_trained_on_are_an_error_that_names_them(evaluate: Evaluate) -> None:
    with pytest.raises(DataError, match=r"was trained or validated on \d of the \d identities .*: person \d"):
        evaluate(split="val", set={"run.seed": 5})  # other people are held out


def test_a_split_that_is_not_there_is_named(evaluate: Evaluate) -> None:
    with pytest.raises(DatasetError, match=r"has no val videos\. It has those of: test, train"):
        evaluate(split="val", set={"data.val_share": 0})
    with pytest.raises(UsageError, match="choose from train, val, test, all"):
        evaluate(split="rest")


# -- what gets no score, and what was done before ----------------------------------------------------------------------


def test_a_video_that_cannot_be_prepared_is_counted_with_its_reason(
    evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = toy_plugin.made_clips

    def failing(path: Path, *args: Any, record: VideoRecord, **rest: Any) -> Any:
        if record.id == "fake_10_c23":
            raise MediaError(f"{path}: no face was found.")
        return real(path, *args, record=record, **rest)

    monkeypatch.setattr("dfcore.data.prepare.videos.extract_clips", failing)
    found = evaluate(store=tmp_path / "store")
    coverage = found.detector()["coverage"]
    assert (coverage["videos"], coverage["judged"], coverage["fake"]) == (6, 5, 2)
    assert coverage["abstained"] == {"not prepared: no face was found.": 1}
    assert any("1 of 6 videos got no score" in warning for warning in found.detector()["warnings"])
    assert ",fake,test,person 10,swap,c23," in found.csv.read_text()


def test_a_stopped_evaluation_goes_on(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate()
    file = whole.folder / "scores" / "toy_stage1.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 7
    file.write_bytes(b"".join(lines[:4]) + lines[4][:20])  # killed while writing the fourth score
    done: list[str] = []
    real = scoring.score_videos

    def watched(*args: Any, already: Any, progress: Any, **rest: Any) -> Any:
        def told(video: Any) -> None:
            done.append(video.id)
            progress(video)

        return real(*args, already=already, progress=told, **rest)

    monkeypatch.setattr(scoring, "score_videos", watched)
    again = evaluate(resume=True)
    assert len(done) == 3
    assert again.report["detectors"] == whole.report["detectors"]
    assert sorted(file.read_bytes().splitlines()) == sorted(line.rstrip() for line in lines)
    evaluate()
    assert len(done) == 9  # without resume all are scored anew


def test_scores_of_other_samples_are_not_gone_on_with(evaluate: Evaluate) -> None:
    evaluate()
    with pytest.raises(RunExistsError, match=r"samples was 2, is 1"):
        evaluate(resume=True, set={"data.eval_samples": 1})


def test_a_run_folder_is_as_good_as_its_weights(evaluate: Evaluate, trained: SimpleNamespace) -> None:
    assert evaluate(trained.folder).detector()["weights"]["path"] == str(trained.final)


def test_a_linear_probe_is_measured_beside_it(evaluate: Evaluate) -> None:
    found = evaluate(probe="test_efficientnet", probe_weights="scratch")
    probe = found.detector("probe of test_efficientnet")
    assert probe["kind"] == "probe"
    assert probe["weights"]["encoder"] == "test_efficientnet"
    assert probe["coverage"]["judged"] == 6
    assert set(probe["video"]) == set(VideoScores.NAMES)
    assert (probe["cue"], probe["control"]["reason"]) == (None, "a probe has no cue map")
    assert any("starts at random" in warning for warning in probe["warnings"])


def test_the_tables_show_every_detector(evaluate: Evaluate) -> None:
    from rich.console import Console

    from dfcore.assessment.output.tables import report_tables

    report = evaluate().report
    console = Console(width=100, record=True, file=StringIO())
    for part in report_tables(report):
        console.print(part)
    text = console.export_text()
    for words in (
        "toy_stage1",
        "background control",
        "leak floor",
        "threshold, margin",
        "equal_error",
        "swap",
        "3 / 3",
    ):
        assert words in text, words


def test_an_unknown_option_is_named(evaluate: Evaluate) -> None:
    with pytest.raises(UnknownNameError, match=r"'bootstrap'.*Known: batch_size, control, draws"):
        evaluate(bootstrap=3)


def test_type_checkers_know_every_option() -> None:
    from dfcore.api.evaluate import EvaluateOptions

    assert set(EvaluateOptions.__annotations__) == {field.name for field in fields(Options)}


def test_all_videos_are_taken_where_nobody_was_trained_on(evaluate: Evaluate, trained: SimpleNamespace) -> None:
    with pytest.raises(DataError, match="was trained or validated on 9 of the 12 identities"):
        evaluate(split="all")
    state, meta = weights.read(trained.final)
    assert state
    assert scoring.check_identities(meta, "toy", "faceforensics", "/x", [VideoRecord("a", Path("a"), 0)], "all") == []
    coverage = evaluate(split="all", force=True, set={"data.compressions": "c23"}).detector()["coverage"]
    assert (coverage["videos"], coverage["judged"]) == (24, 23)  # one of them cannot be prepared
    with pytest.raises(UsageError, match="not on all"):
        evaluate(split="all", probe="resnet50")
