"""The loop's order of events and its small decisions, each by itself; its parts only note that they are called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from dfcore.errors import PluginError, RunInterrupted, TimeLimitReached, TrainingError
from dfcore.models.specialist import Specialist
from dfcore.training import loop
from dfcore.training.run import Plan, Totals
from dfcore.training.runtime.distributed import World

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Signals:
    """A signal, or the end of the time, from when it is set; it counts how often training holds it back."""

    def __init__(self) -> None:
        self.asked, self.limit = "", SimpleNamespace(over=False, text="1h")
        self.held = 0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        self.held += 1
        yield


class Events:
    """A run of two epochs that notes what is done, with the number that torch's generator draws at its step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, epochs: int = 2) -> None:
        self.done, self.plan, self.epoch, self.step = list[str](), Plan((6,) * epochs, 2, 1), 0, 0
        self.device, self.world, self.signals = CPU, World(), Signals()
        self.folder = SimpleNamespace(last="last.pt")
        self.epoch_data = SimpleNamespace(done=lambda epoch: self.done.append(f"let go of what is before {epoch}"))
        self.drawn: list[float] = []
        self.seconds: list[float] = []
        monkeypatch.setattr(loop, "train_epoch", self._train)
        monkeypatch.setattr(loop, "save_last", lambda run: self.done.append("save"))
        monkeypatch.setattr(loop, "validate", self._validate)
        monkeypatch.setattr(loop, "end_epoch", self._end)
        monkeypatch.setattr(loop.time, "monotonic", iter([10.0, 13.5, 20.0, 24.0]).__next__)

    @property
    def finished(self) -> bool:
        return self.epoch >= self.plan.epochs

    def load_epoch(self) -> None:
        torch.rand(100)
        self.done.append(f"load {self.epoch}")

    def _train(self, run: Any, signals: Signals) -> None:
        self.drawn.append(float(torch.rand(())))
        self.done.append("train")
        self.step += 3

    def _validate(self, run: Any, signals: Signals) -> dict[str, int]:
        torch.rand(100)
        self.done.append("validate")
        return {"step": self.step}

    def _end(self, run: Any, metrics: dict[str, int], seconds: float) -> None:
        assert metrics == {"step": self.step}
        self.seconds.append(seconds)
        self.done.append("end")
        self.epoch += 1


EPOCH = ["train", "save", "validate", "end", "save"]


def test_an_epoch_is_saved_before_its_validation_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Events(monkeypatch)
    torch.manual_seed(5)
    loop.fit(run, run.signals)  # type: ignore[arg-type]
    first, second = ([f"let go of what is before {n}", f"load {n}", *EPOCH] for n in (0, 1))
    assert run.done == [*first, *second]
    assert run.seconds == [3.5, 4.0]
    assert run.signals.held == 2  # a signal does not cut preparing short


def test_neither_loading_nor_validating_shifts_the_random_numbers_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Events(monkeypatch)
    torch.manual_seed(5)
    expected = torch.rand(2).tolist()
    torch.manual_seed(5)
    loop.fit(run, run.signals)  # type: ignore[arg-type]
    assert run.drawn == expected


@pytest.mark.parametrize(
    ("after", "said"), [(1, r"step 3 of 6 \(epoch 2 of 2\)"), (2, r"step 6 of 6 \(epoch 2 of 2\)")]
)
def test_a_signal_is_heard_at_the_epochs_end_once_all_is_saved(
    monkeypatch: pytest.MonkeyPatch, after: int, said: str
) -> None:
    run = Events(monkeypatch)

    def end(run: Any, metrics: Any, seconds: float) -> None:
        run.epoch += 1
        run.signals.asked = "SIGTERM" if run.epoch == after else ""

    monkeypatch.setattr(loop, "end_epoch", end)
    with pytest.raises(RunInterrupted, match=f"stopped by SIGTERM at {said}. Everything is in last.pt"):
        loop.fit(run, run.signals)  # type: ignore[arg-type]
    assert run.epoch == after
    assert run.done[-1] == "save"
    assert run.done.count("save") == 2 * after


