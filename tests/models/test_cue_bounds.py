"""What reaches a cue module's learned weights is in bounds, whatever training never showed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dfcore.models.cues import HIDDEN_SHARE, LIMIT, CueProjection, bounded, bounded_norm, hidden_samples


def trained(passes: int = 60, momentum: float | None = 0.1) -> nn.BatchNorm1d:
    """Statistics of a feature of mean 3 and deviation 2, and of one that is always 1."""
    norm = nn.BatchNorm1d(2, affine=False, momentum=momentum)
    generator = torch.Generator().manual_seed(0)
    for _ in range(passes):
        varied = 3 + 2 * torch.randn(64, 1, 49, generator=generator)
        bounded_norm(torch.cat([varied, torch.ones_like(varied)], 1), norm)
    return norm.eval()


def test_a_small_value_stays_as_it_is_and_a_large_one_ends_at_the_limit() -> None:
    values = torch.tensor([0.0, 0.5, -0.5, 1e6, -1e6])
    torch.testing.assert_close(bounded(values), torch.tensor([0.0, 0.5, -0.5, LIMIT, -LIMIT]), rtol=0, atol=0.002)


def test_the_bound_lets_a_gradient_through() -> None:
    value = torch.tensor([2.0], requires_grad=True)
    bounded(value).backward()
    assert value.grad is not None
    assert 0.8 < float(value.grad) < 0.9  # 1 - tanh(0.4) squared


@pytest.mark.parametrize(("passes", "momentum"), [(1, 0.1), (60, 0.1), (2000, 0.1), (3, None)])
def test_a_feature_that_was_constant_in_training_says_nothing(passes: int, momentum: float | None) -> None:
    norm = trained(passes, momentum)
    given = torch.tensor([3.0, 0.0])[None, :, None].expand(1, 2, 49)
    assert bounded_norm(given, norm)[0, 1].abs().max() < 0.05
    # What plain batch normalisation makes of the same flag.
    if passes >= 2000:
        assert norm(given)[0, 1].abs().min() > 100


def test_a_feature_that_varied_is_normalised_as_ever() -> None:
    norm = trained()
    given = torch.tensor([5.0, 1.0])[None, :, None]
    assert float(bounded_norm(given, norm)[0, 0, 0]) == pytest.approx(float(bounded(norm(given))[0, 0, 0]), rel=1e-4)
    assert float(bounded_norm(given, norm)[0, 0, 0]) == pytest.approx(0.99, abs=0.1)


def test_before_any_training_nothing_is_left_out() -> None:
    norm = nn.BatchNorm1d(2, affine=False).eval()
    torch.testing.assert_close(bounded_norm(torch.full((1, 2), 0.5), norm), torch.full((1, 2), 0.5), rtol=0, atol=0.01)


def test_weights_saved_before_the_bound_are_read() -> None:
    assert set(CueProjection(3, 2).state_dict()) == {
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
        "inner.weight",
        "inner.bias",
        "outer.weight",
        "outer.bias",
    }


def test_a_share_of_the_training_samples_is_hidden_and_none_at_test() -> None:
    torch.manual_seed(0)
    device = torch.device("cpu")
    assert float(hidden_samples(4000, device, training=True).float().mean()) == pytest.approx(HIDDEN_SHARE, abs=0.03)
    assert not hidden_samples(4000, device, training=False).any()


def test_a_feature_whose_variance_is_the_norms_floor_counts_half() -> None:
    norm = torch.nn.BatchNorm1d(1, affine=False, momentum=None)
    with torch.no_grad():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.running_var.fill_(norm.eps)
        norm.num_batches_tracked.fill_(1)
    given = torch.tensor([[2e-3]])
    plain = norm.eval()(given)
    torch.testing.assert_close(bounded_norm(given, norm), bounded(plain / 2))
