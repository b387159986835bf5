"""The landmark network's own arithmetic: what it learns of shapes, how it sees a square, and its ONNX graph."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dfcore.data.faces.dense import graph
from dfcore.data.faces.dense.network import LandmarkNetwork, normalised
from dfcore.data.faces.dense.points import POINTS
from dfcore.data.faces.session import open_session


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


def test_the_graph_computes_what_the_trained_network_does() -> None:
    generator = torch.Generator().manual_seed(3)
    network = LandmarkNetwork().eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0, generator=generator)
            elif not name.endswith("num_batches_tracked"):
                value.normal_(0.0, 0.3, generator=generator)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    squares = torch.randint(0, 256, (4, 96, 96), dtype=torch.uint8, generator=generator)
    session = open_session(graph.landmark_model(weights, 4), threads=1)
    found = session.run(None, {"squares": graph.normalised(squares.numpy())})[0]
    with torch.inference_mode():
        wanted = network(normalised(squares)).numpy()
    assert wanted.std() > 1
    np.testing.assert_allclose(found.reshape(4, POINTS, 2), wanted, rtol=1e-4, atol=1e-4 * wanted.std())


def test_weights_of_another_network_are_refused() -> None:
    weights = {name: value.numpy() for name, value in LandmarkNetwork().state_dict().items()}
    with pytest.raises(ValueError, match=r"its mean is \[68, 2\], not \[95, 2\]"):
        graph.landmark_model({**weights, "mean": weights["mean"][:68]}, 4)
    with pytest.raises(KeyError):
        graph.landmark_model({name: value for name, value in weights.items() if name != "head.0.bias"}, 4)


@pytest.mark.parametrize("name", ["features.3.weight", "features.18.weight", "features.45.bias", "head.0.weight"])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_weight_of_another_shape_is_named_before_a_face_is_given(name: str, axis: int) -> None:
    weights = {key: value.numpy() for key, value in LandmarkNetwork().state_dict().items()}
    longer = np.concatenate([weights[name], weights[name]], axis=axis)
    with pytest.raises(ValueError, match=rf"its ({name}|features.19.weight|head.0.bias) is \["):
        graph.landmark_model({**weights, name: longer}, 4)


def test_a_weight_that_is_no_number_is_named() -> None:
    weights = {key: value.numpy() for key, value in LandmarkNetwork().state_dict().items()}
    odd = np.full_like(weights["features.1.running_var"], np.nan)
    with pytest.raises(ValueError, match=r"features.1.running_var has values that are not finite"):
        graph.landmark_model({**weights, "features.1.running_var": odd}, 4)
