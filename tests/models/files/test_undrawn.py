"""Building a module whose parameters a file replaces: nothing is drawn for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from dfcore.models.files.undrawn import TooLarge, Undrawn

BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv2d(3, 4, 3),
    "linear": lambda: nn.Linear(3, 4),
    "embedding": lambda: nn.Embedding(3, 4),
    "attention": lambda: nn.MultiheadAttention(4, 2),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_no_random_number_is_drawn_for_a_parameter(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Undrawn(2**20):
        module = build()
    assert torch.equal(torch.get_rng_state(), before)
    assert [one.shape for one in module.parameters()] == [one.shape for one in build().parameters()]


def test_an_initialiser_named_by_its_argument_is_left_out_too_and_a_buffer_is_not() -> None:
    weight, plain = nn.Parameter(torch.full((2,), 7.0)), torch.full((2,), 7.0)
    with Undrawn(2**20):
        assert nn.init.constant_(tensor=weight, val=1.0) is weight
        nn.init.constant_(plain, 1.0)
        buffer = nn.BatchNorm1d(2).running_var
    assert weight.tolist() == [7.0, 7.0]
    assert plain.tolist() == [1.0, 1.0]
    assert buffer is not None
    assert buffer.tolist() == [1.0, 1.0]


def test_what_takes_too_much_is_not_built() -> None:
    with pytest.raises(TooLarge), Undrawn(1000):
        nn.Linear(100, 100)