def validated(monkeypatch: pytest.MonkeyPatch, size: int, signals: Signals, val: Any = "samples") -> list[str]:
    """What is done where ``size`` processes validate and check for a signal before a batch."""
    done: list[str] = []
    run = SimpleNamespace(
        data=SimpleNamespace(val=val), model="model", device=CPU, precision=None, channels_last=True, workers=3,
        config=SimpleNamespace(stage=SimpleNamespace(batch_size=7)),
        world=SimpleNamespace(
            size=size, share_buffers=lambda model: done.append(f"share {model}"), greatest=lambda number: number,
            repeated=lambda error: error,
        ),
        log=SimpleNamespace(bar=lambda *_: None), step=1, epoch=0, plan=Plan((6, 6), 2, 1),
        folder=SimpleNamespace(last="last.pt"),
    )  # fmt: skip

    def loader(data: Any, **how: Any) -> list[int]:
        assert (data, how["batch_size"], how["workers"], how["world"]) == (val, 7, 3, run.world)
        done.append("loader")
        return [1, 2]

    def predict(model: Any, batches: Any, *_: Any, channels_last: bool, check: Any) -> str:
        assert channels_last
        for _ in batches:
            check()
            done.append("batch")
        return "predictions"

    monkeypatch.setattr(loop, "evaluation_loader", loader)
    monkeypatch.setattr(loop, "predict_samples", predict)
    monkeypatch.setattr(loop, "over", lambda batches, bar: (one for one in batches))
    monkeypatch.setattr(loop, "summarise", lambda found: {"of": found})
    found = loop.validate(run, signals)  # type: ignore[arg-type]
    return [*done, str(found)]


def test_validation_shares_the_statistics_of_batch_norm_first(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ["share model", "loader", "batch", "batch", "{'of': 'predictions'}"]
    assert validated(monkeypatch, 1, Signals()) == whole
    assert validated(monkeypatch, 1, Signals(), val=None) == ["{}"]


def test_of_several_processes_none_leaves_a_validation_that_another_waits_in(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = Signals()
    signals.asked = "SIGINT"
    assert validated(monkeypatch, 2, signals)[-2:] == ["batch", "{'of': 'predictions'}"]
    with pytest.raises(RunInterrupted, match="stopped by SIGINT"):
        validated(monkeypatch, 1, signals)
    signals.limit.over = True
    with pytest.raises(TimeLimitReached):
        validated(monkeypatch, 1, signals)


@pytest.mark.parametrize(
    ("factors", "head"), [([1.0, 1.0], None), ([1.0, 4.0, 2.0], 0.04), ([0.5], 0.005), ([None, None], None)]
)
def test_an_epochs_line_says_the_rate_of_what_starts_at_random_where_it_is_another(
    factors: list[float | None], head: float | None
) -> None:
    groups = [{} if factor is None else {"lr_factor": factor} for factor in factors]
    run = SimpleNamespace(lr=0.01, optimiser=SimpleNamespace(param_groups=groups))
    found = loop._head_rate(run)  # type: ignore[arg-type]
    assert found == ({} if head is None else {"head_lr": pytest.approx(head)})


def test_an_epochs_line_is_complete_and_the_next_begins_from_nothing() -> None:
    totals, seen = Totals(CPU), list[Any]()
    totals.add_samples(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 5.0]), torch.tensor([True, False]))
    totals.add_step(torch.tensor(6.0))
    totals.add_step(torch.tensor(2.0))
    run = SimpleNamespace(
        epoch=1, batch=4, step=9, lr=0.5, totals=totals, history=[{}], world=World(),
        data=SimpleNamespace(title="chunk 8", audio={"videos": 2}),
        optimiser=SimpleNamespace(param_groups=[{}]),
        callbacks=[SimpleNamespace(on_epoch=lambda run: seen.append(run.history[-1]))],
    )  # fmt: skip
    loop.end_epoch(run, {"auc": 0.5}, 12.3456)  # type: ignore[arg-type]
    train = {"loss": 2.0, "cue_loss": 3.5, "accuracy": 0.5, "gradient_norm": 4.0}
    line = {"epoch": 2, "step": 9, "lr": 0.5, "data": "chunk 8", "audio": {"videos": 2}, "train": train,
            "val": {"auc": 0.5}, "seconds": 12.3}  # fmt: skip
    assert run.history == [{}, line]
    assert seen == [line]
    assert (run.epoch, run.batch) == (2, 0)
    assert totals.means(World()) == dict.fromkeys(train, 0.0)
    run.data = SimpleNamespace(title="", audio={})
    loop.end_epoch(run, {}, 1.0)  # type: ignore[arg-type]
    assert run.history[-1].keys() == {"epoch", "step", "lr", "train", "val", "seconds"}


