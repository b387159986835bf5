"""The assembled specialist: shapes, what feeds what, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dfcore.errors import ModelError, PluginError, UsageError
from dfcore.models import factory
from dfcore.models.attention import CrossAttentionHead
from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.models.classifier import MLPClassifier
from dfcore.models.specialist import Parts, Specialist
from dfcore.specs import CueSpec, EvidenceSpec, SpecialistSpec

FIVE = {"bg": (44, 3948), "av": (48, 4144), "cm": (40, 3752), "rr": (36, 3556), "tm": (52, 4340)}


class ConstantCue(nn.Module):
    """``shape`` whatever the views; learns a factor."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.channels = shape[1]
        self.shape = shape
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, views):
        return self.factor * torch.linspace(-1, 1, torch.Size(self.shape).numel()).view(self.shape)


@pytest.fixture(scope="module")
def b4() -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone("efficientnet_b4", pretrained=False).eval()


def test_efficientnet_b4_takes_224_and_gives_1792_features(b4):
    assert (b4.image_size, b4.num_features, b4.resample) == (224, 1792, False)


@pytest.mark.parametrize("name", FIVE)
def test_classifier_sees_the_designs_features(b4, name):
    channels, fused = FIVE[name]
    spec = SpecialistSpec(name, name, (CueSpec("all", channels),), module="x:Y")
    head, classifier = CrossAttentionHead(1792, channels), MLPClassifier(1792 + spec.features)
    model = Specialist(spec, Parts(b4, ConstantCue(2, channels, 7, 7), head, classifier), {}).eval()
    assert model.fused_features == fused
    assert classifier.features == fused
    if name == "cm":  # one real forward of the default model is enough
        with torch.no_grad():
            out = model({"face": torch.zeros(2, 3, 224, 224)})
        assert [tuple(found.shape) for found in out] == [(2, 2), (2, 2), (2, 49, 49), (2, 40, 7, 7), (), (2, 3752)]


def test_output(build, views):
    model = build().eval()
    out = model(views(3))
    assert [tuple(found.shape) for found in out] == [(3, 2), (3, 2), (3, 49, 49), (3, 6, 7, 7), (), (3, 256 + 294)]
    assert all(found.dtype == torch.float32 for found in out)
    torch.testing.assert_close(out.attention.sum(-1), torch.ones(3, 49))
    assert torch.equal(out.cue_map, model.cue_module(views(3)))


def test_the_cue_modules_own_loss_is_asked_for_in_training_with_labels_only(build, views):
    model, labels = build(), torch.tensor([0, 1, 1])
    assert model.train()(views(3), labels).auxiliary.item() == 0  # it has none
    model.cue_module.auxiliary_loss = lambda views, labels: labels.float().mean() if len(labels) == 3 else None
    assert model(views(3), labels).auxiliary.item() == pytest.approx(2 / 3)
    assert model(views(3)).auxiliary.item() == 0
    assert model(views(2), labels[:2]).auxiliary.item() == 0
    assert model.eval()(views(3), labels).auxiliary.item() == 0


def test_views_are_named_once_face_first():
    spec = SpecialistSpec("x", "x", (CueSpec("a", 1),), views=("tiles", "ghost", "face"), evidence=(
        EvidenceSpec("ghost", 1, "x:y", 4), EvidenceSpec("other", 1, "x:y", 4)))  # fmt: skip
    parts = Parts(SimpleModule(num_features=8, image_size=32), nn.Identity(), nn.Identity(), nn.Identity())
    assert Specialist(spec, parts, {}).view_names == ("face", "tiles", "ghost", "other")


class SimpleModule(nn.Module):
    def __init__(self, **attributes: int) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


def test_cue_logits_are_a_linear_function_of_the_cue_map_alone(build, views):
    model, a, b = build().eval(), views(3, seed=0), views(3, seed=1)
    with torch.no_grad():
        mixed = model({**b, "face": a["face"]})
        own = model(b)
    assert torch.equal(mixed.cue_logits, own.cue_logits)
    assert not torch.equal(mixed.logits, own.logits)
    head = model.cue_head
    assert isinstance(head, nn.Linear)
    torch.testing.assert_close(own.cue_logits, own.cue_map.reshape(3, -1) @ head.weight.T + head.bias)


