"""What is removed when a run begins, when a folder counts as a run's, and how long a lock is held."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from writers import ELSEWHERE, leave_lock, temporary_of

from dfcore.config import TrainConfig, override
from dfcore.errors import CheckpointError, RunError, RunExistsError
from dfcore.runs import lock as locks
from dfcore.runs.folder import RunFolder, StartMode, read_lines, write_json
from dfcore.runs.lock import LOCK, SILENCE, RunLock, holder_of

OWN = {
    "config.json", "log.txt", "metrics.jsonl", "curves.png", "last.pt", "summary.json", "cm_stage1_final.pt",
    "cm_stage1_calibration.json", "cm_stage1_genuine.json", "cm_stage1_epoch01.zip", "cm_stage1_epoch12.zip",
}  # fmt: skip
OTHERS = {"notes.txt", "cm_stage2_epoch01.zip", "cm_stage1.zip"}


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return override(TrainConfig(specialist="cm"), {"run.out": str(tmp_path)})


def filled(folder: RunFolder) -> set[str]:
    """All that a run may write, the user's own, events, and temporary files of a killed writer."""
    folder.tensorboard.mkdir(parents=True)
    for name in OWN | OTHERS:
        (folder.path / name).write_text("{}")
    for name in ("events.out.tfevents.1", "mine.txt"):
        (folder.tensorboard / name).write_text("x")
    temporary_of(folder.last)
    temporary_of(folder.tensorboard / "events")
    write_json(folder.config, {"config": {}})
    return names(folder)


def names(folder: RunFolder) -> set[str]:
    return {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()}


def test_each_file_has_its_name(config: TrainConfig) -> None:
    folder = RunFolder.of(config)
    files = (
        folder.config, folder.log, folder.metrics, folder.plot, folder.last, folder.summary, folder.final,
        folder.calibration, folder.genuine, folder.epoch_zip(1), folder.epoch_zip(12),
    )  # fmt: skip
    assert {file.name for file in files} == OWN
    assert folder.epoch_zip(123).name == "cm_stage1_epoch123.zip"


@pytest.mark.parametrize("mode", [StartMode.NEW, StartMode.OVERWRITE])
def test_a_run_that_begins_removes_what_is_a_runs_and_nothing_else(config: TrainConfig, mode: StartMode) -> None:
    folder = RunFolder.of(config)
    filled(folder)
    assert [path.name for path in folder.epoch_zips()] == ["cm_stage1_epoch01.zip", "cm_stage1_epoch12.zip"]
    folder.open(mode, {"config": {"a": 1}})
    assert names(folder) == {"config.json", *OTHERS, "tensorboard/mine.txt"}
    assert json.loads(folder.config.read_text()) == {"config": {"a": 1}}


def test_a_run_that_goes_on_removes_only_what_was_cut_short(config: TrainConfig) -> None:
    folder = RunFolder.of(config)
    before = filled(folder)
    folder.open(StartMode.RESUME, {"config": {"a": 1}})
    assert names(folder) == {name for name in before if not name.endswith(".tmp")}
    assert json.loads(folder.config.read_text()) == {"config": {}}


def test_what_a_folder_means(config: TrainConfig) -> None:
    folder = RunFolder.of(config)

    def decided(**how: bool) -> StartMode:
        return folder.decide(config, resume=how.get("resume", False), overwrite=how.get("overwrite", False))

    folder.path.mkdir(parents=True)
    (folder.path / LOCK).touch()
    assert decided(overwrite=True) is StartMode.NEW  # its own lock alone
    folder.log.touch()
    assert decided(overwrite=True) is StartMode.OVERWRITE
    assert decided() is StartMode.NEW  # it saved nothing
    assert decided(resume=True) is StartMode.NEW
    write_json(folder.config, {"config": config.to_json()})
    folder.last.touch()
    with pytest.raises(RunExistsError, match="an unfinished run"):
        decided()
    assert decided(resume=True) is StartMode.RESUME
    folder.summary.touch()
    with pytest.raises(RunExistsError, match="a finished run"):
        decided()
    assert decided(resume=True) is StartMode.FINISHED
    folder.last.unlink()
    assert decided(resume=True) is StartMode.FINISHED
    write_json(folder.config, {"config": 5})
    with pytest.raises(CheckpointError, match="holds no configuration"):
        decided(resume=True)