@pytest.mark.parametrize(
    ("weights", "on_cpu", "on_gpu"),
    [
        ([1.0, -2.0], False, False),
        ([1e4, -1e4], False, False),
        ([1.0, -1.1e4], True, True),
        ([float("inf"), 0.0], True, True),
        ([float("nan"), 0.0], True, False),  # a GPU has taken a step or more since: this may have come of it
        ([], False, False),
    ],
)
def test_weights_explain_a_bad_map_where_they_are_huge_or_were_no_numbers(
    weights: list[float], on_cpu: bool, on_gpu: bool
) -> None:
    module = nn.Module()
    module.register_parameter("weight", nn.Parameter(torch.tensor(weights)))
    for device, expected in ((CPU, on_cpu), (GPU, on_gpu)):
        assert loop._weights_explain(SimpleNamespace(device=device), module) == expected  # type: ignore[arg-type]
    assert not loop._weights_explain(SimpleNamespace(device=CPU), nn.Module())  # type: ignore[arg-type]


@pytest.mark.parametrize(("every", "step", "saves"), [(0, 4, False), (3, 6, True), (3, 7, False), (1, 7, True)])
def test_the_state_is_saved_every_so_many_steps(every: int, step: int, saves: bool) -> None:
    run = SimpleNamespace(config=SimpleNamespace(run=SimpleNamespace(save_every=every)), step=step)
    assert loop._saves(run) == saves  # type: ignore[arg-type]


class CueModule(nn.Module):
    """A module with two parameters."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.small, self.large = nn.Parameter(torch.ones(3)), nn.Parameter(torch.full((2, 2), weight))

    def forward(self, views: Any) -> Any:
        return views


def judged(odd: list[int], weight: float = 1.0, *, ours: bool = True) -> Any:
    """A run at whose sixth step the loss is no number; ``odd`` of each channel's values were none before it."""
    model = Specialist.__new__(Specialist) if ours else nn.Module()
    nn.Module.__init__(model)
    cues = (SimpleNamespace(name="edge", channels=1), SimpleNamespace(name="grid", channels=1))
    model.spec = SimpleNamespace(name="toy", module="toy:Module", cues=cues)  # type: ignore[assignment]
    model.cue_module = CueModule(weight)
    stage = SimpleNamespace(lr=0.01)
    return SimpleNamespace(
        world=World(), totals=SimpleNamespace(finite=lambda: torch.tensor(False)), odd_values=torch.tensor(odd),
        model=model, step=5, epoch=1, lr=0.0075, plan=Plan((6, 6, 6), 2, 1), device=CPU,
        precision=SimpleNamespace(name="bf16"), config=SimpleNamespace(stage=stage),
        folder=SimpleNamespace(last=SimpleNamespace(exists=lambda: False)),
    )  # fmt: skip


def test_a_map_that_is_no_number_while_weights_and_views_are_is_the_plugins_fault() -> None:
    said = r"specialist 'toy', toy:Module \(.*test_values.py:\d+\), gave .* at step 6, .*in the cue grid \(3 values\)"
    with pytest.raises(PluginError, match=said):
        loop._require_finite(judged([0, 3]))


@pytest.mark.parametrize("run", [judged([0, 0]), judged([0, 3], 2e4), judged([0, 3], ours=False)])
def test_else_the_rate_is_to_blame(run: Any) -> None:
    said = r"at step 6 of 9 \(epoch 2, learning rate 0.0075, bf16\). Nothing was saved before it.*\(stage.lr=0.002\)"
    with pytest.raises(TrainingError, match=said):
        loop._require_finite(run)
    run.totals.finite = lambda: torch.tensor(True)
    loop._require_finite(run)
