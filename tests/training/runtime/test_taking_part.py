"""Processes exchange gradients without a search for unused parameters, whatever a batch leaves unused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.models.factory import create
from dfcore.models.protocols import SpecialistOutput
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.taking_part import TakingPart, may_be_left_out

SCRIPT = Path(__file__).parents[2] / "helpers" / "left_out.py"
CPU = torch.device("cpu")


@pytest.mark.slow
def test_two_processes_that_use_different_branches_get_the_mean_gradient_and_no_warning(tmp_path: Path) -> None:
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "find_unused_parameters" not in done.stderr
    for rank in (0, 1):
        found = json.loads((tmp_path / f"rank{rank}.json").read_text())
        for together, alone in zip(found["together"], found["alone"], strict=True):
            for name, gradient in together.items():
                if name.startswith("fourth"):
                    assert gradient is None
                else:
                    assert torch.allclose(torch.tensor(gradient), torch.tensor(alone[name])), name


def test_a_backbone_is_used_whole_and_the_rest_is_held() -> None:
    model = create("cm", backbone="test_efficientnet", pretrained=False).train()
    running = {name: one.clone() for name, one in model.named_buffers()}
    held = {id(one) for one in may_be_left_out(model, CPU)}
    inside = {id(one) for one in model.backbone.parameters()}
    assert not held & inside
    assert held == {id(one) for one in model.parameters()} - inside
    assert all(torch.equal(one, running[name]) for name, one in model.named_buffers())
    assert all(one.grad is None for one in model.parameters())
    assert all(module.training for module in model.modules())


def test_what_a_backbone_never_uses_is_held() -> None:
    backbone = TimmBackbone("test_efficientnet", pretrained=False)
    backbone.model.spare = nn.Linear(2, 2)
    frozen = next(backbone.model.conv_stem.parameters())
    frozen.requires_grad_(False)
    holder = nn.Module()
    holder.backbone = backbone
    held = may_be_left_out(holder, CPU)
    assert {id(one) for one in held} == {id(one) for one in (*backbone.model.spare.parameters(), frozen)}


def test_the_value_of_the_loss_stays_and_unused_parameters_get_zeros() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.full((3, 2), 5.0))

        def forward(self, views: dict[str, torch.Tensor], labels: torch.Tensor | None = None) -> SpecialistOutput:
            value = (self.used * views["face"]).sum()
            return SpecialistOutput(value, value, value, value, torch.tensor(0.25))

    model = Half()
    whole = TakingPart(model, model.parameters())
    output = whole({"face": torch.tensor([3.0, 4.0])})
    assert output.auxiliary.item() == 0.25
    (output.logits + output.auxiliary).backward()
    assert model.used.grad is not None
    assert model.used.grad.tolist() == [3.0, 4.0]
    assert model.unused.grad is not None
    assert model.unused.grad.tolist() == [[0.0, 0.0]] * 3
    with torch.no_grad():
        assert not whole({"face": torch.ones(2)}).auxiliary.requires_grad


def test_one_process_alone_trains_the_model_itself() -> None:
    model = nn.Linear(1, 1)
    assert World().wrap(model, CPU) is model
