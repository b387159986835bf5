"""What the loop does only on a GPU, where each look at the loss waits for it: with a device that is only named."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dfcore.errors import RunInterrupted, TimeLimitReached, TrainingError
from dfcore.training import loop
from dfcore.training.run import Group, Plan
from dfcore.training.runtime.distributed import World

GPU, CPU = torch.device("cuda"), torch.device("cpu")
ENDLESS = SimpleNamespace(over=False, text="")


@dataclass
class Loop:
    """A run whose gradients and steps are only counted."""

    device: torch.device = GPU
    samples: tuple[int, ...] = (100,)
    accumulate: int = 1
    save_every: int = 0
    epoch: int = 0
    batch: int = 0
    step: int = 0
    bad_from: int = 10**9
    looked: list[int] = field(default_factory=list)
    asked_for_stop: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    lr: float = 1e-3

    def __post_init__(self) -> None:
        self.plan = Plan(self.samples, 2, self.accumulate)
        self.config = SimpleNamespace(
            run=SimpleNamespace(save_every=self.save_every),
            stage=SimpleNamespace(accumulate=self.accumulate, lr=1e-3),
        )
        self.network = SimpleNamespace(train=lambda: None)
        self.world = World()
        self.precision = SimpleNamespace(name="bf16")
        self.folder = SimpleNamespace(last=SimpleNamespace(exists=lambda: False))
        self.totals = SimpleNamespace(finite=self._finite)
        self.model, self.odd_values = None, torch.zeros(())
        self.callbacks = [SimpleNamespace(on_step=lambda run: self.told.append(run.step))]

    def _finite(self) -> bool:
        self.looked.append(self.step + 1)
        return self.step + 1 < self.bad_from


class Signals:
    """A signal that comes behind the given step; it notes when it is asked for."""

    def __init__(self, run: Loop, comes: int = 10**9, limit: Any = ENDLESS) -> None:
        self.run, self.comes, self.limit = run, comes, limit

    @property
    def asked(self) -> str:
        self.run.asked_for_stop.append(self.run.step)
        return "SIGTERM" if self.run.step >= self.comes else ""


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps behind which the state was saved."""
    steps: list[int] = []
    monkeypatch.setattr(loop, "_epoch_loader", lambda run: [])
    monkeypatch.setattr(loop, "compute_gradients", _counted)
    monkeypatch.setattr(loop, "apply_gradients", lambda run: None)
    monkeypatch.setattr(loop, "save_last", lambda run: steps.append(run.step))
    return steps


def _counted(run: Loop, batches: Any, group: Group) -> None:
    assert group.batches <= run.accumulate


def trained(run: Loop, signals: Signals | None = None) -> Loop:
    loop.train_epoch(run, signals or Signals(run))  # type: ignore[arg-type]
    return run


@pytest.mark.parametrize(
    ("run", "looked"),
    [
        (Loop(samples=(100,)), [16, 32, 48, 50]),
        (Loop(samples=(100,), save_every=20), [16, 20, 32, 40, 48, 50]),
        (Loop(samples=(99,), accumulate=3), [16, 17]),  # 50 batches, three to a step
        (Loop(samples=(96,), accumulate=3), [16]),  # 48: the last step is the 16th
        (Loop(samples=(102,), accumulate=3), [16, 17]),  # 51: the last step is as large as the others
        (Loop(samples=(6,)), [3]),
        (Loop(samples=(100, 40), epoch=1, step=50), [64, 70]),  # counted over the whole run
        (Loop(samples=(100,), batch=20, step=20), [32, 48, 50]),  # an epoch that is resumed
        (Loop(samples=(20,), device=CPU), list(range(1, 11))),
    ],
)
def test_on_a_gpu_the_loss_is_looked_at_every_16th_step_before_a_save_and_at_the_epochs_end(
    run: Loop, looked: list[int], saved: list[int]
) -> None:
    trained(run)
    assert run.looked == looked
    assert run.asked_for_stop == looked
    assert run.told[-1] == run.step == run.plan.steps_before(run.epoch) + run.plan.steps_in(run.epoch)


def test_what_is_saved_on_a_gpu_was_looked_at(saved: list[int]) -> None:
    run = trained(Loop(samples=(100,), save_every=7))
    assert saved == [7, 14, 21, 28, 35, 42, 49]
    assert set(saved) <= set(run.looked)


@pytest.mark.parametrize(
    ("comes", "stops", "save_every"), [(3, 16, 0), (3, 5, 5), (17, 32, 0), (49, 50, 0), (16, 16, 0)]
)
def test_a_signal_on_a_gpu_stops_at_the_next_look_and_all_work_is_saved(
    saved: list[int], comes: int, stops: int, save_every: int
) -> None:
    run = Loop(samples=(100,), save_every=save_every)
    with pytest.raises(RunInterrupted, match=f"stopped by SIGTERM at step {stops} of 50"):
        trained(run, Signals(run, comes))
    assert saved[-1] == run.step == run.batch == stops
    assert run.told == list(range(1, stops + 1))


def test_the_time_limit_on_a_gpu_stops_at_the_next_look(saved: list[int]) -> None:
    run = Loop(samples=(100,))
    limit = SimpleNamespace(text="1h", over=False)
    run.callbacks.append(SimpleNamespace(on_step=lambda run: setattr(limit, "over", run.step >= 20)))
    with pytest.raises(TimeLimitReached, match=r"step 32 of 50"):
        trained(run, Signals(run, limit=limit))
    assert saved == [32]


@pytest.mark.parametrize(("save_every", "found"), [(0, 16), (5, 5)])
def test_a_loss_that_is_no_number_is_never_saved(saved: list[int], save_every: int, found: int) -> None:
    run = Loop(samples=(100,), save_every=save_every, bad_from=3)
    with pytest.raises(TrainingError, match=f"at step {found} of 50"):
        trained(run)
    assert saved == []
    assert run.step == found - 1


@pytest.mark.parametrize("over", [False, True])
def test_a_signal_to_another_process_and_its_clock_count_here_too(over: bool) -> None:
    """Of two processes the other one was stopped: the greatest of their numbers says so."""
    run, heard = Loop(), []

    def greatest(number: Any) -> Any:
        heard.append(number.item())
        return number.new_tensor(2.0 if over else 1.0)

    run.world = SimpleNamespace(size=2, greatest=greatest, repeated=lambda error: error)  # type: ignore[assignment]
    signals = Signals(run, limit=SimpleNamespace(over=False, text="1h"))
    stop = loop._stops(run, signals)  # type: ignore[arg-type]
    assert (stop, heard) == (2 if over else 1, [0.0])
    error = loop._interrupted(run, signals, stop)  # type: ignore[arg-type]
    assert isinstance(error, TimeLimitReached) == over
    assert ("the time limit of 1h" if over else "a signal to another process") in str(error)


def test_the_clock_goes_before_a_signal() -> None:
    run = Loop()
    over = SimpleNamespace(over=True, text="1h")
    assert loop._stops(run, Signals(run, 0, over)) == 2  # type: ignore[arg-type]
    assert loop._stops(run, Signals(run, 0)) == 1  # type: ignore[arg-type]
    assert loop._stops(run, Signals(run)) == 0  # type: ignore[arg-type]
