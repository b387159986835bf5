from __future__ import annotations

import math

import pytest
import torch

from dfcore.config import StageConfig
from dfcore.data.sampler import BalancedSampler, class_weights
from dfcore.errors import ConfigError, PluginError
from dfcore.training.losses import CrossEntropy, Focal, build_loss, loss_options

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

        def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return logits.sum(1) + labels

    assert isinstance(build_loss("plain", Plain, None, {}), Plain)
    with pytest.raises(ConfigError, match=r"'plain' takes no label smoothing.*stage.label_smoothing"):
        build_loss("plain", Plain, None, {"label_smoothing": 0.1})
    smooth = build_loss("cross_entropy", CrossEntropy, None, {"label_smoothing": 0.1})
    assert smooth.label_smoothing == 0.1


def test_focal_loss_by_hand() -> None:
    real, fake = math.log(4), math.log(4 / 3)  # p_y = 1/4 and 3/4
    assert Focal()(LOGITS, LABELS).tolist() == pytest.approx([0.75**2 * real, 0.25**2 * fake])
    assert Focal(focal_gamma=0.5)(LOGITS, LABELS).tolist() == pytest.approx([0.75**0.5 * real, 0.25**0.5 * fake])
    weighed = Focal(torch.tensor([2.0, 0.5]), focal_alpha=0.25)(LOGITS, LABELS)
    assert weighed.tolist() == pytest.approx([2 * 0.75 * 0.75**2 * real, 0.5 * 0.25 * 0.25**2 * fake])


def test_focal_loss_without_gamma_is_cross_entropy_with_its_gradient() -> None:
    logits = torch.tensor([[9.0, -9.0], [-30.0, 30.0], [0.3, 0.1]], requires_grad=True)
    labels = torch.tensor([0, 0, 1])
    (plain,) = torch.autograd.grad(CrossEntropy()(logits, labels).sum(), logits)
    (focal,) = torch.autograd.grad(Focal(focal_gamma=0.0)(logits, labels).sum(), logits)
    torch.testing.assert_close(focal, plain)
    (sharp,) = torch.autograd.grad(Focal()(logits, labels).sum(), logits)
    assert torch.isfinite(sharp).all()
    assert sharp[0].abs().max() < 1e-6 < sharp[1].abs().max()


@pytest.mark.parametrize("options", [{"focal_gamma": -1.0}, {"focal_alpha": 1.0}, {"focal_alpha": 0.0}])
def test_focal_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="focal loss"):
        Focal(**options)


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_sampler_and_weights_together_give_each_class_half_of_the_loss(power: float) -> None:
    """With any split of the correction, and equal losses of all samples."""
    labels = [0] * 30 + [1] * 170
    sampler, weights = BalancedSampler(labels, power=power, seed=0), class_weights(labels, power)
    drawn = []
    for epoch in range(60):
        sampler.set_epoch(epoch)
        drawn += [labels[index % len(labels)] for index in sampler]
    logits = torch.zeros(len(drawn), 2)
    losses = build_loss("weighted_cross_entropy", CrossEntropy, weights, {})(logits, torch.tensor(drawn))
    fake = losses[torch.tensor(drawn) == 1].sum() / losses.sum()
    assert fake.item() == pytest.approx(0.5, abs=0.02)


def test_only_options_that_are_set_are_passed() -> None:
    assert loss_options(StageConfig()) == {}
    assert loss_options(StageConfig(focal_gamma=1.5, label_smoothing=0.1)) == {
        "focal_gamma": 1.5,
        "label_smoothing": 0.1,
    }


def test_a_loss_that_takes_a_mean_is_refused() -> None:
    class Mean(torch.nn.Module):
        def __init__(self, class_weights: torch.Tensor | None = None) -> None:
            super().__init__()

        def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(logits, labels)

    with pytest.raises(PluginError, match=r"loss 'mean', .*test_losses.py:\d+.*gave \[\].*Write reduction='none'"):
        build_loss("mean", Mean, None, {})
