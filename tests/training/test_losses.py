from __future__ import annotations

import math

import pytest
import torch

from dfcore.errors import ConfigError
from dfcore.training.losses import CrossEntropy, build_loss

LOGITS = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])  # p = (1/4, 3/4)
LABELS = torch.tensor([0, 1])


def test_known_values_per_sample() -> None:
    assert CrossEntropy()(LOGITS, LABELS).tolist() == pytest.approx([math.log(4), math.log(4 / 3)])


def test_class_weights_multiply_their_own_class() -> None:
    losses = CrossEntropy(torch.tensor([2.0, 0.5]))(LOGITS, LABELS)
    assert losses.tolist() == pytest.approx([2 * math.log(4), 0.5 * math.log(4 / 3)])


def test_label_smoothing_known_value_with_weights() -> None:
    losses = CrossEntropy(torch.tensor([2.0, 0.5]), label_smoothing=0.2)(LOGITS, LABELS)
    even = 0.5 * (math.log(4) + math.log(4 / 3))
    expected = [2 * (0.8 * math.log(4) + 0.2 * even), 0.5 * (0.8 * math.log(4 / 3) + 0.2 * even)]
    assert losses.tolist() == pytest.approx(expected)


def test_weights_move_with_the_module_and_are_no_parameters() -> None:
    loss = CrossEntropy(torch.tensor([2.0, 0.5])).to(torch.float64)
    assert loss.class_weights is not None
    assert loss.class_weights.dtype == torch.float64
    assert not list(loss.parameters())


def test_smoothing_asked_of_a_loss_without_it() -> None:
    class Plain(torch.nn.Module):
        def __init__(self, class_weights: torch.Tensor | None) -> None:
            super().__init__()

    assert isinstance(build_loss("plain", Plain, None, 0.0), Plain)
    with pytest.raises(ConfigError, match=r"'plain' takes no label smoothing.*stage.label_smoothing=0"):
        build_loss("plain", Plain, None, 0.1)
    smooth = build_loss("cross_entropy", CrossEntropy, None, 0.1)
    assert smooth.label_smoothing == 0.1
