"""Batch norms that become part of the convolutions before them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import dfcore
from dfcore.errors import ModelError, PluginError
from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.models.backbones.folding import fold_norms
from dfcore.models.factory import create, load_to_judge
from dfcore.models.specialist import Specialist
from dfcore.testing.views import made_views


def lived(network: nn.Module) -> nn.Module:
    """With norms that have statistics, scales and shifts of their own, in evaluation mode."""
    draw = torch.Generator().manual_seed(0)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
            norm.running_mean.normal_(0, 0.5, generator=draw)
            norm.running_var.uniform_(0.2, 3, generator=draw)
            if norm.affine:
                norm.weight.data.uniform_(-1.5, 1.5, generator=draw)
                norm.bias.data.normal_(0, 0.5, generator=draw)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(one, nn.BatchNorm2d) for one in network.modules())


class Block(nn.Module):
    """A convolution and a norm, and what a test makes of them."""

    def __init__(self, compute: Callable[[Any, Tensor], Tensor], convolution: nn.Module | None = None) -> None:
        super().__init__()
        self.convolution = convolution or nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.compute = compute

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(self, x)


class Standardised(nn.Conv2d):
    """One that normalises its weights, as timm's ``StdConv2d`` does."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight / self.weight.norm(), self.bias, padding=1)


def twice(block: Any, x: Tensor) -> Tensor:
    between = block.convolution(x)
    return block.norm(between) + between


def by_size(block: Any, x: Tensor) -> Tensor:
    return block.norm(block.convolution(x)) if x.shape[-1] > 4 else x


@torch.no_grad()
@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "tf_mobilenetv3_small_minimal_100"])
def test_a_timm_model_without_its_norms_gives_the_same(name: str) -> None:
    model = lived(TimmBackbone(name, pretrained=False))
    faces = torch.randn(2, 3, model.image_size, model.image_size, generator=torch.Generator().manual_seed(1))
    expected, before = model(faces), norms(model)
    assert fold_norms(model.model) == before > 5
    assert norms(model) == 0
    torch.testing.assert_close(model(faces), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@torch.no_grad()
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_with_and_without_bias_scale_and_groups(bias: bool, affine: bool) -> None:
    network = lived(nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1, groups=2, bias=bias), nn.BatchNorm2d(8, affine=affine)))
    x = torch.randn(2, 4, 9, 9, generator=torch.Generator().manual_seed(1))
    expected = network(x)
    assert fold_norms(network) == 1
    torch.testing.assert_close(network(x), expected)


@torch.no_grad()
@pytest.mark.parametrize(
    ("compute", "convolution"),
    [
        (twice, None),
        (by_size, None),
        (lambda block, x: block.convolution(block.norm(x)), None),
        (lambda block, x: block.norm(block.convolution(x).relu()), None),
        (lambda block, x: block.norm(block.convolution(block.convolution(x))), None),
        (lambda block, x: block.norm(block.norm(block.convolution(x))), None),
        (lambda block, x: block.norm(block.convolution(x)) * block.convolution.weight.sum(), None),
        (lambda block, x: block.norm(block.convolution(x)) * block.norm.weight.sum(), None),
        (lambda block, x: block.norm(block.convolution(x)), Standardised(3, 3, 3)),
        (lambda block, x: block.norm(block.convolution(x)), nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1))),
    ],
    ids=["read twice", "by size", "norm first", "relu between", "convolved twice", "normalised twice", "weights read",
         "scale read", "standardised", "parametrised"],
)  # fmt: skip
def test_where_the_norm_is_not_all_that_sees_the_convolution_nothing_changes(
    compute: Callable[[Any, Tensor], Tensor], convolution: nn.Module | None
) -> None:
    network = lived(Block(compute, copy.deepcopy(convolution)))
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = network(x)
    assert fold_norms(network) == 0
    assert torch.equal(network(x), expected)


def test_a_network_that_learns_or_has_hooks_or_norms_of_each_batch_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    assert fold_norms(network.train()) == 0
    hook = network.eval()[0].register_forward_hook(lambda *_: None)
    assert fold_norms(network) == 0
    hook.remove()
    assert fold_norms(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)).eval()) == 0
    assert fold_norms(network) == 1


@torch.no_grad()
@pytest.mark.parametrize("variance", [0.0, float("nan"), float("inf"), 1e-30])
def test_a_scale_that_half_precision_does_not_hold_stays_apart(variance: float) -> None:
    network = lived(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)))
    network[1].running_var[2] = variance
    before = copy.deepcopy(network)
    folded = fold_norms(network)
    assert folded == (2 if variance == float("inf") else 1)  # of an infinite variance the scale is 0
    if folded == 1:
        assert torch.equal(network[0].weight, before[0].weight)
        x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(network(x), before(x), equal_nan=True)


@torch.no_grad()
def test_another_convolution_with_the_same_weights_keeps_them() -> None:
    network = Block(lambda block, x: block.norm(block.convolution(x)) + block.other(x))
    network.other = nn.Conv2d(3, 3, 3, padding=1)
    network.other.weight = network.convolution.weight
    lived(network)
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = network(x)
    assert fold_norms(network) == 1
    torch.testing.assert_close(network(x), expected)


@dataclass
class Maps:
    """What some networks return in place of a tensor."""

    before: Tensor
    after: Tensor


