"""``dfcore.calibrate`` and ``dfcore.Ensemble`` on whole runs of a made specialist."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dfcore.assessment.fitting.validation
from dfcore.api.calibrate import calibrate
from dfcore.api.ensemble import Ensemble
from dfcore.cli import cli
from dfcore.config import TrainConfig, override
from dfcore.errors import CheckpointError, DatasetError, UsageError
from dfcore.evaluation.genuine import genuine_path
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.training.trainer import train


def test_calibrating_later_gives_what_training_gave(toy: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    final = train(toy).final
    path = calibration_path(final)
    before, genuine = path.read_bytes(), genuine_path(final).read_bytes()
    path.unlink()
    genuine_path(final).unlink()
    (found,) = calibrate(final)
    assert (found.label, found.path, found.genuine) == ("toy_stage1", path, genuine_path(final))
    assert path.read_bytes() == before
    assert genuine_path(final).read_bytes() == genuine
    assert found.to_dict()["calibration"] == found.calibration.to_dict()
    done = CliRunner().invoke(cli, ["calibrate", str(final.parent), "--alpha", "0.2"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "20 % false alarms cannot be promised with" in done.output
    assert str(path) in done.output.replace("\n", "")
    assert CalibrationFile.read(path).rules.conformal.alpha == 0.2


def test_only_validation_videos_are_read(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    final = train(toy).final
    read: list[str] = []
    score = dfcore.assessment.fitting.validation.score_videos

    def watched(model: Any, store: Any, records: Any, **rest: Any) -> Any:
        read.extend(record.split for record in records)
        return score(model, store, records, **rest)

    monkeypatch.setattr(dfcore.assessment.fitting.validation, "score_videos", watched)
    calibrate([final])
    assert set(read) == {"val"}


@pytest.mark.slow
def test_what_was_trained_on_does_not_calibrate(toy: TrainConfig) -> None:
    final = train(toy).final
    for key in ("data.val_share", "run.seed"):
        with pytest.raises(UsageError, match=f"{key} decides which videos were held out of training"):
            calibrate(final, set={key: 0.5})
    with pytest.raises(UsageError, match="alpha"):
        calibrate(final, alpha=0.7)
    whole = train(override(toy, {"data.val_share": 0.0, "run.out": str(Path(toy.run.out).parent / "whole")}))
    with pytest.raises(DatasetError, match=r"no validation videos.*data.val_share"):
        calibrate(whole.final)


@pytest.fixture
def two(toy: TrainConfig, tmp_path: Path) -> list[Path]:
    """The folders of two runs, one a little longer."""
    outs = [tmp_path / "all" / name for name in ("one", "two")]
    for epochs, out in enumerate(outs, start=1):
        train(override(toy, {"run.out": str(out), "stage.epochs": epochs}))
    return outs


def test_an_ensemble_of_two_runs_knows_its_members_by_their_weights(two: list[Path]) -> None:
    done = CliRunner().invoke(cli, ["ensemble", "fit", *map(str, two)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    path = two[0].parent / "ensemble.json"
    for words in ("one/toy_stage1/toy_stage1", "mean", "fused", "fusion: mean; ", "verdicts: none: ", "ensemble.json"):
        assert words in done.output, words
    ensemble = Ensemble.load(path)
    assert isinstance(ensemble, Ensemble)
    stored = json.loads(path.read_text())["members"]
    assert [one["path"] for one in stored.values()] == [
        f"{name}/toy_stage1/toy_stage1_final.pt" for name in ("one", "two")
    ]
    assert ensemble.fuse(dict.fromkeys(ensemble.labels, 1.0)).verdict == "uncertain"
    moved = two[0].parent.rename(two[0].parent.with_name("moved"))  # everything together
    assert Ensemble.load(moved / "ensemble.json").labels == ensemble.labels


@pytest.mark.slow
def test_a_member_that_was_trained_again_or_is_gone_is_refused(two: list[Path]) -> None:
    ensemble = Ensemble.fit(two)
    path = two[0].parent / "ensemble.json"
    ensemble.save(path)
    one, other = (member.path for member in ensemble.members)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    with pytest.raises(CheckpointError, match=r"holds other weights than the ensemble was fitted with.*Fit the ens"):
        Ensemble.load(path)
    one.unlink()
    with pytest.raises(CheckpointError, match=r"is not there. Put it back"):
        Ensemble.load(path)
    one.write_bytes(kept)
    assert Ensemble.load(path).labels == ensemble.labels


@pytest.mark.slow
def test_members_that_cannot_be_shown_the_same_videos_are_refused(toy: TrainConfig, two: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"two members or more; found toy_stage1"):
        Ensemble.fit(two[0])
    third = two[0].parent / "third"
    train(override(toy, {"run.out": str(third), "run.seed": 3}))
    with pytest.raises(UsageError, match=r"held out different videos \(run.seed was 0 and 3\)"):
        Ensemble.fit([two[0], third])


@pytest.mark.slow
def test_a_member_that_judged_nothing_in_its_own_validation_is_left_out(two: list[Path]) -> None:
    path = calibration_path(two[1] / "toy_stage1" / "toy_stage1_final.pt")
    found = CalibrationFile.read(path)
    nothing = CalibrationFile.read(path).rules.fit([], [])
    replace(found, rules=nothing, abstained={"no audio": found.n_real + found.n_fake}).write(path)
    ensemble = Ensemble.fit(two)
    assert len(ensemble.members) == 1
    assert ["judged nothing in its own validation" in why for why in ensemble.left_out.values()] == [True]