def test_logits_depend_on_face_and_on_cues(build, views):
    model, a, b = build().eval(), views(3, seed=0), views(3, seed=1)
    with torch.no_grad():
        one = model(a).logits
        assert not torch.allclose(model({**a, "face": b["face"]}).logits, one, atol=1e-5)
        assert not torch.allclose(model({**b, "face": a["face"]}).logits, one, atol=1e-5)


def test_the_scale_of_the_cue_map_does_not_drown_the_backbone(build, views):
    """With raw concatenation, features a thousand times larger would decide alone."""
    model, a, b = build().eval(), views(3, seed=0), views(3, seed=1)
    with torch.no_grad():
        for parameter in model.cue_module.parameters():
            parameter.mul_(1000)
        change = (model(a).logits - model({**a, "face": b["face"]}).logits).abs().max()
    assert change > 1e-3
    assert model(a).logits.abs().max() < 10


def test_every_parameter_has_a_gradient(build, views):
    """So DistributedDataParallel finds no unused one, and nothing is dead weight."""
    model = build(dropout=0.0)
    out = model(views(4))
    target = torch.tensor([0, 1, 0, 1])
    loss = nn.functional.cross_entropy
    (loss(out.logits, target) + 0.3 * loss(out.cue_logits, target)).backward()
    dead = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not dead


def test_the_cue_head_alone_teaches_the_cue_module_and_nothing_else(build, views):
    model = build()
    model(views(4)).cue_logits[:, 1].sum().backward()
    taught = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert taught == {"cue_module", "cue_head"}


def test_frames_are_averaged(build, views):
    model, many = build().eval(), views(2, frames=3)
    with torch.no_grad():
        tokens = model.tokens(many["face"])
        expected = torch.stack([model.backbone(many["face"][:, t]) for t in range(3)]).mean(0)
        still = {**many, "face": many["face"][:, :1].expand(-1, 3, -1, -1, -1)}
        torch.testing.assert_close(model(still).logits, model({**many, "face": many["face"][:, 0]}).logits)
    torch.testing.assert_close(tokens, expected)
    assert tokens.shape == (2, 256, 7, 7)


def test_a_sample_is_judged_the_same_in_any_company(build, views):
    model, batch = build().eval(), views(4)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        together = model(batch)
        alone = model({name: view[1:2] for name, view in batch.items()})
        moved = model({name: view[order] for name, view in batch.items()})
    for whole, single, other in zip(together[:4], alone[:4], moved[:4], strict=True):
        torch.testing.assert_close(whole[1:2], single, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(whole[order], other, atol=1e-5, rtol=1e-4)


def test_evaluation_is_deterministic_and_training_drops_out(build, views):
    model, batch = build(), views(3)
    assert torch.equal(model.eval()(batch).logits, model(batch).logits)
    model.train()
    assert not torch.equal(model(batch).logits, model(batch).logits)


def test_half_precision_autocast_leaves_the_cue_module_in_float32(build, views):
    model, batch = build().eval(), views(3)
    with torch.no_grad():
        plain = model(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = model(batch)
    assert torch.equal(half.cue_map, plain.cue_map)
    assert half.logits.dtype == torch.bfloat16
    assert all(torch.isfinite(found).all() for found in half)
    torch.testing.assert_close(half.logits.float(), plain.logits, atol=0.1, rtol=0.1)


def test_missing_views_are_named(build, views):
    batch = views(2)
    del batch["tiles"]
    with pytest.raises(
        ModelError, match=r"'fake' reads the views face, tiles, tile_face; missing: tiles\. Given: face"
    ):
        build()(batch)


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 1, 64, 64), (3, 64, 64), (2, 3, 64, 32)])
def test_a_wrong_face_is_refused(build, views, shape):
    with pytest.raises(ModelError, match=r"'face' must be \[B, 3, 64, 64\].*image_size=64"):
        build()({**views(2), "face": torch.zeros(shape)})


@pytest.mark.parametrize("shape", [(2, 6, 8, 7), (3, 6, 7, 7), (2, 5, 7, 7), (2, 6, 49)])
def test_a_cue_map_of_another_shape_names_the_cue_module(build, views, shape):
    model = build()
    model.cue_module = ConstantCue(*shape)
    with pytest.raises(PluginError, match=r"'fake', fake_plugin\.module:FakeCue.* gave \[.*expected \[2, 6, 7, 7\]"):
        model(views(2))


