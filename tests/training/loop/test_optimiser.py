from __future__ import annotations

import pytest
import torch
from torch import nn

from dfcore.training.optimiser import learning_rate, make_optimiser, set_learning_rate

CPU = torch.device("cpu")


def test_known_values() -> None:
    # 100 steps, 4 of rise: fifths of the peak, then a cosine over 96 steps: half way at 4 + 48, a quarter at 4 + 64.
    rates = [learning_rate(step, 100, 1.0, 0.04) for step in range(100)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[52] == pytest.approx(0.5)
    assert rates[68] == pytest.approx(0.25)
    assert rates[99] == pytest.approx(0.0002677, rel=1e-3)  # (1 + cos(pi * 95 / 96)) / 2


def test_rises_then_falls_and_scales_with_the_peak() -> None:
    rates = [learning_rate(step, 57, 3e-4, 0.1) for step in range(57)]
    peak = rates.index(max(rates))
    assert peak == 6
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(3e-4)
    assert min(rates) > 0


@pytest.mark.parametrize(("total", "warmup"), [(1, 0.0), (1, 1.0), (2, 1.0), (3, 0.0)])
def test_short_runs_have_rates(total: int, warmup: float) -> None:
    rates = [learning_rate(step, total, 1.0, warmup) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == 1.0


def test_only_matrices_are_decayed() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    model[0].weight.requires_grad_(False)
    optimiser = make_optimiser(model, lr=1e-3, weight_decay=0.05, device=CPU)
    decayed, free = optimiser.param_groups
    assert [list(p.shape) for p in decayed["params"]] == [[2, 4]]
    assert sorted(p.numel() for p in free["params"]) == [2, 4, 4, 4]
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0.0)
    set_learning_rate(optimiser, 0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.5]


def test_a_factor_makes_groups_of_their_own_whose_rates_follow_the_schedule() -> None:
    model = nn.ModuleDict({"backbone": nn.Linear(3, 3), "classifier": nn.Linear(3, 2)})
    optimiser = make_optimiser(
        model, lr=1e-3, weight_decay=0.05, device=CPU, factor_of=lambda name: 1.0 if name.startswith("backbone") else 10
    )
    set_learning_rate(optimiser, 0.5)
    found = [(len(g["params"]), list(g["params"][0].shape), g["lr"], g["weight_decay"]) for g in optimiser.param_groups]
    assert found == [(1, [3, 3], 0.5, 0.05), (1, [3], 0.5, 0.0), (1, [2, 3], 5.0, 0.05), (1, [2], 5.0, 0.0)]
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    set_learning_rate(optimiser, 1e-3)
    optimiser.step()
    # Adam's first step is the rate, against the gradient's sign; decay takes a little more from matrices.
    moved = [(a - b).mean().item() for a, b in zip(before, model.parameters(), strict=True)]
    assert moved == pytest.approx([1e-3, 1e-3, 1e-2, 1e-2], rel=0.1)
