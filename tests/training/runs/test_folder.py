from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from writers import temporary_of

from dfcore.config import TrainConfig, keys, override
from dfcore.errors import CheckpointError, WriteError
from dfcore.runs.folder import FREE_KEYS, RunFolder, StartMode, differences, read_json, write_json
from dfcore.training.protocols import BaseCallback


def test_differences_name_keys_that_matter() -> None:
    config = TrainConfig(specialist="cm")
    stored = json.loads(json.dumps(config.to_json()))
    assert differences(stored, config.to_json()) == []
    changed = override(config, {"stage.lr": 2e-5, "run.seed": 7, "run.out": "x", "data.workers": 3})
    assert differences(stored, changed.to_json()) == ["run.seed was 0, is 7", "stage.lr was 0.0001, is 2e-05"]
    assert differences(stored, TrainConfig(specialist="bg").to_json()) == ["specialist was cm, is bg"]


def test_a_key_of_another_version_counts_as_a_difference() -> None:
    config = TrainConfig(specialist="cm")
    stored = json.loads(json.dumps(config.to_json()))
    del stored["stage"]["lr"]
    stored["stage"]["old"] = 1
    assert differences(stored, config.to_json()) == ["stage.lr was None, is 0.0001", "stage.old was 1, is None"]


def test_every_free_key_exists() -> None:
    assert set(keys()) >= FREE_KEYS


def test_an_empty_folder_is_new_whatever_the_flag(tmp_path: Path) -> None:
    config = override(TrainConfig(specialist="cm"), {"run.out": str(tmp_path)})
    folder = RunFolder.of(config)
    assert folder.path == tmp_path / "cm_stage1"
    assert folder.decide(config, resume=False, overwrite=False) is StartMode.NEW
    assert folder.decide(config, resume=True, overwrite=False) is StartMode.NEW
    assert folder.decide(config, resume=False, overwrite=True) is StartMode.NEW


def test_traces_of_a_run_that_saved_nothing_are_cleared(tmp_path: Path) -> None:
    config = override(TrainConfig(specialist="cm"), {"run.out": str(tmp_path)})
    folder = RunFolder.of(config)
    folder.open(StartMode.NEW, {"config": {}})
    folder.metrics.write_text("{}")
    temporary_of(folder.last)
    start_mode = folder.decide(config, resume=False, overwrite=False)
    assert start_mode is StartMode.NEW
    folder.open(start_mode, {"config": {"a": 1}})
    assert sorted(path.name for path in folder.path.iterdir()) == ["config.json"]
    assert read_json(folder.config) == {"config": {"a": 1}}


def test_json_is_read_back_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"name": "Müller", "values": [1, None]})
    assert read_json(path) == {"name": "Müller", "values": [1, None]}
    path.write_text("{")
    with pytest.raises(CheckpointError, match=r"x.json cannot be read.*overwrite=True"):
        read_json(path)
    path.write_text("[]")
    with pytest.raises(CheckpointError, match="does not hold a JSON object"):
        read_json(path)


class FillTheDisk(BaseCallback):
    """From a step on, no file can be made safe."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        self.monkeypatch, self.step = monkeypatch, step

    def on_step(self, run: Any) -> None:
        if run.step == self.step:
            self.monkeypatch.setattr(os, "fsync", no_space)


def no_space(handle: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_the_last_state(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny.tiny_config(tmp_path)
    with monkeypatch.context() as full:
        full_disk = FillTheDisk(full, 4)
        # The log of metrics is written before the extra callbacks are called: the state is the first to fail.
        with pytest.raises(
            WriteError, match=r"last.pt cannot be written: no space left.* KiB needed, .*free.*resume=True"
        ):
            tiny.tiny_run(config, extra=(full_disk,))
    assert not list((tmp_path / "tiny_stage1").glob(".*.tmp"))
    steps: list[int] = []

    class Count(BaseCallback):
        def on_step(self, run: Any) -> None:
            steps.append(run.step)

    assert tiny.tiny_run(config, resume=True, extra=(Count(),)).final.exists()
    assert steps[0] == 3
