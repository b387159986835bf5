"""What of a specialist is trained."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import dfcore
from dfcore.cli.describe import command
from dfcore.errors import ModelError
from dfcore.models import factory
from dfcore.models.backbones.tuning import Parameters, choose_trained, count_parameters, norm_parameters
from dfcore.models.specialist import Specialist
from dfcore.testing.views import made_views


def specialist(backbone: str = "test_vit", **options) -> Specialist:
    return factory.create("cm", backbone=backbone, pretrained=False, seed=0, **options)


def trained(model: nn.Module) -> set[str]:
    return {name for name, one in model.named_parameters() if one.requires_grad}


def test_norms_of_a_transformer_are_its_layer_norms_and_nothing_else():
    model = specialist()
    choose_trained(model, "norms")
    names = {name for name in trained(model) if name.startswith("backbone.")}
    norms = {f"backbone.model.{name}" for name, _ in model.backbone.model.named_parameters() if "norm" in name}
    assert names == norms
    assert len(names) == 2 * (2 * len(model.backbone.model.blocks) + 1)  # scale and shift of two a block, and the last


@pytest.mark.parametrize("tune", ["norms", "head", "all"])
def test_all_beside_the_backbone_is_always_trained(tune):
    model = specialist()
    everything = trained(model)
    choose_trained(model, tune)
    outside = {name for name in everything if not name.startswith("backbone.")}
    assert outside <= trained(model)
    assert (trained(model) == everything) == (tune == "all")
    assert (trained(model) == outside) == (tune == "head")


def test_batch_norms_of_a_convolutional_backbone_are_norms_too():
    model = specialist("test_efficientnet")
    found = {id(one) for one in norm_parameters(model.backbone)}
    layers = [layer for layer in model.backbone.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert layers
    assert found == {id(one) for layer in layers for one in (layer.weight, layer.bias)}


@pytest.mark.parametrize(("tune", "changes"), [("head", False), ("norms", True), ("all", True)])
def test_a_frozen_backbone_keeps_its_statistics_in_training(tune, changes):
    model = specialist("test_efficientnet", image_size=64)
    choose_trained(model, tune)
    before = {name: value.clone() for name, value in model.backbone.named_buffers()}
    model.train()
    model(made_views(model.spec, batch=2, image_size=64), torch.tensor([0, 1]))
    after = dict(model.backbone.named_buffers())
    assert any(not torch.equal(before[name], after[name]) for name in before) == changes
    assert model.cue_module.training


def test_another_choice_forgets_the_one_before():
    model = specialist()
    everything = trained(model)
    choose_trained(model, "head")
    choose_trained(model, "all")
    assert trained(model) == everything
    assert model.train().backbone.training


def test_parameters_are_counted():
    model = specialist()
    choose_trained(model, "norms")
    found = count_parameters(model)
    assert found.total == sum(one.numel() for one in model.parameters())
    norms = sum(one.numel() for one in norm_parameters(model.backbone))
    assert found.backbone_trained == norms
    assert found.total - found.trained == found.backbone - norms
    assert f"{norms:,} of {found.backbone:,} in the backbone" in found.text


def test_describe_tells_the_sizes_of_a_named_backbone():
    found = dfcore.describe("cm", backbone="test_vit")
    assert found.fused_features == 64 + 1960
    assert (found.model.grid, found.model.input_size, found.model.mean) == ((10, 10), 160, (0.5, 0.5, 0.5))
    model = specialist()
    choose_trained(model, "norms")
    assert found.model.parameters["trained_norms"] == count_parameters(model).trained
    shown = CliRunner().invoke(command, ["cm", "--backbone", "test_vit"]).output
    assert "64 features, of its own 10x10 cells" in shown
    assert "2024  (with test_vit)" in shown


def test_a_backbone_without_norms_is_refused():
    model = specialist()
    model.backbone.model = nn.Conv2d(3, 3, 1)
    with pytest.raises(ModelError, match=r"no normalisation layers .* model\.tune to all or head"):
        choose_trained(model, "norms")


def test_features_are_brought_to_length_1_with_equal_shares_and_survive_saving(tmp_path):
    model = specialist(normalize_features=True, classifier="linear").eval()
    views = made_views(model.spec, batch=2, image_size=model.image_size)
    with torch.no_grad():
        features, output = model.features(views), model(views)
        assert torch.equal(output.features, features)
    half = torch.tensor([0.5, 0.5])
    torch.testing.assert_close(features[:, : model.num_features].square().sum(1), half)
    torch.testing.assert_close(features[:, model.num_features :].square().sum(1), half)
    model.save(tmp_path / "one.pt")
    loaded = factory.load(tmp_path / "one.pt")
    assert loaded.normalize_features
    with torch.no_grad():
        assert torch.equal(loaded(views).logits, output.logits)


def test_a_size_of_its_own_survives_saving(tmp_path):
    model = specialist(image_size=96, backbone_input_size=112).eval()
    views = made_views(model.spec, batch=1, image_size=96)
    model.save(tmp_path / "one.zip")
    loaded = factory.load(tmp_path / "one.zip")
    assert (loaded.image_size, loaded.backbone.input_size) == (96, 112)
    with torch.no_grad():
        assert torch.equal(loaded(views).logits, model(views).logits)


def test_augmented_features_reach_the_classifier_in_training_alone():
    model = specialist(normalize_features=True, classifier="linear", dropout=0.0)
    model.feature_augmentations = (lambda features, labels: torch.zeros_like(features),)
    views, labels = made_views(model.spec, batch=2, image_size=model.image_size), torch.tensor([0, 1])
    output = model(views, labels)
    bias = model.classifier.layers[1].bias
    torch.testing.assert_close(output.logits, bias.expand(2, 2))
    assert output.features.norm() > 1
    assert not torch.allclose(model.eval()(views, labels).logits, bias.expand(2, 2))


def test_what_is_trained_is_told_in_numbers_and_as_a_share() -> None:
    assert Parameters(backbone=2000, backbone_trained=10, total=4000, trained=1010).text == (
        "1,010 of 4,000 are trained (25.25%), 10 of 2,000 in the backbone"
    )
    assert "(0.00%)" in Parameters(0, 0, 0, 0).text
