"""The last step of a run: the calibration beside the final weights."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dfcore
import dfcore.training.calibrate
from dfcore.config import TrainConfig, override
from dfcore.data.records import REAL, VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import RunInterrupted
from dfcore.evaluation.genuine import GenuineStatistics, genuine_path
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.models.files.weights import describe
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


def test_a_run_ends_with_what_its_genuine_validation_videos_look_like(
    toy: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[ClipStore, list[VideoRecord]]] = []
    score = dfcore.training.calibrate.score_videos

    def watched(model: Any, store: Any, records: Any, **rest: Any) -> Any:
        seen.append((store, [record for record in records if record.label == REAL]))
        return score(model, store, records, **rest)

    monkeypatch.setattr(dfcore.training.calibrate, "score_videos", watched)
    result = train(toy)
    ((store, genuine),) = seen
    model = dfcore.load(result.final)
    found = GenuineStatistics.read(genuine_path(result.final), model.spec, describe(result.final)["hash"])
    assert (found.specialist, found.stage, found.dataset, found.videos) == ("toy", 1, "toy", len(genuine))
    maps = []
    for record in genuine:
        data = ClipSamples(
            [record],
            store,
            model.view_names,
            image_size=model.image_size,
            samples_per_video=toy.data.eval_samples,
            clip_frames=toy.data.clip_frames,
        )
        views = [data[k]["views"] for k in range(len(data))]
        with torch.no_grad():
            output = model({name: torch.stack([view[name] for view in views]) for name in views[0]})
        maps.append(output.cue_map.mean(0).numpy())
    np.testing.assert_allclose(found.mean, np.mean(maps, axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
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
    assert genuine_path(again.final).read_bytes() == genuine_path(whole.final).read_bytes()


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
    genuine = genuine_path(path.with_name("toy_stage1_final.pt"))
    assert genuine.exists()
    train(override(toy, {"data.val_share": 0.0}), overwrite=True)
    assert not path.exists()
    assert not genuine.exists()
