"""``last.pt`` piece by piece: generators, what a state must hold, what fits a run."""

from __future__ import annotations

import errno
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dfcore.errors import CheckpointError, RunExistsError
from dfcore.training import checkpoint
from dfcore.training.callbacks import metrics_log
from dfcore.training.run import Plan, Run
from dfcore.training.runtime.distributed import World

CPU = torch.device("cpu")


def drawn() -> list[float]:
    """A number of each global generator; Python's and NumPy's normal ones come in pairs, of which one is kept."""
    return [
        random.random(), random.gauss(0, 1), float(np.random.random()), float(np.random.standard_normal()),  # noqa: NPY002
        float(torch.rand(())),
    ]  # fmt: skip


def test_every_generator_goes_on_from_where_it_was(tmp_path: Path) -> None:
    drawn()  # half of a pair of normal numbers is used
    torch.save(checkpoint.rng_state(CPU), tmp_path / "state")
    first, second = drawn(), drawn()
    checkpoint.set_rng_state(torch.load(tmp_path / "state", weights_only=True), CPU)
    assert [drawn(), drawn()] == [first, second]
    with checkpoint.kept_rng(CPU):
        third = drawn()
    assert drawn() == third
    assert len({*first, *second, *third}) == 15


def state(**changes: Any) -> dict[str, Any]:
    """A state of one finished epoch, as plain as can be."""
    made = {
        "format": 1, "conditions": {}, "model": {"w": torch.zeros(3)}, "optimiser": {"state": [torch.zeros(2, 2)]},
        "scaler": {}, "callbacks": {}, "epoch": 1, "batch": 0, "step": 5, "history": [{"epoch": 1}],
        "totals": [torch.zeros(6)], "rng": [{}], "lr": 0.5, "stop": "",
    }  # fmt: skip
    return {key: value for key, value in {**made, **changes}.items() if value is not KeyError}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"lr": 1}, ""),
        ({"format": 2}, "has format 2, this dfcore reads format 1"),
        ({"format": KeyError}, "has format None"),
        ({"step": "5"}, r"is not the state of a run \(step\)"),
        ({"lr": "high", "rng": {}}, r"is not the state of a run \(rng, lr\)"),
        ({"scaler": KeyError}, r"is not the state of a run \(scaler\)"),
        ({"history": []}, "it contradicts itself"),
        ({"epoch": 2}, "it contradicts itself"),
        ({"model": {"w": torch.zeros(1).expand(10**6)}}, ""),  # torch writes what the view stands on
        ({"optimiser": {"state": [torch.zeros(3).to_sparse()]}}, "it contradicts itself"),
    ],
)
def test_a_state_holds_what_a_run_needs_or_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "last.pt"
    torch.save(state(**changes), path)
    if said or "model" in changes:
        with pytest.raises(CheckpointError, match=rf"last.pt.*{said}.*overwrite=True"):
            checkpoint.read_last(path)
    else:
        assert checkpoint.read_last(path)["lr"] == changes.get("lr", 0.5)


def test_a_tensor_may_not_claim_more_than_it_holds() -> None:
    wide = torch.zeros(1).expand(10**6)
    for value, plain in (
        (torch.zeros(3), True),
        (torch.zeros(4, 4)[:, 1:2], True),
        (wide, False),
        ({"a": [1, (wide,)]}, False),
        ({"a": [1, (torch.zeros(1), "x")]}, True),
        (torch.zeros(3).to_sparse(), False),
    ):
        assert checkpoint._is_plain(value) == plain


def test_the_size_of_a_state_is_that_of_its_tensors() -> None:
    nested = {
        "a": torch.zeros(3),
        "b": [torch.zeros(2, dtype=torch.float64), (torch.zeros(1, dtype=torch.uint8),)],
        "c": 5,
    }
    assert checkpoint._size(nested) == 12 + 16 + 1


def run(**values: Any) -> Any:
    made = {
        "world": World(), "precision": SimpleNamespace(name="bf16"), "epoch_data": SimpleNamespace(fingerprint="v"),
        "data": SimpleNamespace(fingerprint="p"), "batch": 3, "folder": SimpleNamespace(last=Path("last.pt")),
    }  # fmt: skip
    return SimpleNamespace(**{**made, **values})


def test_a_run_goes_on_only_under_the_conditions_that_it_was_started_under() -> None:
    now = {**checkpoint._conditions(run()), **checkpoint._data_condition(run())}
    assert now == {"processes": 1, "precision": "bf16", "videos, labels or splits": "v", "prepared videos": "p"}
    assert checkpoint._data_condition(run(batch=0)) == {"prepared videos": ""}
    checkpoint._require_same(run(), {**now, "more": 1}, now)
    before = {**now, "processes": 2, "precision": "fp32"}
    said = r"processes \(was 2, is 1\); precision \(was fp32, is bf16\)\. It cannot go on"
    with pytest.raises(RunExistsError, match=said):
        checkpoint._require_same(run(), before, now)


@pytest.mark.parametrize(("epoch", "asked"), [(0, 0), (2, 2), (3, 2)])
def test_a_finished_run_has_the_data_of_its_last_epoch(epoch: int, asked: int) -> None:
    data, made = SimpleNamespace(), list[Any]()

    class Loss(torch.nn.Module):
        pass

    def at(number: int) -> Any:
        assert not hasattr(one, "data")  # what was there before is let go first
        made.append(number)
        return data

    one = SimpleNamespace(
        epoch=epoch, plan=Plan((4, 4, 4), 2, 1), epoch_data=SimpleNamespace(at=at), device=CPU,
        make_loss=lambda found: Loss() if found is data else None,
    )  # fmt: skip
    Run.load_epoch(one)  # type: ignore[arg-type]
    assert (made, one.data, type(one.loss)) == ([asked], data, Loss)


def test_a_plot_that_cannot_be_drawn_is_said_once_and_a_full_disk_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    said, fault = list[str](), list[Exception]([ValueError("no font")])

    def draw(run: Any) -> None:
        raise fault[0]

    monkeypatch.setattr(metrics_log, "draw", draw)
    one: Any = SimpleNamespace(
        folder=SimpleNamespace(plot=Path("curves.png")), log=SimpleNamespace(warn=said.append), world=World()
    )
    log = metrics_log.MetricsLog()
    log.on_finish(one)
    log.on_finish(one)
    assert len(said) == 1
    assert "curves.png cannot be drawn (" in said[0]
    assert "no font" in said[0]
    fault[0] = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        log.on_finish(one)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ({"kind": "epoch", "epoch": 2}, True),
        ({"kind": "epoch", "epoch": 3}, False),
        ({"kind": "train", "step": 7, "epoch": 9}, True),
        ({"kind": "train", "step": 8}, False),
        ({"kind": "train"}, False),
        ({"epoch": 1}, False),
        ({"kind": "epoch", "epoch": "x"}, False),
        ({"kind": "epoch", "epoch": float("inf")}, False),
        ({"kind": "epoch", "epoch": None}, False),
    ],
)
def test_a_resumed_run_keeps_the_lines_up_to_its_state(line: dict[str, Any], kept: bool) -> None:
    assert metrics_log._is_before(line, SimpleNamespace(epoch=2, step=7)) == kept  # type: ignore[arg-type]