def test_lines_are_read_from_a_place_on_and_up_to_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a": 3}\n')
    assert [line["a"] for line in read_lines(path)] == [1, 2, 3]
    assert [line["a"] for line in read_lines(path, 9)] == [2, 3]
    for damaged in ('{"a": 1}\n[5]\n{"a": 3}\n', '{"a": 1}\n{"a": \n{"a": 3}\n'):
        path.write_text(damaged)
        assert [line["a"] for line in read_lines(path)] == [1]
    write_json(path, {"path": "caf\udce9", "ü": 1})
    assert json.loads(path.read_text())["path"] == "caf\udce9"


# -- locks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("silence", "held"), [(SILENCE - 10, True), (SILENCE + 10, False)])
def test_another_machines_lock_is_held_for_three_minutes_of_silence(tmp_path: Path, silence: float, held: bool) -> None:
    leave_lock(tmp_path, silence, machine=ELSEWHERE)
    assert (holder_of(tmp_path) is not None) == held
    assert SILENCE == 180
    assert SILENCE > 10 * locks.BEAT


def test_in_a_folder_that_may_only_be_read_this_machines_clock_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for silence, held in ((SILENCE - 20, True), (SILENCE + 20, False)):
        leave_lock(tmp_path, silence, machine=ELSEWHERE)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "touch", refuses)
            assert (holder_of(tmp_path) is not None) == held
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    (tmp_path / LOCK).unlink()
    assert locks.silence(tmp_path / LOCK) == 0
    assert holder_of(tmp_path) is None


def refuses(*_: Any, **__: Any) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("change", [{"pid": "5"}, {"host": 5}, {"token": None}, {"pid": None}, {"more": 1}])
def test_a_lock_of_other_kinds_says_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    leave_lock(tmp_path)
    values = json.loads((tmp_path / LOCK).read_text())
    assert holder_of(tmp_path) is not None
    (tmp_path / LOCK).write_text(json.dumps({**values, **change}))
    assert holder_of(tmp_path) is None


def test_a_lock_without_the_time_of_its_start_is_held_as_long_as_its_process_lives_and_is_heard(tmp_path: Path) -> None:
    leave_lock(tmp_path, started="")
    assert holder_of(tmp_path) is not None
    leave_lock(tmp_path, SILENCE + 10, started="")
    assert holder_of(tmp_path) is None


def test_a_lock_that_was_taken_over_or_is_gone_is_no_longer_this_ones(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with RunLock(folder, "training") as lock:
        lock.check()
        own = (folder / LOCK).read_bytes()
        other = leave_lock(folder, host="gpu7")
        with pytest.raises(RunError, match=rf"process {other.pid} on gpu7 .* has taken it over"):
            lock.check()
        (folder / LOCK).unlink()
        with pytest.raises(RunError, match="it is gone"):
            lock.check()
        (folder / LOCK).write_bytes(own)
        lock.check()
        leave_lock(folder, host="gpu7")
    assert (folder / LOCK).exists()  # another's is left


def test_only_folders_that_were_made_go_again(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with RunLock(tmp_path / "there" / "made" / "run", "training"):
        pass
    assert (tmp_path / "there").is_dir()
    assert not (tmp_path / "there" / "made").exists()
    with RunLock(tmp_path / "there", "training"):
        pass
    assert (tmp_path / "there").is_dir()


def test_a_beat_leaves_another_ones_lock_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, waits = RunLock(tmp_path, "training"), iter([False, False, True])
    leave_lock(tmp_path, host="gpu7")
    os.utime(tmp_path / LOCK, (1, 1))
    monkeypatch.setattr(lock._ended, "wait", lambda seconds: next(waits))
    lock._beat()
    assert (tmp_path / LOCK).stat().st_mtime == 1
    assert time.time() > 1
