from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dfcore.assessment.options import Options
from dfcore.assessment.scores.decisions import Decisions
from dfcore.assessment.scores.fused import find_detectors, fuse, plain_mean
from dfcore.assessment.scores.scoring import ScoredDetector
from dfcore.evaluation.report import Threshold
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration import Calibration
from dfcore.evaluation.verdicts.ensemble import EnsembleMember, StoredEnsemble
from dfcore.evaluation.verdicts.fusion import Fusion
from dfcore.evaluation.verdicts.rules import VerdictRules
from dfcore.models.files import weights


def ensemble(**calibrations: Calibration) -> StoredEnsemble:
    """The plain mean of calibrated ratios; a member's weights are called as it is."""
    members = tuple(
        EnsembleMember(name, name, 1, Path(f"{name}.pt"), name, calibration, 1.0)
        for name, calibration in calibrations.items()
    )
    rules = VerdictRules.fit([0, 1] * 6, [-1.0, 1.0] * 6, groups=range(12), classes=["h264"] * 12)
    return StoredEnsemble(members, Fusion(tuple(calibrations), "mean"), rules, "toy")


def detector(name: str, *videos: ScoredVideo, no_control: str = "") -> ScoredDetector:
    return ScoredDetector(
        name, "specialist", {"hash": name}, list(videos), Decisions(Threshold()), ["a warning"], no_control
    )


BOTH = ensemble(cm=Calibration("platt", slope=2.0, offset=1.0), av=Calibration())


def test_a_videos_margin_is_the_fused_ratio_of_the_members_that_judge() -> None:
    cm = detector("cm", ScoredVideo("a", 0, margin=1.0), ScoredVideo("b", 1, margin=2.0))
    av = detector("av", ScoredVideo("a", 1, margin=5.0), ScoredVideo("b", 1, abstain_reason="no audio"))
    found = fuse("ensemble", BOTH, [cm, av], Options())
    assert [video.margin for video in found.videos] == [(3.0 + 5.0) / 2, 5.0]
    assert [video.label for video in found.videos] == [1, 1]  # the audio of a is fake, which av knows
    assert found.decisions.threshold.name == "equal_error"
    assert found.warnings == ["cm: a warning", "av: a warning"]


def test_where_all_abstain_the_reasons_are_kept() -> None:
    cm = detector("cm", ScoredVideo("a", 0, abstain_reason="no face"))
    av = detector("av", ScoredVideo("a", 0, abstain_reason="no audio"))
    [video] = fuse("ensemble", BOTH, [cm, av], Options()).videos
    assert (video.margin, video.abstain_reason) == (None, "cm: no face; av: no audio")


def test_the_control_needs_that_of_every_member_that_judges() -> None:
    cm = detector(
        "cm", ScoredVideo("a", 0, margin=1.0, control_margin=0.5), ScoredVideo("b", 0, margin=1.0, control_margin=0.5)
    )
    av = detector(
        "av", ScoredVideo("a", 0, margin=5.0), ScoredVideo("b", 0, abstain_reason="no audio"), no_control="why"
    )
    found = fuse("ensemble", BOTH, [cm, av], Options())
    assert [video.control_margin for video in found.videos] == [None, 2.0]
    assert found.no_control == "why"


def test_the_plain_mean_is_that_of_the_raw_margins_of_those_that_judge() -> None:
    cm = detector(
        "cm", ScoredVideo("a", 0, margin=1.0, control_margin=3.0), ScoredVideo("b", 1, abstain_reason="no face")
    )
    av = detector(
        "av", ScoredVideo("a", 1, margin=4.0, control_margin=0.0), ScoredVideo("b", 1, abstain_reason="no audio")
    )
    found = plain_mean([cm, av, replace(av, kind="ensemble")])
    assert [(video.margin, video.control_margin, video.label) for video in found.videos] == [
        (2.5, 1.5, 1),
        (None, None, 1),
    ]
    assert found.videos[1].abstain_reason == "no face; no audio"
    assert (found.kind, found.decisions.rules) == ("mean", None)
    assert "not calibrated" in found.decisions.threshold.source


def write_ensemble(trained: SimpleNamespace, path: Path) -> Path:
    """One whose only member is the trained specialist."""
    member = EnsembleMember(
        "toy_stage1",
        "toy",
        1,
        trained.final,
        str(weights.describe(trained.final)["hash"]),
        Calibration("platt", 2.0, 1.0),
        1.0,
    )
    StoredEnsemble((member,), Fusion(("toy_stage1",), "mean"), BOTH.rules, "toy").save(path)
    return path


def test_an_ensemble_file_brings_its_members(trained: SimpleNamespace, tmp_path: Path) -> None:
    targets, found = find_detectors([write_ensemble(trained, tmp_path / "ensemble.json")])
    assert [target.label for target in targets] == ["toy_stage1"]
    assert list(found) == ["ensemble"]


def test_a_folder_of_runs_brings_the_ensemble_that_lies_in_it(trained: SimpleNamespace, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(trained.folder, runs / trained.folder.name)
    assert find_detectors([runs])[1] == {}
    copied = SimpleNamespace(final=runs / trained.folder.name / trained.final.name)
    write_ensemble(copied, runs / "ensemble.json")
    targets, found = find_detectors([runs])
    assert ([target.label for target in targets], list(found)) == (["toy_stage1"], ["ensemble"])
    assert list(find_detectors([runs, runs / "ensemble.json"])[1]) == ["ensemble"]  # once, though named twice


def test_an_ensemble_is_evaluated_beside_its_members(evaluate, trained: SimpleNamespace, tmp_path: Path) -> None:
    write_ensemble(trained, tmp_path / "ensemble.json")
    report = evaluate(tmp_path / "ensemble.json").report
    assert [(one["name"], one["kind"]) for one in report["detectors"]] == [
        ("toy_stage1", "specialist"),
        ("ensemble", "ensemble"),
    ]
    alone, fused = (one["video"]["auc"]["value"] for one in report["detectors"])
    assert alone == pytest.approx(fused)
    assert report["detectors"][1]["cue"] is None
