"""Two processes that want one run's folder, and one that lost it."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from writers import ELSEWHERE, leave_lock

from dfcore.config import TrainConfig
from dfcore.errors import RunError, RunLockedError
from dfcore.runs.folder import RunFolder
from dfcore.runs.lock import RunLock, holder_of
from dfcore.training.protocols import BaseCallback
from dfcore.training.trainer import train


class Lose(BaseCallback):
    """From a step on, the run's folder belongs to another, or is not there."""

    def __init__(self, folder: RunFolder, how: str) -> None:
        self.folder, self.how = folder, how

    def on_step(self, run: Any) -> None:
        if run.step == 4 and self.how == "taken over":
            leave_lock(self.folder.path, machine=ELSEWHERE, host="gpu7")
        elif run.step == 4:
            self.folder.path.rename(self.folder.path.with_name("moved"))


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(("how", "said"), [("taken over", "process .* on gpu7 .* has taken it over"), ("gone", "gone")])
def test_who_lost_the_run_stops_and_writes_no_more(tiny: ModuleType, tmp_path: Path, how: str, said: str) -> None:
    config = tiny.tiny_config(tmp_path)
    folder = RunFolder.of(config)
    with RunLock(folder.path, "training") as lock:
        with pytest.raises(RunError, match=rf"no longer holds the lock of the run in .*tiny_stage1: .*{said}"):
            tiny.tiny_run(config, extra=(Lose(folder, how),), lock=lock)
        there = tmp_path / ("moved" if how == "gone" else "tiny_stage1")
        assert len((there / "metrics.jsonl").read_text().splitlines()) == 4
    assert folder.path.exists() == (how == "taken over")
    assert how == "gone" or holder_of(folder.path) is not None


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}])
def test_nobody_trains_beside_a_live_run(toy: TrainConfig, how: dict[str, bool]) -> None:
    folder = RunFolder.of(toy)
    with RunLock(folder.path, "training"):
        with pytest.raises(RunLockedError, match=r"toy_stage1 is in use by process \d+ on .*Wait until it has ended"):
            train(toy, **how)
        assert [path.name for path in folder.path.iterdir()] == [".lock"]


def test_a_run_holds_its_lock_throughout_and_leaves_none(toy: TrainConfig) -> None:
    held: list[str] = []

    class Look(BaseCallback):
        def on_start(self, run: Any) -> None:
            held.append(str(holder_of(run.folder.path)))

        on_exit = on_start

    result = train(toy, callbacks=[Look()])
    assert len(held) == 2
    assert all(said.startswith(f"process {os.getpid()} on") for said in held)
    assert not (result.folder / ".lock").exists()
    held.clear()
    with RunLock(result.folder, "training"):  # a finished run's result is only read
        assert train(toy, resume=True).final == result.final