def as_maps(block: Any, x: Tensor) -> Any:
    between = block.convolution(x)
    return Maps(between, block.norm(between))


def by_statistics(block: Any, x: Tensor) -> Tensor:
    return block.norm(block.convolution(x)) - block.norm.running_mean.mean()


@torch.no_grad()
def test_where_the_network_gives_what_cannot_be_looked_through_nothing_is_folded() -> None:
    network = lived(Block(as_maps))
    assert fold_norms(network) == 0
    assert isinstance(network(torch.zeros(1, 3, 8, 8)), Maps)


@torch.no_grad()
def test_a_network_that_reads_a_norms_statistics_itself_stays_as_it_is() -> None:
    network = Block(by_statistics)
    network.norm = nn.BatchNorm2d(3, affine=False)
    lived(network)
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = network(x)
    assert fold_norms(network) == 0
    assert torch.equal(network(x), expected)


def kept_between_calls(block: Any, x: Tensor) -> Tensor:
    if block.grid is None:
        block.grid = torch.zeros_like(x)
        block.calls = block.calls + 1
    return block.norm(block.convolution(x + block.grid))


@torch.no_grad()
def test_what_a_network_keeps_from_its_first_call_is_not_of_the_one_that_looks_it_through() -> None:
    network = lived(Block(kept_between_calls))
    network.register_buffer("grid", None, persistent=False)
    network.calls = 0
    assert fold_norms(network) == 1
    assert network.grid is None
    assert network.calls == 0
    assert type(network(torch.zeros(1, 3, 8, 8))) is Tensor


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_it_is_as_near_to_the_whole_as_before(dtype: torch.dtype) -> None:
    model = lived(TimmBackbone("test_efficientnet", pretrained=False))
    faces = torch.randn(4, 3, model.image_size, model.image_size, generator=torch.Generator().manual_seed(1))
    expected, errors = model(faces), []
    for _ in range(2):
        with torch.autocast("cpu", dtype=dtype):
            errors.append(float((model(faces).float() - expected).abs().mean()))
        fold_norms(model.model)
    assert 0 < errors[1] < 1.5 * errors[0]


@torch.no_grad()
def test_a_folded_network_can_be_copied_and_pickled() -> None:
    network = TimmBackbone("test_efficientnet", pretrained=False).eval()
    fold_norms(network.model)
    faces = torch.randn(1, 3, network.image_size, network.image_size)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(faces), network(faces))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = create("rr", backbone="test_efficientnet", pretrained=False, seed=0)
    lived(model)
    model.save(tmp_path / "rr_stage1_final.pt")
    return tmp_path / "rr_stage1_final.pt"


@torch.no_grad()
def test_loaded_to_judge_a_specialist_has_no_norms_and_says_the_same(saved: Path) -> None:
    whole, judge = dfcore.load(saved), load_to_judge(saved)[0]
    assert norms(whole) > 5
    assert norms(judge.backbone) == 0
    apart, state = load_to_judge(saved, fold=False)[0], whole.state_dict()
    assert state.keys() == apart.state_dict().keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in apart.state_dict().items())
    views = made_views(whole.spec, 3, image_size=whole.image_size)
    torch.testing.assert_close(judge(views).logits, whole(views).logits, rtol=1e-4, atol=1e-5)
    assert torch.equal(judge(views).logits, load_to_judge(saved)[0](views).logits)


def test_what_was_loaded_to_judge_is_neither_trained_nor_saved(saved: Path, tmp_path: Path) -> None:
    judge = load_to_judge(saved)[0]
    with pytest.raises(ModelError, match="was loaded to judge"):
        judge.train()
    assert not any(one.training for one in judge.modules())
    judge.eval()
    for name in ("a.pt", "a.zip"):
        with pytest.raises(ModelError, match="was loaded to judge"):
            judge.save(tmp_path / name)
    assert sorted(tmp_path.iterdir()) == [saved]


def test_a_backbone_says_in_which_part_its_norms_may_be_folded(saved: Path) -> None:
    for part, folded in ((None, False), ("", True), ("1", True), ("0", False)):
        model: Specialist = dfcore.load(saved)
        model.backbone = nn.Sequential(nn.Identity(), nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))).eval()
        if part is not None:
            model.backbone.foldable = part
        assert (model.fold_norms() == 1) == folded == model.only_judges


class OwnForward(TimmBackbone):
    """A backbone that calls its network's layers itself."""

    def forward(self, face: Tensor) -> Tensor:
        return super().forward(face) + self.model.conv_stem(face).mean()


class SaysSo(OwnForward):
    foldable = "model"


@pytest.mark.parametrize(("kind", "folded"), [(OwnForward, False), (SaysSo, True)])
def test_a_class_with_a_forward_of_its_own_must_say_it_anew(
    saved: Path, kind: type[TimmBackbone], folded: bool
) -> None:
    model = dfcore.load(saved)
    model.backbone = kind("test_efficientnet", pretrained=False).eval()
    assert (model.fold_norms() > 0) == folded


def test_a_part_that_the_backbone_does_not_have_is_the_plugins_fault(saved: Path) -> None:
    model = dfcore.load(saved)
    model.backbone.foldable = "trunk"
    with pytest.raises(PluginError, match=r"foldable = 'trunk'.*no such part"):
        model.fold_norms()
