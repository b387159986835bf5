"""From margins to verdicts, by what lies beside the weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_specialists import SPEC, BrightIsFake, member

from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.verdicts import calibration, fusion
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.evaluation.verdicts.rules import VerdictRules
from dfcore.inference.models import Member
from dfcore.inference.verdict import find_judge

LABELS = np.repeat([0, 1], 200)
MARGINS = np.concatenate([np.linspace(-6, 1, 200), np.linspace(-1, 6, 200)])


RULES = VerdictRules.fit(LABELS, MARGINS)


def stored(weights: str, **more: Any) -> dict[str, Any]:
    found = CalibrationFile("one", 1, weights, "Made", RULES, RULES.calibration, 200, 200)
    return {"format": 1, **found.to_dict(), **more}


def named(root: Path, name: str, **more: Any) -> Member:
    model = BrightIsFake(dataclasses.replace(SPEC, name=name))
    return member(model, path=root / f"{name}_stage1/{name}_stage1_final.pt", hash=name * 3, **more)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_calibrated_specialist_gives_verdicts(tmp_path: Path) -> None:
    one = named(tmp_path, "one")
    write(calibration_path(one.path), stored(weights=one.hash))
    judge = find_judge([one])
    fake, real, between = (judge.decide({"one": margin}, "h264") for margin in (3.0, -3.0, 0.0))
    assert [fake.verdict, real.verdict, between.verdict] == ["fake", "real", "uncertain"]
    assert (fake.probability or 0) > 0.9 > 0.1 > (real.probability or 1)
    assert fake.log_likelihood_ratio == pytest.approx(np.log((fake.probability or 0) / (1 - (fake.probability or 0))))
    assert fake.margin == 3.0
    assert "by 200 validation videos" in judge.notes[0]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (None, "run `dfcore calibrate"),
        ({"format": 2}, "format"),
        ("[" * 100_000, "cannot be read"),
        (stored("others"), "belongs to other weights"),
        ({"format": 1, "weights": "oneoneone"}, "is not a stored calibration"),
    ],
)
def test_without_one_that_fits_there_is_no_verdict(tmp_path: Path, content: Any, note: str) -> None:
    one = named(tmp_path, "one")
    if content is not None:
        write(calibration_path(one.path), content)
    judge = find_judge([one])
    found = judge.decide({"one": 9.0}, None)
    assert (found.verdict, found.probability, found.margin) == ("uncertain", None, 9.0)
    assert "uncalibrated" in found.reason
    assert note in judge.notes[0]


def ensemble(**hashes: str) -> dict[str, Any]:
    rule = fusion.Fusion(tuple(hashes), "mean")
    halved = calibration.Calibration("temperature", 0.5).to_dict()
    members = {
        name: {"specialist": name, "stage": 1, "path": name, "weights": digest, "calibration": halved, "coverage": 1.0}
        for name, digest in hashes.items()
    }
    more = {"abstained": 0, "left_out": {}, "validation": {}}
    return {**stored(""), "members": members, "fusion": rule.to_dict(), **more}


def test_an_ensemble_beside_the_runs_fuses_calibrated_ratios(tmp_path: Path) -> None:
    members = [named(tmp_path, "one"), named(tmp_path, "two")]
    write(tmp_path / "ensemble.json", ensemble(a="oneoneone", b="twotwotwo", c="absent"))
    judge = find_judge(members)
    assert judge.decide({"one": 4.0, "two": 8.0}, None).margin == pytest.approx(3.0)
    assert judge.decide({"two": 8.0}, None).margin == pytest.approx(4.0)
    assert judge.decide({"two": 8.0}, None).verdict == "fake"
    assert "ensemble.json (mean)" in judge.notes[0]


def test_an_ensemble_without_these_weights_is_an_error_where_it_was_named(tmp_path: Path) -> None:
    members = [named(tmp_path, "one"), named(tmp_path, "two")]
    path = write(tmp_path / "ensemble.json", ensemble(a="oneoneone", b="another"))
    judge = find_judge(members)
    assert judge.decide({"one": 1.0, "two": 3.0}, None).margin == pytest.approx(2.0)
    assert "fitted without the weights of two" in judge.notes[0]
    with pytest.raises(CheckpointError, match="without the weights of two"):
        find_judge(members, path)
    with pytest.raises(CheckpointError, match="not a stored ensemble"):
        find_judge(members, write(tmp_path / "bad.json", {"format": 1}))


def test_one_that_does_not_count_leaves_the_other_its_own_calibration(tmp_path: Path) -> None:
    one = named(tmp_path, "one")
    write(calibration_path(one.path), stored(weights=one.hash))
    assert find_judge([one, named(tmp_path, "two", counted=False)]).decide({"one": 3.0}, None).verdict == "fake"


def test_a_prior_moves_the_probability_and_not_the_verdict(tmp_path: Path) -> None:
    one = named(tmp_path, "one")
    write(calibration_path(one.path), stored(weights=one.hash))
    even, rare = (find_judge([one], prior=prior).decide({"one": 3.0}, "h264") for prior in (0.5, 0.01))
    assert (rare.verdict, rare.log_likelihood_ratio) == (even.verdict, even.log_likelihood_ratio)
    odds = [found.probability / (1 - found.probability) for found in (even, rare)]  # type: ignore[operator]
    assert odds[0] / odds[1] == pytest.approx(99)
    for prior in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="above 0 and below 1"):
            find_judge([one], prior=prior)
