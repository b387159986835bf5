import pytest
import torch
from torch import Tensor

from dfs_cm.quantization import QuantizationCue, activity_residual, curve, soft_argmin

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
    residual, spread = activity_residual(values, activity, weights, ridge=1e-6)
    torch.testing.assert_close(residual[..., SURROUND], torch.zeros(2, 1, 584), atol=0.02, rtol=0)
    torch.testing.assert_close(residual[..., FACE], torch.full((2, 1, 200), 1.5), atol=0.02, rtol=0)
    assert spread.max() < 0.05


def test_the_face_does_not_bend_the_fit():
    """The same fit over all blocks is drawn towards the face."""
    values, activity, weights = planted()
    apart = activity_residual(values, activity, weights)[0][..., FACE].mean()
    together = activity_residual(values, activity, torch.ones_like(weights))[0][..., FACE].mean()
    assert apart > 1.45
    assert together < 1.0


def test_without_a_surround_the_residual_is_finite_and_centred():
    values, activity, _ = planted()
    residual, spread = activity_residual(values, activity, torch.zeros(2, 784))
    assert torch.isfinite(residual).all()
    assert torch.isfinite(spread).all()
    torch.testing.assert_close(residual.mean(-1), torch.zeros(2, 1), atol=1e-4, rtol=0)


def test_constant_activity_leaves_the_difference():
    values = torch.zeros(1, 1, 10)
    values[..., :3] = 2.0
    weights = torch.ones(1, 10)
    weights[:, :3] = 0
    residual, _ = activity_residual(values, torch.ones(1, 1, 10), weights)
    torch.testing.assert_close(residual[..., :3], torch.full((1, 1, 3), 2.0), atol=0.01, rtol=0)


def test_a_curved_relation_needs_the_curve():
    _, activity, weights = planted()
    values = (activity[:, :1] - 3).square() * 0.4
    line = activity_residual(values, activity, weights)[1]
    bent = activity_residual(values, curve(activity, weights), weights)[1]
    assert line.min() > 0.5
    assert bent.max() < 0.05


def test_the_curve_goes_on_level_beyond_the_surround():
    activity = torch.linspace(-1, 1, 100).reshape(1, 1, 100).clone()
    weights = torch.ones(1, 100)
    far, farther = activity.clone(), activity.clone()
    weights[:, 0], far[..., 0], farther[..., 0] = 0, 100.0, 1000.0
    torch.testing.assert_close(curve(far, weights)[..., 0], curve(farther, weights)[..., 0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("place", [0, 2, 5])
def test_soft_argmin_finds_the_least(place):
    values = torch.full((1, 6, 3), 4.0)
    values[:, place] = -1.0
    torch.testing.assert_close(soft_argmin(values), torch.full((1, 1, 3), float(place)), atol=1e-3, rtol=0)


def test_soft_argmin_of_equal_values_is_the_middle():
    assert soft_argmin(torch.zeros(1, 6, 1)).item() == pytest.approx(2.5)


def test_a_face_that_changes_more_than_its_activity_says_stands_out():
    """Block activity explains the ghost everywhere but in the face, which is 0.8 above at every quality."""
    generator = torch.Generator().manual_seed(1)
    activity = torch.randn(1, 49, 2, 4, 4, generator=generator)
    ghost = torch.cat([activity.mean(2, keepdim=True).expand(-1, -1, 6, -1, -1), activity], 2).clone()
    ghost[:, :, :6] += 0.05 * torch.randn(1, 49, 6, 4, 4, generator=generator)
    tile_face = torch.zeros(1, 49, 4, 4)
    tile_face[:, [23, 24, 25]] = 1
    ghost[:, [23, 24, 25], :6] += 0.8
    features = QuantizationCue.features(ghost, tile_face, tile_face.mean((-2, -1)))
    residual = features[0, -25:-13]  # six of the line, six of the curve; then their face contrasts and the share
    assert residual[:, [23, 24, 25]].min() > 3
    assert residual[:, :20].abs().max() < 1.5
