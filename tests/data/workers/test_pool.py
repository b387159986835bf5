from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fake_parts
import pytest

from dfcore.data.workers import pool
from dfcore.data.workers.pool import Died, run_tasks
from dfcore.data.workers.process import Worker
from dfcore.errors import MediaError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The workers that were started."""
    found: list[Worker] = []

    class Noted(Worker):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            found.append(self)

    monkeypatch.setattr(pool, "Worker", Noted)
    return found


def ended(workers: list[Worker]) -> list[bool]:
    """Of each, whether somebody ended it and waited for that."""
    return [worker.process.returncode is not None and worker.pipe.closed for worker in workers]


def test_every_task_has_its_outcome() -> None:
    assert sorted(run_tasks(fake_parts.square, range(7), 2)) == [(n, n * n) for n in range(7)]
    assert list(run_tasks(fake_parts.square, [], 2)) == []


def test_a_worker_does_not_collect_what_its_function_imported() -> None:
    ((_, frozen),) = run_tasks(fake_parts.frozen, [0], 1)
    assert frozen > 10_000


@pytest.mark.parametrize(("tasks", "workers", "processes"), [(5, 1, 1), (7, 3, 3), (2, 4, 2)])
def test_as_many_workers_as_are_asked_for_and_no_more_than_tasks(
    started: list[Worker], tasks: int, workers: int, processes: int
) -> None:
    outcomes = run_tasks(fake_parts.square, range(tasks), workers)
    next(outcomes)
    assert len(started) == processes
    assert len(list(outcomes)) == tasks - 1
    assert ended(started) == [True] * processes


def test_a_worker_that_dies_is_the_outcome_of_its_task_alone(started: list[Worker]) -> None:
    outcomes = dict(run_tasks(fake_parts.dies_on_three, range(6), 2))
    assert set(ended(started)) == {True}
    assert isinstance(outcomes[3], Died)
    assert "SIGKILL" in outcomes[3].reason
    assert "out of memory" in outcomes[3].reason
    assert {n: outcome for n, outcome in outcomes.items() if n != 3} == {n: n for n in (0, 1, 2, 4, 5)}


def test_a_signal_to_the_whole_group_is_not_the_fault_of_the_videos_under_way() -> None:
    assert dict(run_tasks(fake_parts.is_terminated_on_three, range(6), 2)) == {n: n for n in range(6)}


def test_a_task_that_takes_too_long_is_given_up_and_costs_the_others_nothing(started: list[Worker]) -> None:
    outcomes = dict(run_tasks(time.sleep, [600.0, 0.0], 2, lambda task: 2.0 if task else 300.0))
    assert isinstance(outcomes[600.0], Died)
    assert "did not end within 2 seconds" in outcomes[600.0].reason
    assert outcomes[0.0] is None
    assert ended(started) == [True, True]


def test_an_error_ends_the_run_and_the_workers(started: list[Worker]) -> None:
    with pytest.raises(MediaError, match="three"):
        list(run_tasks(fake_parts.raises_on_three, range(9), 2))
    assert ended(started) == [True, True]


def test_stopping_early_ends_the_workers(started: list[Worker]) -> None:
    outcomes = run_tasks(fake_parts.square, range(100), 2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert ended(started) == [True, True]


def test_workers_are_single_threaded_and_the_caller_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert dict(run_tasks(fake_parts.thread_setting, [0], 1)) == {0: "1"}
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import operator\nfrom dfcore.data.workers.pool import run_tasks\n"
        "print(sorted(run_tasks(operator.neg, range(3), 2)))\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[(0, 0), (1, -1), (2, -2)]"


def test_a_worker_starts_without_torch() -> None:
    command = [sys.executable, "-c", "import sys, dfcore.data.prepare.videos; print('torch' in sys.modules)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"
