"""What one of several processes does: backends, errors that travel, wrapped models; with a group that is only named."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from dfcore.config import TrainConfig, override
from dfcore.errors import ConfigError, DataError, RunError, TimeLimitReached
from dfcore.training.runtime import distributed, machine
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.time_limit import NO_LIMIT

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


class Group:
    """Stands in for ``torch.distributed``: notes what is asked of it, and gives what the other process would."""

    ReduceOp = SimpleNamespace(SUM="sum", MAX="max")

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.heard: list[Any] = []
        self.of_other: Any = None
        self.gone = False

    def _ask(self, *what: Any) -> None:
        if self.gone:
            raise RuntimeError("connection closed by peer\nat somewhere")
        self.asked.append(what)

    def init_process_group(self, backend: str, **how: Any) -> None:
        self._ask(backend, how["rank"], how["world_size"])

    def broadcast_object_list(self, outcome: list[Any], src: int) -> None:
        self._ask("broadcast", src)
        if self.heard:
            outcome[:] = self.heard
        self.of_other = list(outcome)

    def all_gather_object(self, values: list[Any], value: Any) -> None:
        self._ask("gather")
        values[:] = [self.of_other if one is None else one for one in (None, value)]

    def all_reduce(self, values: torch.Tensor, operation: str) -> None:
        self._ask(operation)
        values.add_(1)

    def broadcast(self, tensor: torch.Tensor, src: int) -> None:
        self._ask("tensor", src)
        tensor.fill_(7)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    made = Group()
    monkeypatch.setattr(distributed, "dist", made)
    return made


@pytest.mark.parametrize(("device", "backend", "set_to"), [(CPU, "gloo", []), (GPU, "cpu:gloo,cuda:nccl", [GPU])])
def test_gpus_speak_by_nccl_and_each_process_takes_its_own(
    group: Group, monkeypatch: pytest.MonkeyPatch, device: torch.device, backend: str, set_to: list[Any]
) -> None:
    chosen: list[Any] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(
        sys.modules["torch.distributed.rendezvous"], "rendezvous", lambda *_, **__: iter([(object(), 0, 0)])
    )
    monkeypatch.setattr("torch.distributed.distributed_c10d.PrefixStore", lambda name, store: name)
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    asked: list[int] = []
    world = World.start(lambda local_rank: asked.append(local_rank) or device)
    assert (world.rank, world.size, world.local_rank, world.local_size) == (3, 4, 1, 2)
    assert asked == [1]
    assert chosen == set_to
    assert group.asked == [(backend, 3, 4)]
    assert not world.is_main
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    assert World.start(lambda _: device).local_size == 1
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert World.start(lambda _: device).size == 1
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(RunError, match="WORLD_SIZE is set but not what belongs to it"):
        World.start(lambda _: device)


def refuses() -> int:
    raise ConfigError("no such key")


def test_the_first_process_acts_and_the_others_hear_of_it(group: Group) -> None:
    main, other = World(0, 2), World(1, 2)
    assert main.on_main(lambda: 5) == 5
    assert group.of_other == [5, None]
    group.heard = [5, None]
    assert other.on_main(refuses) == 5  # not called here
    group.heard = []
    with pytest.raises(ConfigError, match=r"^no such key$"):
        main.on_main(refuses)
    group.heard = group.of_other
    with pytest.raises(RunError, match=r"process 0 of 2 ended: no such key") as caught:
        other.on_main(lambda: 5)
    assert caught.value.told  # the first one has printed it
    assert World().on_main(lambda: 6) == 6


def test_a_time_limit_keeps_its_kind_and_a_foreign_error_its_name(group: Group) -> None:
    group.heard = [None, ("TimeLimitReached", "stopped at step 3")]
    with pytest.raises(TimeLimitReached, match="process 0 of 2 ended: stopped at step 3"):
        World(1, 2).on_main(lambda: 5)
    assert distributed._described(ValueError("odd")) == ("ValueError", "ValueError: odd")
    assert distributed._described(DataError("odd")) == ("DataError", "odd")
    assert distributed._described(None) is None


def test_where_one_process_fails_all_do(group: Group) -> None:
    group.of_other = None
    assert World(1, 2).together(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        World(1, 2).together(lambda: 1 / 0)
    group.of_other = ("ConfigError", "no such key")
    with pytest.raises(RunError, match="process 0 of 2 ended: no such key"):
        World(1, 2).together(lambda: 3)
    group.gone = True
    with pytest.raises(ZeroDivisionError):  # its own failure, not that the others are gone
        World(1, 2).together(lambda: 1 / 0)
    with pytest.raises(RunError, match=r"another process of this run has ended.*\(connection closed by peer\)"):
        World(1, 2).together(lambda: 3)


def test_an_error_that_all_raise_is_printed_by_the_first(group: Group) -> None:
    assert not World(0, 2).repeated(DataError("x")).told
    assert World(1, 2).repeated(DataError("x")).told


def test_sums_and_greatest_are_new_tensors(group: Group) -> None:
    given = torch.zeros(2)
    assert World(0, 2).total(given).tolist() == [1, 1]
    assert World(0, 2).greatest(given).tolist() == [1, 1]
    assert given.tolist() == [0, 0]
    assert group.asked == [("sum",), ("max",)]
    assert World().total(given) is not given
    assert World().total(given).tolist() == [0, 0]
    assert World().gather("x") == ["x"]


def test_buffers_alone_or_parameters_too_are_the_first_ones(group: Group) -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    World(1, 2).share_buffers(model)
    assert model[1].running_mean.tolist() == [7]
    assert model[0].bias.item() != 7
    assert len(group.asked) == 3
    World(1, 2).share_state(model)
    assert model[0].bias.item() == model[1].weight.item() == 7
    World().share_state(nn.Linear(1, 1))
    assert set(group.asked) == {("tensor", 0)}


@pytest.mark.parametrize(("device", "ids"), [(CPU, None), (GPU, [1])])
def test_a_model_is_wrapped_for_its_own_gpu(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, ids: list[int] | None
) -> None:
    class Wrapped(nn.Module):
        def __init__(self, model: nn.Module, **how: Any) -> None:
            super().__init__()
            self.how, self.silent = how, 0

        def no_sync(self) -> str:
            return "not yet"

    monkeypatch.setattr(nn.parallel, "DistributedDataParallel", Wrapped)
    model = nn.Linear(1, 1)
    assert World().wrap(model, device) is model
    wrapped: Any = World(0, 2).wrap(model, device)
    assert wrapped.how == {"device_ids": ids}
    assert World(0, 2).accumulating(wrapped, last=False) == "not yet"
    assert World(0, 2).accumulating(wrapped, last=True) != "not yet"
    assert World().accumulating(model, last=False) != "not yet"


@pytest.mark.parametrize(("device", "tuned", "kept"), [(CPU, False, True), (GPU, True, False)])
def test_an_nvidia_gpu_is_tuned_and_a_cpu_keeps_its_memory(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, tuned: bool, kept: bool
) -> None:
    done: dict[str, Any] = {}
    monkeypatch.setattr(machine, "choose_device", lambda name, local_rank: done.update(of=(name, local_rank)) or device)
    monkeypatch.setattr(machine, "choose_precision", lambda device, name: (device, name))
    monkeypatch.setattr(machine, "keep_freed_memory", lambda: done.update(kept=True))
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda name: done.update(product=name))
    config = override(TrainConfig(), {"run.device": "auto", "run.precision": "bf16"})
    made = machine.make_machine(config, World(0, 2, 1), NO_LIMIT)
    assert done == {"of": ("auto", 1)} | ({"product": "high"} if tuned else {}) | ({"kept": True} if kept else {})
    assert torch.backends.cudnn.benchmark == tuned
    assert (made.device, made.precision) == (device, (device, "bf16"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    own = "H100 (cuda:1" if tuned else f"cpu ({torch.get_num_threads()} thread"
    assert machine.device_name(made).startswith(f"2 x {own}")
    assert machine.device_name(made).endswith(" each)")
    alone = machine.make_machine(config, World(), NO_LIMIT)
    assert machine.device_name(alone).startswith(own)
    assert "each" not in machine.device_name(alone)


def test_only_a_process_of_several_leaves_the_group_and_only_where_there_is_one(
    group: Any,
) -> None:
    for size, there, left in ((1, True, 0), (2, False, 0), (2, True, 1)):
        gone: list[int] = []
        group.is_initialized = lambda there=there: there
        group.destroy_process_group = lambda gone=gone: gone.append(1)
        World(0, size).close()
        assert len(gone) == left