def test_a_backbone_map_of_another_shape_names_the_backbone(build, views):
    model = build()
    model.backbone = nn.AvgPool2d(8)
    with pytest.raises(ModelError, match=r"'test_efficientnet' gave \[2, 3, 8, 8\], expected \[2, 256, 7, 7\]"):
        model(views(2))


def test_spec_is_kept(build):
    model = build(heads=4)
    assert model.spec.name == "fake"
    assert model.model_config["heads"] == 4
    assert replace(model.spec, name="other").features == 294
    assert SimpleNamespace(n=model.num_features).n == 256


def test_the_background_control_sees_no_face(build, views) -> None:
    model, batch = build().eval(), views(batch=2)
    cells = torch.zeros(2, 7, 7)
    cells[:, 0, :] = 1
    batch |= {"background_face": torch.zeros_like(batch["face"]), "background_cells": cells}
    first = model.judge_background(batch)
    tiles = batch["tiles"].clone().unflatten(1, (7, 7))
    tiles[:, 1:] = torch.randint(0, 256, tiles[:, 1:].shape, dtype=torch.uint8)
    other = {**batch, "face": torch.randn_like(batch["face"]), "tiles": tiles.flatten(1, 2)}
    second = model.judge_background(other)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.cue_logits, second.cue_logits)
    assert torch.allclose(first.cue_map[:, :, 3, 3], first.cue_map[:, :, 0].mean(dim=2))
    assert not torch.equal(model(batch).logits, model(other).logits)


def test_a_map_that_is_not_spatial_has_no_background_control(build, views) -> None:
    model = build().eval()
    model.spec = replace(model.spec, spatial_map=False)
    with pytest.raises(ModelError, match="no place for a background control"):
        model.judge_background(views())


# -- as a part of a library user's own program ---------------------------------------------------------------------


def test_features_are_what_the_classifier_sees(build, views) -> None:
    model, given = build().eval(), views(3)
    seen: list[torch.Tensor] = []
    model.classifier.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    logits = model(given).logits
    features = model.features(given)
    assert features.shape == (3, model.fused_features)
    assert torch.equal(features, seen[0])
    assert torch.equal(model.classifier(features), logits)


@pytest.mark.parametrize("change", ["half", "bfloat16", "double"])
def test_another_dtype_is_refused_with_what_to_do(build, views, change: str) -> None:
    model = build().eval()
    with pytest.raises(ModelError, match=r"keeps its weights in float32.*torch\.autocast"):
        getattr(model, change)()
    model(views(1))
    with pytest.raises(ModelError, match=r"keeps its weights in float32.*torch\.autocast"):
        model.to(torch.float16)(views(1))


def test_a_float64_face_is_refused_with_what_to_do(build, views) -> None:
    given = views(1)
    with pytest.raises(ModelError, match=r"'face' is float64.*face\.float\(\)"):
        build().eval()({**given, "face": given["face"].double()})


def test_a_tensor_in_place_of_views_is_refused_with_what_to_do(build, views) -> None:
    with pytest.raises(ModelError, match=r"by name, \{'face': tensor, \.\.\.\}, not a Tensor\. It reads face, "):
        build()(views(1)["face"])


@pytest.mark.parametrize("name", ["mine.pt", "mine.zip"])
def test_what_a_model_saves_can_be_loaded(build, views, tmp_path, name: str) -> None:
    model, given = build(seed=3).eval(), views(2)
    model.save(tmp_path / name)
    assert torch.equal(factory.load(tmp_path / name)(given).logits, model(given).logits)


def test_a_file_of_another_kind_is_refused_before_it_is_written(build, tmp_path) -> None:
    with pytest.raises(UsageError, match=r"saved as \.pt or \.zip"):
        build().save(tmp_path / "mine.bin")
    assert not list(tmp_path.iterdir())


def test_a_new_model_is_put_on_the_device_that_is_named(build) -> None:
    assert {value.device.type for value in build(device="meta").state_dict().values()} == {"meta"}
