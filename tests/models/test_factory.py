"""Building specialists by name, and loading saved ones."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

import dfcore
from dfcore.errors import CheckpointError, ModelError, PluginError, UnknownNameError, UsageError, WeightsError
from dfcore.models import factory
from dfcore.models.files import weights
from dfcore.specs import ComponentSpec, CueSpec, SpecialistSpec

SPEC = SpecialistSpec(
    "fake",
    "Fake traces",
    (CueSpec("level", 4), CueSpec("spread", 2)),
    module="fake_plugin.module:FakeCue",
    views=("tiles", "tile_face"),
)


class OwnBackbone(nn.Module):
    """A plugin's backbone: four features, faces of 14 px only."""

    num_features, image_size = 4, 14

    def __init__(self, name, pretrained, weights):
        super().__init__()
        self.asked = (name, pretrained, weights)
        self.net = nn.Conv2d(3, 4, 2, stride=2)

    def forward(self, face):
        return self.net(face)


class SizelessBackbone(OwnBackbone):
    image_size = None


@pytest.fixture
def own_backbone(announce, plugin):
    plugin.OwnBackbone, plugin.SizelessBackbone = OwnBackbone, SizelessBackbone
    announce(SPEC, backbones=[
        ComponentSpec("own", "fake_plugin.module:OwnBackbone"),
        ComponentSpec("sizeless", "fake_plugin.module:SizelessBackbone"),
    ])  # fmt: skip


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def same_state(a: nn.Module, b: nn.Module) -> bool:
    return same(a.state_dict().values(), b.state_dict().values())


def test_the_librarys_calls_are_these():
    assert dfcore.create is factory.create
    assert dfcore.load is factory.load


def test_a_seed_decides_everything_and_disturbs_nothing(build):
    before = torch.get_rng_state()
    first = build(seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert same_state(first, build(seed=3))
    assert not same_state(first, build(seed=4))


def test_without_a_seed_torchs_own_generator_decides(build):
    torch.manual_seed(5)
    first = build(seed=None)
    assert not same_state(first, build(seed=None))
    torch.manual_seed(5)
    assert same_state(first, build(seed=None))


def test_it_is_new_and_ready_to_train(build):
    model = build()
    assert model.training
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert model.model_config == {
        "backbone": "test_efficientnet",
        "attention_head": "cross",
        "classifier": "mlp",
        "heads": 8,
        "dropout": 0.3,
        "image_size": 64,
        "backbone_input_size": 64,
        "normalize_features": False,
    }


def test_an_announced_backbone_wins_over_timms_names(own_backbone, views):
    model = factory.create("fake", backbone="own", pretrained=False, seed=0)
    assert isinstance(model.backbone, OwnBackbone)
    assert model.backbone.asked == ("own", False, None)
    assert (model.image_size, model.fused_features) == (14, 4 + 294)
    assert model(views(2, size=14)).logits.shape == (2, 2)


def test_weights_reach_the_backbone_as_a_path(own_backbone, tmp_path):
    model = factory.create("fake", backbone="own", backbone_weights=str(tmp_path / "w.pth"))
    assert model.backbone.asked == ("own", True, tmp_path / "w.pth")


def test_a_backbone_without_a_choice_of_size_says_so(own_backbone):
    with pytest.raises(ModelError, match=r"'own' has a fixed image size; leave model\.image_size at 0"):
        factory.create("fake", backbone="own", image_size=64)


def test_a_backbone_that_breaks_its_protocol_is_named(own_backbone):
    with pytest.raises(ModelError, match="backbone 'sizeless' must have an integer image_size above 0, not None"):
        factory.create("fake", backbone="sizeless")


@pytest.mark.parametrize(
    ("option", "kind"), [("backbone", "backbone"), ("attention_head", "attention"), ("classifier", "classifier")]
)
def test_unknown_names(build, option, kind):
    with pytest.raises(UnknownNameError, match=f"(?i)unknown {kind}.*'nonesuch'"):
        build(**{option: "nonesuch"})


def test_an_unknown_specialist_is_the_registrys_error(build):
    with pytest.raises(UnknownNameError, match=r"unknown specialist 'fakes'\. Did you mean 'fake'"):
        build("fakes")


def test_a_specialist_that_announces_itself_only(announce):
    announce(replace(SPEC, name="tm", title="Temporal inconsistency", module=""))
    with pytest.raises(
        UsageError, match=r"'tm' \(Temporal inconsistency\) has no cue module yet.*dfs-tm announces itself"
    ):
        factory.create("tm", pretrained=False)


def test_a_cue_module_with_other_channels_than_announced(announce):
    announce(replace(SPEC, cues=(CueSpec("level", 4), CueSpec("more", 5))))
    with pytest.raises(
        PluginError,
        match=r"'fake', fake_plugin.*FakeCue.*conftest.py:\d+.*has channels = 6, but.*9 channels \(level 4, more 5",
    ):
        factory.create("fake", backbone="test_efficientnet", pretrained=False, image_size=64)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 3])
def test_an_impossible_dropout(build, dropout):
    with pytest.raises(ModelError, match="dropout must be at least 0 and below 1"):
        build(dropout=dropout)


