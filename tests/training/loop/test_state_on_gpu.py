"""What a run holds and makes differently on a GPU: with devices that are only named, on a machine without one."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from dfcore.models.backbones.device_views import use_channels_last
from dfcore.training import checkpoint, loaders
from dfcore.training import run as runs
from dfcore.training.optimiser import make_optimiser
from dfcore.training.run import Totals
from dfcore.training.runtime import memory
from dfcore.training.runtime.distributed import World

CPU, GPU, APPLE = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The random generator of a GPU that is not there."""
    made = SimpleNamespace(state=torch.tensor([7], dtype=torch.uint8))
    made.get_rng_state = lambda: made.state
    made.set_rng_state = lambda state: setattr(made, "state", state)
    monkeypatch.setattr(torch, "get_device_module", lambda device: made)
    return made


def test_a_gpus_random_state_is_kept_beside_the_others_and_taken_back(generator: Any) -> None:
    state = checkpoint.rng_state(GPU)
    expected = torch.rand(3)
    generator.state = torch.tensor([9], dtype=torch.uint8)
    checkpoint.set_rng_state(state, GPU)
    assert generator.state.tolist() == [7]
    assert torch.equal(torch.rand(3), expected)
    assert state["device"].tolist() == [7]
    assert state["device"].device == CPU


def test_a_state_of_another_kind_of_device_leaves_a_gpus_generator_alone(generator: Any) -> None:
    of_cpu = checkpoint.rng_state(CPU)
    assert "device" not in of_cpu
    checkpoint.set_rng_state(of_cpu, GPU)
    checkpoint.set_rng_state({**of_cpu, "device": torch.tensor([9], dtype=torch.uint8)}, CPU)
    assert generator.state.tolist() == [7]


def test_what_is_done_twice_leaves_every_generator_as_it_was(generator: Any) -> None:

    @checkpoint.kept_rng(GPU)
    def fails() -> None:
        generator.state = torch.tensor([9], dtype=torch.uint8)
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert generator.state.tolist() == [7]


@pytest.mark.parametrize(("device", "dtype"), [(CPU, torch.float64), (GPU, torch.float64), (APPLE, torch.float32)])
def test_sums_over_an_epoch_are_exact_but_on_apples_gpus(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, dtype: torch.dtype
) -> None:
    zeros = torch.zeros
    asked: list[Any] = []

    def made(*size: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        asked.append((dtype, device))
        return zeros(*size, dtype=dtype)

    monkeypatch.setattr(runs.torch, "zeros", made)
    assert Totals(device).sums.shape == (6,)
    assert asked == [(dtype, device)]


def test_sums_are_finite_until_one_value_was_not() -> None:
    totals, ones = Totals(CPU), torch.ones(2)
    totals.add_samples(ones, ones, ones > 0)
    totals.add_step(ones.sum())
    assert totals.finite()
    totals.add_samples(ones, ones * float("inf"), ones > 0)
    totals.add_samples(ones, ones, ones > 0)
    assert not totals.finite()
    totals.reset()
    assert totals.finite()


@pytest.mark.parametrize(("device", "fused"), [(CPU, False), (GPU, True), (APPLE, False)])
def test_the_optimiser_is_one_kernel_on_nvidias_gpus(device: torch.device, fused: bool) -> None:
    assert make_optimiser(nn.Linear(2, 2), lr=1e-3, weight_decay=0.1, device=device).defaults["fused"] == fused


@pytest.mark.parametrize(("device", "last"), [(CPU, True), (GPU, True), (APPLE, False)])
def test_images_have_their_channels_last_where_that_is_faster(device: torch.device, last: bool) -> None:
    model = nn.Module()
    model.backbone = nn.Conv2d(3, 4, 3)
    assert use_channels_last(model, device) == last
    assert model.backbone.weight.is_contiguous(memory_format=torch.channels_last) == last
    assert not use_channels_last(nn.Linear(2, 2), device)


@pytest.mark.parametrize(("device", "pinned"), [(CPU, False), (GPU, True), (APPLE, False)])
def test_batches_are_pinned_for_nvidias_gpus(device: torch.device, pinned: bool) -> None:
    world = World()
    found = loaders.evaluation_loader(list(range(7)), batch_size=3, workers=0, device=device, world=world)  # type: ignore[arg-type]
    assert found.pin_memory == pinned
    assert [len(found), found.batch_size, found.num_workers] == [3, 3, 0]


@pytest.mark.parametrize(
    ("device", "cores", "processes", "count"),
    [
        (CPU, 4, 1, 0),  # the model wants the cores itself
        (CPU, 5, 1, 2),
        (CPU, 8, 2, 0),
        (CPU, 9, 2, 2),
        (GPU, 1, 1, 1),
        (GPU, 6, 1, 5),
        (GPU, 16, 1, 8),
        (GPU, 16, 4, 3),
    ],
)
def test_loader_processes_by_device_and_cores(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, cores: int, processes: int, count: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert loaders.worker_count(-1, device, processes) == count
    assert [loaders.worker_count(asked, device, processes) for asked in (0, 3)] == [0, 3]


def test_each_process_validates_every_so_manyth_sample() -> None:
    shares = []
    for rank in range(3):
        world: Any = SimpleNamespace(rank=rank, size=3)
        found = loaders.evaluation_loader(list(range(8)), batch_size=2, workers=0, device=CPU, world=world)  # type: ignore[arg-type]
        shares.append([int(one) for batch in found for one in batch])
    assert shares == [[0, 3, 6], [1, 4, 7], [2, 5]]


def test_a_loader_draws_from_no_shared_generator() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    found = loaders.evaluation_loader(list(range(4)), batch_size=2, workers=0, device=CPU, world=World())  # type: ignore[arg-type]
    assert [batch.tolist() for batch in found] == [[0, 1], [2, 3]]
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("there", [True, False])
def test_cached_blocks_are_given_back_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    memory.release_memory()
    assert emptied == [True] * there


def test_a_map_is_watched_for_channels_that_are_no_numbers_while_all_before_was_finite() -> None:
    made = SimpleNamespace(odd_values=torch.zeros(()), totals=Totals(CPU))
    cue_map = torch.zeros(2, 3, 7, 7)
    cue_map[:, 1, 0, 0], cue_map[0, 2, 3] = float("nan"), float("inf")
    watch: Any = runs.Run.watch_map
    watch(made, torch.zeros(2, 5))  # no map: nothing to watch
    assert made.odd_values.shape == ()
    watch(made, cue_map)
    watch(made, cue_map)
    assert made.odd_values.tolist() == [0, 4, 14]
    made.totals.add_step(torch.tensor(float("nan")))
    watch(made, cue_map)
    assert made.odd_values.tolist() == [0, 4, 14]
