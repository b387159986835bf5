"""The timm backbone: maps, sizes, normalisation, names."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dfcore.errors import ModelError, UnknownNameError
from dfcore.models.backbones.backbone import IMAGENET_MEAN, IMAGENET_STD, TimmBackbone, resampling


def faces(size: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


def backbone(name: str, image_size: int = 0) -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone(name, pretrained=False, image_size=image_size).eval()


@pytest.mark.parametrize(
    ("name", "asked", "size", "features"),
    [
        ("test_efficientnet", 64, 64, 256),  # 2x2 map, interpolated up
        ("test_efficientnet", 224, 224, 256),  # 7x7 as it is
        ("test_efficientnet", 0, 160, 256),  # its own size is below 224
        ("test_mambaout", 0, 160, 256),  # channels last
        ("test_vit", 0, 160, 64),  # 10x10 tokens and a class token, fixed size
    ],
)
def test_every_layout_becomes_7x7(name, asked, size, features):
    model = backbone(name, asked)
    assert (model.image_size, model.num_features) == (size, features)
    with torch.no_grad():
        found = model(faces(size))
    assert found.shape == (2, features, 7, 7)
    assert torch.isfinite(found).all()


def test_a_7x7_map_is_timms_own():
    model = backbone("test_efficientnet", 224)
    with torch.no_grad():
        assert torch.equal(model(faces(224)), model.model.forward_features(faces(224)))


def test_channels_last_maps_keep_rows_and_columns():
    model = backbone("test_mambaout")
    with torch.no_grad():
        own = model.model(faces(160))  # [2, 5, 5, 256]
        found = model._as_map(own)
    assert own.shape == (2, 5, 5, 256)
    assert torch.equal(found[1, 30, 3, 4], own[1, 3, 4, 30])


def test_tokens_are_laid_out_row_by_row_without_the_class_token():
    model = backbone("test_vit")
    tokens = torch.arange(101.0).view(1, 101, 1).expand(1, 101, 64)
    found = model._from_tokens(tokens)
    assert found.shape == (1, 64, 10, 10)
    assert found[0, 0, 2, 3] == 1 + 2 * 10 + 3


@pytest.mark.parametrize("size", [2, 5, 7, 8, 10, 14])
def test_resampling_is_area_mean_down_and_linear_up(size):
    weights = resampling(size)
    cells = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    expected = (
        F.adaptive_avg_pool2d(cells, 7)
        if size >= 7
        else F.interpolate(cells, size=(7, 7), mode="bilinear", align_corners=False)
    )
    torch.testing.assert_close(weights @ cells @ weights.mT, expected)
    torch.testing.assert_close(weights.sum(1), torch.ones(7))


def test_resampling_known_answers():
    assert torch.equal(resampling(7), torch.eye(7))
    pairs = resampling(14)
    assert torch.equal(pairs[3], torch.tensor([0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0]))


def test_faces_are_renormalised_for_models_trained_otherwise():
    model = backbone("test_resnet", 224)  # mean and deviation 0.5
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(
            model((pixels - mean) / std), model.model((pixels - 0.5) / 0.5), atol=1e-4, rtol=1e-4
        )


def test_imagenet_faces_pass_bit_for_bit():
    model = backbone("test_efficientnet", 64)
    assert torch.equal(faces(64) * model.scale + model.shift, faces(64))


def test_probing_does_not_touch_the_model():
    model = backbone("test_efficientnet", 64)
    assert TimmBackbone("test_efficientnet", pretrained=False).training
    counters = [value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(value == 0 for value in counters)


@pytest.mark.parametrize(("name", "size"), [("test_efficientnet", 64), ("test_efficientnet", 224), ("test_vit", 0)])
def test_a_size_that_is_learnt_of_the_first_faces_changes_nothing(name, size):
    known = backbone(name, size)
    torch.manual_seed(0)
    later = TimmBackbone(name, pretrained=False, image_size=size, num_features=known.num_features).eval()
    assert later.rows is None
    with torch.no_grad():
        images = faces(later.image_size)
        found = [later(images), later(images)]
    assert all(torch.equal(one, known(images)) for one in found)
    assert later.state_dict().keys() == known.state_dict().keys()


def test_a_size_that_is_learnt_in_inference_mode_lets_gradients_through_later():
    features = backbone("test_efficientnet", 64).num_features
    later = TimmBackbone("test_efficientnet", pretrained=False, image_size=64, num_features=features).eval()
    with torch.inference_mode():
        later(faces(64))
    assert later.rows is not None
    later(faces(64)).sum().backward()
    assert any(one.grad is not None for one in later.parameters())


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("efficientnet_b44", "'efficientnet_b4'"), ("EfficientNet-B4", "'efficientnet_b4'"), ("tresnet_xyz", "resnet")],
)
def test_an_unknown_name_gets_the_nearest(name, suggestion):
    with pytest.raises(UnknownNameError, match="unknown backbone") as caught:
        TimmBackbone(name, pretrained=False)
    assert suggestion in str(caught.value)
    assert len(str(caught.value)) < 500  # not all of timm's names


def test_a_name_like_nothing_still_gets_an_example():
    with pytest.raises(UnknownNameError, match="efficientnet_b4"):
        TimmBackbone("zzzzqqqq", pretrained=False)


def test_an_unknown_tag_gets_the_tags():
    with pytest.raises(UnknownNameError, match=r"efficientnet_b4\.ra2_in1k"):
        TimmBackbone("efficientnet_b4.ra2_in21k", pretrained=False)


def test_a_face_of_another_size_is_resized_to_a_fixed_one():
    model = backbone("test_vit", 64)
    assert (model.image_size, model.input_size) == (64, 160)
    enlarged = F.interpolate(faces(64), size=(160, 160), mode="bilinear", align_corners=False)
    with torch.no_grad():
        torch.testing.assert_close(model(faces(64)), backbone("test_vit")(enlarged), rtol=1e-4, atol=1e-4)


def test_a_vit_computes_at_another_size_with_resampled_positions():
    torch.manual_seed(0)
    model = TimmBackbone("test_vit", pretrained=False, image_size=160, backbone_input_size=112).eval()
    assert (model.image_size, model.input_size, tuple(model.rows.shape)) == (160, 112, (7, 7))
    with torch.no_grad():
        assert model(faces(160)).shape == (2, 64, 7, 7)


def test_weights_of_a_file_get_resampled_positions_too(tmp_path):
    whole = backbone("test_vit")
    torch.save(whole.model.state_dict(), tmp_path / "weights.pth")
    weights = tmp_path / "weights.pth"
    smaller = TimmBackbone("test_vit", pretrained=False, weights=weights, backbone_input_size=112)
    kept, positions = smaller.model.state_dict(), "pos_embed"
    assert kept[positions].shape[1] == 1 + 49
    assert torch.equal(kept[positions][:, 0], whole.model.state_dict()[positions][:, 0])
    assert all(torch.equal(value, kept[name]) for name, value in whole.model.state_dict().items() if name != positions)


def test_a_model_that_has_no_other_size_says_which_key_to_leave():
    with pytest.raises(ModelError, match=r"backbone_input_size"):
        TimmBackbone("test_maxvit", pretrained=False, image_size=160, backbone_input_size=100)


@pytest.mark.parametrize("size", [8, 5000, -1])
def test_an_absurd_size_is_refused(size):
    with pytest.raises(ModelError, match=rf"between 32 and 1024 px, not {size}"):
        TimmBackbone("test_efficientnet", pretrained=False, image_size=size)


def test_a_model_that_gives_no_map_is_refused():
    with pytest.raises(ModelError, match=r"no map.*Choose another backbone"):
        TimmBackbone("test_efficientnet", pretrained=False, image_size=32)  # one cell
