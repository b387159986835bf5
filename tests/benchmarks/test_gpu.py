"""benchmarks/gpu.py, tried on a CPU with a tiny backbone."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("gpu", FOLDER / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gpu", module)
    spec.loader.exec_module(module)
    return module


TINY = ["--device", "cpu", "--backbone", "test_efficientnet", "--batch", "2", "--rounds", "1", "--no-compile"]


@pytest.mark.slow
def test_all_of_it_runs_on_a_cpu(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    made = ["--pairs", "1", "1", "1", "--frames", "24", "--seconds", "0.5", "--loaders", "1"]
    gpu.main([*TINY, *made, "--specialists", "cm", "tm", "--minutes", "30"])
    said = capsys.readouterr().out
    for wanted in (
        "bare",
        "cm ",
        "tm ",
        "1 loaders, batch 2, fp32: waits",
        "predict with 1 of 2",
        "predict with 2 of 2",
    ):
        assert wanted in said
    assert "not measured" not in said
    judged = [line for line in said.splitlines() if line.startswith("predict with")]
    assert all(" 0 of" not in line.split("files/s")[1] for line in judged)


def test_what_the_time_does_not_suffice_for_is_said(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main([*TINY, "--specialists", "cm", "--minutes", "0"])
    said = capsys.readouterr().out
    assert "not measured, for want of time: training steps in fp32" in said
    assert "not measured, for want of time: loaders and predict" in said
    assert "images/s" not in said


def test_operations_are_those_of_the_layers(gpu: ModuleType) -> None:
    layer = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5, bias=False))
    face = torch.randn(2, 3, 2, 2, requires_grad=True)
    assert gpu.backbone_flops(layer, face) == 3 * 2 * (2 * 12 * 5)  # forward, by the input, by the weights
