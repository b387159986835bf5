"""The last step of a run: the calibration beside the final weights."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import dfcore.training.calibrate
from dfcore.config import TrainConfig, override
from dfcore.errors import RunInterrupted
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.models.weights import describe
from dfcore.training.trainer import train


def test_a_run_ends_with_a_calibration_of_its_final_weights(
    toy: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(toy)
    path = calibration_path(result.final)
    assert path == result.folder / "toy_stage1_calibration.json"
    found = CalibrationFile.read(path, describe(result.final)["hash"])
    assert (found.specialist, found.stage, found.dataset, found.coverage) == ("toy", 1, "toy", 1.0)
    assert found.n_real + found.n_fake == result.metrics["videos"]
    assert list(json.loads(path.read_text())["conformal"]["scores"]) == ["h264 c23"]
    said = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("calibration "))
    assert "real and" in said
    assert "1 % false alarms cannot be promised with" in said
    assert "(99 are needed)" in said
    assert found.verdict_of(50.0).verdict == "uncertain"  # too few to promise anything


def test_killed_while_calibrating_and_resumed_it_ends_with_the_same_file(
    toy: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(override(toy, {"run.out": str(tmp_path / "whole")}))
    with monkeypatch.context() as broken:
        broken.setattr(dfcore.training.calibrate, "calibrate_scores", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            train(toy)
    final = Path(toy.run.out) / "toy_stage1" / "toy_stage1_final.pt"
    assert final.exists()
    assert not calibration_path(final).exists()
    again = train(toy, resume=True)
    assert calibration_path(again.final).read_bytes() == calibration_path(whole.final).read_bytes()


def _power_cut(*args: Any, **kwargs: Any) -> Any:
    raise KeyboardInterrupt


def test_a_signal_while_calibrating_says_how_to_go_on(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    score = dfcore.training.calibrate.score_videos

    def scored_and_stopped(*args: Any, check: Any, **kwargs: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return score(*args, check=check, **kwargs)

    monkeypatch.setattr(dfcore.training.calibrate, "score_videos", scored_and_stopped)
    with pytest.raises(RunInterrupted, match=r"SIGTERM while the final weights were being calibrated.*resume=True"):
        train(toy)


def test_without_validation_videos_there_is_none_and_the_log_says_so(
    toy: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(override(toy, {"data.val_share": 0.0}))
    assert not calibration_path(result.final).exists()
    assert "calibration  none: there are no validation videos" in capsys.readouterr().out


def test_a_run_that_starts_again_leaves_no_calibration_of_the_old_weights(toy: TrainConfig) -> None:
    path = calibration_path(train(toy).final)
    train(override(toy, {"data.val_share": 0.0}), overwrite=True)
    assert not path.exists()
