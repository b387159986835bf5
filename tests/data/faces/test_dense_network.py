"""The landmark network's own arithmetic: what it learns of shapes, and how it sees a square."""

from __future__ import annotations

import math

import torch

from dfcore.data.faces.dense.network import LandmarkNetwork, normalised
from dfcore.data.faces.dense.points import POINTS


def test_shapes_are_learnt_as_the_mean_and_the_principal_components_times_their_deviations() -> None:
    base = torch.rand(POINTS, 2, generator=torch.Generator().manual_seed(0))
    ways, _ = torch.linalg.qr(torch.rand(2 * POINTS, 2, generator=torch.Generator().manual_seed(1)))
    angles = 2 * math.pi * torch.arange(60) / 60
    shares = math.sqrt(2) * torch.stack([3 * angles.cos(), angles.sin()], dim=1)  # deviations 3 and 1, uncorrelated
    network = LandmarkNetwork()
    network.learn_shapes(base + (shares @ ways.T).view(60, POINTS, 2))
    assert torch.allclose(network.mean, base, atol=1e-5)
    assert torch.allclose((network.basis[:2] @ ways).abs(), torch.tensor([[3.0, 0.0], [0.0, 1.0]]), atol=1e-4)
    assert torch.allclose(network.basis[2:], torch.zeros(()), atol=1e-4)


def test_a_square_is_read_whatever_its_brightness_and_nearly_whatever_its_contrast() -> None:
    square = torch.rand(1, 96, 96, generator=torch.Generator().manual_seed(2)) * 100
    deviation = square.std()
    assert torch.allclose(normalised(square), (square[:, None] - square.mean()) / (deviation + 4), atol=1e-4)
    assert torch.allclose(normalised(square + 50), normalised(square), atol=1e-4)
    assert torch.equal(normalised(torch.full((1, 96, 96), 7)), torch.zeros(1, 1, 96, 96))  # a flat square is no error


def test_the_fused_network_gives_the_same_points_without_normalisations() -> None:
    torch.manual_seed(0)
    network = LandmarkNetwork()
    network.learn_shapes(torch.rand(60, 95, 2))
    for layer in network.features:
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
    squares = normalised(torch.randint(0, 256, (4, 96, 96), dtype=torch.uint8))
    fused = network.eval().fused()
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in fused.modules())
    assert any(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())
    with torch.inference_mode():
        torch.testing.assert_close(fused(squares), network(squares), atol=1e-5, rtol=1e-5)
