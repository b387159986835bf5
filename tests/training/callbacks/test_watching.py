"""What watches a run: the warning of a disk that is too small, and the bar."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from dfcore.training.callbacks import disk_watch
from dfcore.training.callbacks.disk_watch import DiskWatch
from dfcore.training.callbacks.progress import Progress

BYTES = 4 * 12  # of the model's weights


def run(folder: Path, keep: int, warned: list[str], *, epoch: int = 0, main: bool = True) -> Any:
    return SimpleNamespace(
        world=SimpleNamespace(is_main=main),
        model=nn.Linear(3, 3),
        config=SimpleNamespace(run=SimpleNamespace(keep=keep)),
        folder=SimpleNamespace(path=folder),
        log=SimpleNamespace(warn=warned.append),
        epoch=epoch,
        plan=SimpleNamespace(epochs=5),
    )


@pytest.mark.parametrize(("keep", "copies"), [(0, 9), (1, 9), (3, 11)])
def test_the_disk_must_hold_last_twice_the_kept_epochs_one_more_and_the_final_weights(
    keep: int, copies: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "last.pt").write_bytes(bytes(3 * BYTES))  # already there
    (tmp_path / "folder").mkdir()
    for free, said in (((copies - 3) * BYTES, 0), ((copies - 3) * BYTES - 1, 1)):
        monkeypatch.setattr(disk_watch, "free_space", lambda path, free=free: SimpleNamespace(free=free, where=path))
        warned: list[str] = []
        watch = DiskWatch()
        watch.on_start(run(tmp_path, keep, warned))
        watch.on_epoch(run(tmp_path, keep, warned, epoch=1))
        assert len(warned) == said  # once


def test_the_disk_is_not_looked_at_by_others_nor_after_the_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_watch, "free_space", lambda path: SimpleNamespace(free=0, where=path))
    warned: list[str] = []
    DiskWatch().on_start(run(tmp_path, 1, warned, main=False))
    DiskWatch().on_epoch(run(tmp_path, 1, warned, epoch=5))
    assert warned == []
    DiskWatch().on_epoch(run(tmp_path, 1, warned, epoch=4))
    assert len(warned) == 1


class Bar:
    """Notes what a bar is told."""

    def __init__(self, shown: bool) -> None:
        self.shown, self.moved, self.closed, self.notes = shown, 0, False, []  # type: ignore[var-annotated]

    def update(self) -> None:
        self.moved += 1

    def note(self, **what: str) -> None:
        self.notes.append((self.moved, what))

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_shows_the_loss_now_and_then_and_ends_with_the_epoch(shown: bool) -> None:
    bars: list[tuple[str, int, int, Bar]] = []

    def made(label: str, total: int, initial: int) -> Bar:
        bars.append((label, total, initial, Bar(shown)))
        return bars[-1][3]

    steps = 25
    running: Any = SimpleNamespace(
        epoch=1,
        plan=SimpleNamespace(epochs=3, steps_before=lambda epoch: epoch * steps, steps_in=lambda epoch: steps),
        data=SimpleNamespace(title="chunk 9"),
        log=SimpleNamespace(bar=made),
        last_loss=torch.tensor(0.25),
        lr=1e-3,
    )
    progress = Progress()
    for step in range(3, steps + 1):  # resumed behind two steps
        running.step = steps + step
        progress.on_step(running)
    ((label, total, initial, bar),) = bars
    assert (label, total, initial) == ("epoch 2/3, chunk 9", steps, 2)
    assert (bar.moved, bar.closed) == (steps - 2, True)
    at = [3, 13, 23]  # the run's steps 30, 40 and 50
    assert bar.notes == ([(moved, {"loss": "0.2500", "lr": "1.0e-03"}) for moved in at] if shown else [])
