"""The calibration file: written, read back, refused; and the promise kept all the way through it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibrate_scores, calibration_path
from dfcore.evaluation.verdicts.rules import class_key

HASH = "a" * 64


def made(n: int, seed: int = 0, *, shift: float = 2.0, split: str = "val") -> list[ScoredVideo]:
    """2n videos of n people, real and fake in turn."""
    random = np.random.default_rng(seed)
    return [
        ScoredVideo(
            f"v{i}",
            i % 2,
            split=split,
            group=(f"person {i // 2}",),
            compression=("c23", "c40")[i // 2 % 2],
            codec="h264",
            margin=float(random.normal() + shift * (i % 2)),
            cue_margin=float(random.normal() + 0.5 * (i % 2)),
        )
        for i in range(2 * n)
    ]


def calibrated(videos: list[ScoredVideo], **rest: Any) -> CalibrationFile:
    return calibrate_scores(videos, specialist="toy", stage=1, weights=HASH, dataset="made", **rest)


def test_a_file_is_read_back_as_it_was(tmp_path: Path) -> None:
    videos = [*made(60), ScoredVideo("silent", 0, split="val", abstain_reason="no audio")]
    found = calibrated(videos)
    path = tmp_path / "toy_stage1_calibration.json"
    found.write(path)
    again = CalibrationFile.read(path, HASH)
    assert again.to_dict() == found.to_dict()
    assert again.verdict_of(3.0, "h264 c23", prior=0.1) == found.verdict_of(3.0, "h264 c23", prior=0.1)
    assert (again.n_real, again.n_fake, again.abstained) == (61, 60, {"no audio": 1})
    assert again.coverage == pytest.approx(120 / 121)
    assert "it abstains from 1 of 121" in again.summary()
    assert again.rules.calibration.n_real == 60


def test_a_file_of_other_weights_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "toy_stage1_calibration.json"
    calibrated(made(20)).write(path)
    with pytest.raises(CheckpointError, match=r"other weights: it was made from aaaaaaaaaaaa.*bbbb.*Calibrate again"):
        CalibrationFile.read(path, "b" * 64)
    assert CalibrationFile.read(path).weights == HASH


CHANGES: dict[str, Any] = {
    "specialist": 7,
    "stage": "one",
    "weights": None,
    "videos": {"real": "many", "fake": 1},
    "abstained": {"no audio": 0.5},
    "calibration": {"kind": "platt", "slope": -1.0, "offset": 0.0, "knots": [[], []]},
    "operating_points": {"equal_error": []},
    "conformal": {"alpha": 0.01, "scores": {"a": {"real": ["x"], "fake": []}}, "groups": {}},
    "cue_calibration": None,
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_tampered_file_is_refused_and_named(tmp_path: Path, key: str) -> None:
    path = tmp_path / "toy_stage1_calibration.json"
    calibrated(made(20)).write(path)
    stored = json.loads(path.read_text())
    for change in ({key: CHANGES[key]}, None):
        changed = {**stored, **change} if change else {name: stored[name] for name in stored if name != key}
        path.write_text(json.dumps(changed))
        with pytest.raises(CheckpointError, match=r"toy_stage1_calibration.json.*Calibrate again"):
            CalibrationFile.read(path, HASH)


def test_scores_and_identities_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy_stage1_calibration.json"
    calibrated(made(20)).write(path)
    stored = json.loads(path.read_text())
    for groups in ([1], [0.5] * 10, ["a"] * 10, None):
        changed = json.loads(json.dumps(stored))
        changed["conformal"]["groups"]["h264 c23"]["real"] = groups
        path.write_text(json.dumps(changed))
        with pytest.raises(CheckpointError, match="not stored conformal scores"):
            CalibrationFile.read(path, HASH)


def test_nothing_but_validation_videos_teaches() -> None:
    with pytest.raises(UsageError, match=r"v3 is of the test split.*validation videos alone"):
        calibrated([*made(3, split="val")[:3], *made(3, split="test")[3:]])
    with pytest.raises(UsageError, match="undecided split"):
        calibrated(made(3, split=""))


def test_where_the_file_lies() -> None:
    assert calibration_path(Path("r/cm_stage1_final.pt")) == Path("r/cm_stage1_calibration.json")
    assert calibration_path(Path("r/cm_stage1_epoch03.zip")) == Path("r/cm_stage1_epoch03_calibration.json")


def test_a_class_is_named_by_what_is_known_beforehand() -> None:
    assert class_key("c23", "h264") == "h264 c23"
    assert class_key("", "h264") == "h264"
    assert class_key() == "unknown codec"


def test_few_videos_give_a_file_that_says_what_it_cannot_promise(tmp_path: Path) -> None:
    few = calibrated(made(4))
    assert "none: 4 real and 4 fake validation videos are too few" in few.summary()
    assert "1 % false alarms cannot be promised with 4 genuine videos (99 are needed)" in few.summary()
    assert few.verdict_of(100.0).verdict == "uncertain"
    none = calibrated([ScoredVideo("silent", 1, split="val", abstain_reason="no audio")])
    none.write(tmp_path / "none.json")
    again = CalibrationFile.read(tmp_path / "none.json", HASH)
    assert again.judged_nothing
    assert again.coverage == 0
    judged = again.verdict_of(5.0)
    assert (judged.verdict, judged.log_likelihood_ratio, judged.probability) == ("uncertain", 0.0, 0.5)


def test_a_ratio_is_no_larger_than_the_validation_videos_can_bear_out() -> None:
    found = calibrated(made(60, shift=6.0))
    high, low = found.verdict_of(40.0), found.verdict_of(-40.0)
    assert high.capped
    assert high.log_likelihood_ratio == pytest.approx(math.log(61))
    assert low.log_likelihood_ratio == pytest.approx(-math.log(61))
    assert high.probability == pytest.approx(61 / 62)
    # One fake in a thousand: 61 to 1 for "fake" against 1 to 999 before.
    assert found.verdict_of(40.0, prior=0.001).probability == pytest.approx(61 / (61 + 999))


def test_the_promise_is_kept_through_the_file(tmp_path: Path) -> None:
    """Validation scores of heavy tails in three classes, written, read, and asked about new videos of each."""
    random, alpha, draws, new, said = np.random.default_rng(3), 0.05, 50, 100, 0
    path = tmp_path / "toy_stage1_calibration.json"
    alarms, misses = np.zeros(draws), np.zeros(draws)
    for draw in range(draws):
        label = np.arange(160) % 2
        margin = random.standard_t(2, 160) + 3 * label
        videos = [
            ScoredVideo(f"v{i}", int(label[i]), split="val", codec="h264", compression=f"c{i // 2 % 3}", margin=m)
            for i, m in enumerate(margin.tolist())
        ]
        calibrated(videos, alpha=alpha).write(path)
        found = CalibrationFile.read(path, HASH)
        for score in random.standard_t(2, new).tolist():
            real, fake = (found.verdict_of(score + shift, f"h264 c{random.integers(3)}") for shift in (0, 3))
            alarms[draw] += (real.verdict == "fake") / new
            misses[draw] += (fake.verdict == "real") / new
            said += (real.verdict != "uncertain") + (fake.verdict != "uncertain")
    for rate in (alarms, misses):  # the promise is one about the mean over validation sets
        assert rate.mean() < alpha + 3 * rate.std(ddof=1) / math.sqrt(draws), rate.mean()
    assert said > draws * new / 2  # and it does say something