def test_missing_pretrained_weights_are_never_a_random_start(build, tmp_path):
    with pytest.raises(WeightsError):
        build(pretrained=True, backbone_weights=tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("save", "name"), [(weights.save_final, "fake_stage1_final.pt"), (weights.save_zip, "best.zip")]
)
def test_saved_and_loaded_it_answers_bit_for_bit(build, views, tmp_path, monkeypatch, save, name):
    model = build(heads=4, dropout=0.1)
    model(views(4))  # moves the batch-norm statistics away from where a new model has them
    save(tmp_path / name, model, {"stage": 1})
    monkeypatch.setattr(
        "dfcore.models.backbones.backbone.pretrained_overlay", lambda *_: pytest.fail("asked for a download")
    )
    loaded = factory.load(str(tmp_path / name), device="cpu")
    assert not loaded.training
    assert same_state(model, loaded)
    assert loaded.model_config == model.model_config
    with torch.no_grad():
        assert same(model.eval()(views(2, seed=9)), loaded(views(2, seed=9)))


def rewritten(path, change) -> None:
    content = torch.load(path, weights_only=True)
    change(content)
    content["hash"] = weights.state_hash(content["state_dict"])
    torch.save(content, path)


@pytest.fixture
def final(build, tmp_path):
    path = tmp_path / "fake_stage1_final.pt"
    weights.save_final(path, build(), {"stage": 1})
    return path


def test_that_a_file_is_damaged_is_said_before_what_comes_of_it(final):
    content = torch.load(final, weights_only=True)
    content["state_dict"]["cue_head.weight"] += 1  # without a new hash
    content["model"]["heads"] = 3  # with which nothing can be built
    torch.save(content, final)
    with pytest.raises(CheckpointError, match="their SHA-256 differs"):
        factory.load(final)


def test_a_norm_without_a_length_is_refused_as_any_other_shape(final):
    content = torch.load(final, weights_only=True)
    content["state_dict"]["token_norm.weight"] = torch.tensor(1.0)
    content["hash"] = weights.state_hash(content["state_dict"])
    torch.save(content, final)
    with pytest.raises(CheckpointError, match=r"token_norm.weight is \[\]"):
        factory.load_to_judge(final, tried=False)


def test_where_no_thread_can_be_started_the_weights_are_checked_all_the_same(final, monkeypatch):
    def refuse(*_):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(factory.ThreadPoolExecutor, "submit", refuse)
    assert factory.load(final).spec.name == "fake"
    content = torch.load(final, weights_only=True)
    content["state_dict"]["cue_head.weight"] += 1  # without a new hash
    torch.save(content, final)
    with pytest.raises(CheckpointError, match="their SHA-256 differs"):
        factory.load(final)


def test_loaded_to_judge_it_answers_bit_for_bit_whether_its_backbone_was_tried_or_not(build, views, tmp_path):
    model = build().eval()
    weights.save_final(tmp_path / "fake_stage1_final.pt", model, {"stage": 1})
    found = [factory.load_to_judge(tmp_path / "fake_stage1_final.pt", tried=tried)[0] for tried in (True, False)]
    assert same_state(*found)
    assert same_state(model.cue_module, found[0].cue_module)
    strides = [one.weight.stride() for one in found[1].backbone.modules() if isinstance(one, torch.nn.Conv2d)]
    assert any(stride[1] == 1 and stride[3] > 1 for stride in strides)  # channels last
    with torch.no_grad():
        assert same(found[0](views(2)), found[1](views(2)))


def test_cues_that_changed_since_are_refused(final, announce):
    announce(replace(SPEC, cues=(CueSpec("spread", 2), CueSpec("level", 4))))
    with pytest.raises(
        CheckpointError, match=r"trained with the cues \[\['level', 4\].*installed fake-plugin has \[\['spread'"
    ):
        factory.load(final)


def test_weights_that_do_not_fit_are_listed(final):
    def change(content):
        content["state_dict"]["cue_head.weight"] = torch.zeros(2, 5)
        del content["state_dict"]["cue_head.bias"]

    rewritten(final, change)
    with pytest.raises(
        CheckpointError, match=r"cue_head\.weight is \[2, 5\], expected \[2, 294\]; cue_head\.bias is missing"
    ):
        factory.load(final)


@pytest.mark.parametrize("change", [{"heads": "eight"}, {"seed": 4}, {"pretrained": True}, {"dropout": None}])
def test_a_description_with_other_arguments_is_refused(final, change):
    rewritten(final, lambda content: content["model"].update(change))
    with pytest.raises(CheckpointError, match=f"does not fit this dfcore.*{next(iter(change))}"):
        factory.load(final)


@pytest.mark.parametrize("part", ["classifier", "attention_head", "backbone"])
def test_a_part_that_nothing_installed_brings_is_told_with_the_file(final, part):
    rewritten(final, lambda content: content["model"].update({part: "nonesuch"}))
    with pytest.raises(UnknownNameError, match=f"{re.escape(str(final))} was written with it"):
        factory.load(final)


def test_a_part_that_cannot_be_built_is_told_with_the_file(final):
    rewritten(final, lambda content: content["model"].update(heads=7))
    with pytest.raises(CheckpointError, match=f"{re.escape(str(final))}: the model that it describes cannot be built"):
        factory.load(final)


def test_a_specialist_that_is_not_installed(final, announce):
    announce(replace(SPEC, name="other"))
    with pytest.raises(UnknownNameError, match="unknown specialist 'fake'"):
        factory.load(final)
