"""Losses and augmentations of features: known answers."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from dfcore.config import StageConfig
from dfcore.errors import ConfigError, PluginError, UnknownNameError
from dfcore.training.features import (
    Alignment,
    Slerp,
    Uniformity,
    build_feature_augmentations,
    build_feature_losses,
    require_feature_augmentation,
    require_feature_loss,
    slerp,
)

EAST, NORTH, WEST = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)


def points(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows)


def random_points(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, 5, generator=generator, dtype=torch.float64), dim=1)


def test_alignment_is_the_mean_squared_distance_within_classes():
    # Squared chords: 2 of a right angle, 4 of opposite points. The pair across the classes does not count.
    assert Alignment()(points(EAST, NORTH), torch.tensor([1, 1])).item() == pytest.approx(2)
    assert Alignment()(points(EAST, NORTH, WEST), torch.tensor([0, 0, 0])).item() == pytest.approx((2 + 4 + 2) / 3)
    assert Alignment()(points(EAST, NORTH, WEST), torch.tensor([0, 1, 0])).item() == pytest.approx(4)
    assert Alignment(alpha=1)(points(EAST, WEST), torch.tensor([0, 0])).item() == pytest.approx(2)


def test_uniformity_is_the_log_of_the_mean_gaussian_potential():
    either = torch.tensor([0, 1])
    assert Uniformity()(points(EAST, NORTH), either).item() == pytest.approx(-4)  # -t * 2
    assert Uniformity()(points(EAST, WEST), either).item() == pytest.approx(-8)
    assert Uniformity()(points(EAST, EAST), either).item() == pytest.approx(0)  # the worst
    three = Uniformity()(points(EAST, NORTH, WEST), torch.tensor([0, 1, 1])).item()
    assert three == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3), rel=1e-5)


@pytest.mark.parametrize("loss", [Alignment(), Alignment(alpha=1), Uniformity()])
def test_a_batch_without_pairs_and_equal_features_have_finite_gradients(loss):
    for rows, labels in (((EAST,), [0]), ((EAST, EAST), [0, 0]), ((EAST, NORTH), [0, 1])):
        features = points(*rows).requires_grad_()
        loss(features, torch.tensor(labels)).backward()
        assert torch.isfinite(features.grad).all()
    assert loss(points(EAST), torch.tensor([0])).item() == 0


@pytest.mark.parametrize("loss", [Alignment(), Uniformity()])
def test_gradients_are_those_of_differences(loss):
    labels = torch.tensor([0, 0, 1, 1, 1])
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), random_points(5).requires_grad_())


def test_slerp_goes_evenly_along_the_circle():
    ways = torch.tensor([0.0, 1 / 3, 0.5, 1.0])
    found = slerp(points(EAST).expand(4, 3), points(NORTH).expand(4, 3), ways)
    angles = ways * math.pi / 2
    expected = torch.stack([torch.cos(angles), torch.sin(angles), torch.zeros(4)], dim=1)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_slerp_keeps_the_length_and_has_a_gradient_where_both_ends_are_one():
    start, end = random_points(64), random_points(64, seed=1)
    found = slerp(start, end, torch.rand(64, dtype=torch.float64))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(64, dtype=torch.float64))
    same = points(EAST, NORTH).requires_grad_()
    mixed = slerp(same, same, torch.tensor([0.3, 0.9]))
    torch.testing.assert_close(mixed, same, atol=1e-5, rtol=0)
    mixed.sum().backward()
    assert torch.isfinite(same.grad).all()


def test_the_augmentation_stays_within_the_class_and_leaves_a_share_as_it_is():
    torch.manual_seed(0)
    count = 400
    labels = torch.arange(count) % 2
    # Classes on two circles that do not meet: reals in the first two axes, fakes in the last two.
    angles = torch.rand(count) * 3
    circle = torch.stack([torch.cos(angles), torch.sin(angles)], dim=1)
    features = torch.zeros(count, 4)
    features[labels == 0, :2], features[labels == 1, 2:] = circle[labels == 0], circle[labels == 1]
    found = Slerp(share=0.25)(features, labels)
    assert found[labels == 0, 2:].abs().max() < 1e-6
    assert found[labels == 1, :2].abs().max() < 1e-6
    moved = ((found - features).norm(dim=1) > 1e-3).float().mean().item()
    assert moved == pytest.approx(0.25, abs=0.06)


def test_a_sample_that_is_alone_in_its_class_stays_where_it_is():
    features = points(EAST, NORTH, WEST)
    found = Slerp(share=1.0)(features, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(found[1], features[1], atol=1e-5, rtol=0)


def test_the_same_state_of_the_generator_gives_the_same_augmentation():
    features, labels = random_points(16).float(), torch.arange(16) % 2
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = Slerp()(features, labels)
    torch.set_rng_state(state)
    assert torch.equal(Slerp()(features, labels), first)
    assert not torch.equal(Slerp()(features, labels), first)


def test_they_are_made_by_their_names_with_their_weights():
    stage = StageConfig(feature_losses=("uniformity=0.5", "alignment=0.1"), feature_augment=("slerp",))
    terms = build_feature_losses(stage)
    assert [(one.name, one.weight, type(one.loss)) for one in terms] == [
        ("uniformity", 0.5, Uniformity),
        ("alignment", 0.1, Alignment),
    ]
    assert [type(one) for one in build_feature_augmentations(stage)] == [Slerp]


@pytest.mark.parametrize("entry", ["uniformity", "uniformity=", "uniformity=much", "uniformity=-1", "uniformity=nan"])
def test_an_entry_without_a_weight_is_refused(entry):
    with pytest.raises(ConfigError, match=r"name=weight \(uniformity=0.5,alignment=0.1\)"):
        build_feature_losses(StageConfig(feature_losses=(entry,)))


def test_unknown_names_get_the_nearest():
    with pytest.raises(UnknownNameError, match="uniformity"):
        build_feature_losses(StageConfig(feature_losses=("uniformty=1",)))
    with pytest.raises(UnknownNameError, match="slerp"):
        build_feature_augmentations(StageConfig(feature_augment=("slrp",)))


def test_what_a_plugin_makes_is_tried_first():
    with pytest.raises(PluginError, match=r"gave \[4\] for features \[4, 3\]; expected \[\]"):
        require_feature_loss("each", lambda features, labels: features.sum(dim=1))
    with pytest.raises(PluginError, match=r"gave \[4, 1\] for features \[4, 3\]; expected \[4, 3\]"):
        require_feature_augmentation("short", lambda features, labels: features[:, :1])
