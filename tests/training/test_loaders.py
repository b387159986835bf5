"""Loader processes: how they start, and what ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from dfcore.data.sampler import BalancedSampler
from dfcore.training.loaders import training_loader

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems start processes their own way")


class Where(Dataset[dict[str, Any]]):
    """Each sample says which process made it, and which one started that."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"index": index, "process": os.getpid(), "parent": os.getppid()}


def loader(workers: int) -> Any:
    sampler = BalancedSampler([0, 1] * 12, power=1, seed=0)
    cpu = torch.device("cpu")
    return training_loader(Where(), sampler, epoch=0, start=0, batch_size=2, workers=workers, device=cpu)


@LINUX
def test_loader_processes_are_no_forks_of_this_one_and_change_no_sample() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # Python's warning of forks beside threads
        batches = list(loader(2))
    assert [batch["index"].tolist() for batch in batches] == [batch["index"].tolist() for batch in loader(0)]
    processes = {int(number) for batch in batches for number in batch["process"]}
    assert len(processes) == 2
    assert os.getpid() not in {int(number) for batch in batches for number in (*batch["process"], *batch["parent"])}


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_leaves_the_loader_processes_at_work(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(int(number))],
        capture_output=True,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=120,
    )
    assert done.stdout.split() == ["24", "True"], done.stderr


def main() -> None:
    """Signal the own process group while a loader works; print how many samples came, and if both workers live."""
    number = signal.Signals(int(sys.argv[1]))
    signal.signal(number, lambda *_: None)
    batches = iter(loader(2))
    count = len(next(batches)["index"])
    os.killpg(0, number)
    for _ in range(10):
        count += len(next(batches)["index"])
    alive = all(worker.is_alive() for worker in batches._workers)
    print(count + sum(len(batch["index"]) for batch in batches), alive)


if __name__ == "__main__":
    main()
