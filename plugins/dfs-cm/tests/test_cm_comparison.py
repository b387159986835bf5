import pytest
import torch
from torch import Tensor

from dfs_cm.comparison import Comparison, curve, unexplained, whiten

FACE = slice(0, 200)
SURROUND = slice(200, 784)


def planted() -> tuple[Tensor, Tensor, Tensor]:
    """Surround on the plane g = 2 + 0.7 a - 0.3 t; a face of 200 blocks 1.5 above it, at other activities."""
    generator = torch.Generator().manual_seed(0)
    activity = torch.rand(2, 2, 784, generator=generator) * 6
    activity[:, :, FACE] += 3
    values = 2 + 0.7 * activity[:, :1] - 0.3 * activity[:, 1:]
    values[..., FACE] += 1.5
    weights = torch.ones(2, 784)
    weights[:, FACE] = 0
    return values, activity, weights


def test_the_residual_is_what_was_planted():
    values, activity, weights = planted()
    residual = unexplained(values, activity, weights, ridge=1e-6)
    torch.testing.assert_close(residual[..., SURROUND], torch.zeros(2, 1, 584), atol=0.02, rtol=0)
    torch.testing.assert_close(residual[..., FACE], torch.full((2, 1, 200), 1.5), atol=0.02, rtol=0)


def test_the_face_does_not_bend_the_fit():
    """The same fit over all blocks is drawn towards the face."""
    values, activity, weights = planted()
    apart = unexplained(values, activity, weights)[..., FACE].mean()
    together = unexplained(values, activity, torch.ones_like(weights))[..., FACE].mean()
    assert apart > 1.45
    assert together < 1.0


def test_without_a_surround_the_residual_is_finite_and_centred():
    values, activity, _ = planted()
    residual = unexplained(values, activity, torch.zeros(2, 784))
    assert torch.isfinite(residual).all()
    torch.testing.assert_close(residual.mean(-1), torch.zeros(2, 1), atol=1e-4, rtol=0)


def test_constant_activity_leaves_the_difference():
    values = torch.zeros(1, 1, 10)
    values[..., :3] = 2.0
    weights = torch.ones(1, 10)
    weights[:, :3] = 0
    residual = unexplained(values, torch.ones(1, 1, 10), weights)
    torch.testing.assert_close(residual[..., :3], torch.full((1, 1, 3), 2.0), atol=0.01, rtol=0)


def test_a_curved_relation_needs_the_curve():
    _, activity, weights = planted()
    values = (activity[:, :1] - 3).square() * 0.4
    line = unexplained(values, activity, weights)[..., SURROUND].std()
    bent = unexplained(values, curve(activity, weights), weights)[..., SURROUND].std()
    assert line > 0.5
    assert bent < 0.05


def test_the_curve_goes_on_level_beyond_the_surround():
    activity = torch.linspace(-1, 1, 100).reshape(1, 1, 100).clone()
    weights = torch.ones(1, 100)
    far, farther = activity.clone(), activity.clone()
    weights[:, 0], far[..., 0], farther[..., 0] = 0, 100.0, 1000.0
    torch.testing.assert_close(curve(far, weights)[..., 0], curve(farther, weights)[..., 0], atol=1e-3, rtol=0)


def test_white_confounders_are_uncorrelated_over_the_surround():
    """Two confounders of variance 4 and 1 that share most of theirs; the face lies elsewhere and does not count."""
    generator = torch.Generator().manual_seed(1)
    common, own = torch.randn(2, 784, generator=generator)
    confounders = torch.stack([2 * common, 0.9 * common + 0.44 * own])[None] + 5
    weights = torch.ones(1, 784)
    weights[:, FACE] = 0
    confounders[..., FACE] += 4
    white = whiten(confounders, weights, noise=0.0)[0, :, SURROUND]
    torch.testing.assert_close(white @ white.T / white.shape[1], torch.eye(2), atol=0.15, rtol=0)


@pytest.mark.parametrize(("away", "least", "most"), [(0.0, 0.9, 1.0), (1.5, 0.2, 0.4), (4.0, 0.0, 1e-4)])
def test_what_the_surround_shows_nowhere_counts_less(away, least, most):
    """exp(1 - d²): one standard deviation away counts whole, 1.5 for 0.29, 4 for nothing."""
    confounders = torch.linspace(-(3**0.5), 3**0.5, 784).expand(1, 1, 784).clone()  # of variance 1
    share = torch.zeros(1, 784)
    share[:, 300] = 1
    confounders[..., 300] = away
    assert least <= Comparison.of(confounders, share, curved=False).comparable[0, 300].item() <= most


def test_a_face_without_a_like_in_the_surround_tells_nothing():
    """The same planted difference: told where contents are alike, and near 0 where the face's lie far away."""
    generator = torch.Generator().manual_seed(2)
    share = torch.zeros(1, 784)
    share[:, FACE] = 1
    for away, expected in ((0.0, 1.5), (12.0, 0.0)):
        confounders = torch.randn(1, 2, 784, generator=generator)
        values = confounders[:, :1] * 0.5
        values[..., FACE] += 1.5
        confounders[:, :, FACE] += away
        compared = Comparison.of(confounders, share, curved=True)
        told = compared.in_face(compared.residual(values)).item()
        assert told == pytest.approx(expected, abs=0.1)


def test_without_a_face_there_is_nothing_to_tell():
    compared = Comparison.of(torch.rand(1, 2, 49), torch.zeros(1, 49), curved=False)
    assert compared.in_face(compared.residual(torch.rand(1, 3, 49))).abs().max() < 1e-6
