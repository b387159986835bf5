from __future__ import annotations

import pytest
import torch

from dfcore.device import Precision, choose_device, choose_precision
from dfcore.errors import ConfigError, UnknownNameError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda", 0), torch.device("mps")


def test_cpu_computes_in_fp32_and_says_why() -> None:
    chosen = choose_precision(CPU)
    assert chosen.name == "fp32"
    assert "ten times" in chosen.reason
    assert not chosen.scaled
    with chosen.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(("bf16", "name", "scaled"), [(True, "bf16", False), (False, "fp16", True)])
def test_a_gpu_computes_in_what_it_has(monkeypatch: pytest.MonkeyPatch, bf16: bool, name: str, scaled: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16 or including_emulation)
    chosen = choose_precision(CUDA)
    assert (chosen.name, chosen.scaled) == (name, scaled)
    assert chosen.reason


def test_apple_gpu_computes_in_fp32() -> None:
    assert choose_precision(MPS).name == "fp32"


def test_what_is_asked_for_is_done() -> None:
    chosen = choose_precision(CPU, "bf16")
    assert "slower" in chosen.reason
    with chosen.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert choose_precision(CPU, "fp32").reason == choose_precision(CUDA, "fp16").reason == "as asked"
    assert not chosen.scaler().is_enabled()
    assert choose_precision(CPU, "fp16").scaler().is_enabled()


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'fp16'"):
        choose_precision(CPU, "fp61")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Old GPU")
    with pytest.raises(ConfigError, match=r"Old GPU has none\. Use fp16"):
        choose_precision(CUDA, "bf16")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == CPU
    with pytest.raises(ConfigError, match="sees 0 here"):
        choose_device("cuda")
    with pytest.raises(ConfigError, match="no Apple GPU"):
        choose_device("mps")
    with pytest.raises(UnknownNameError, match="cuda"):
        choose_device("cuta")
    with monkeypatch.context() as apple:
        apple.setattr(torch.backends.mps, "is_available", lambda: True)
        assert choose_device() == choose_device("mps") == torch.device("mps")
        assert choose_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", local_rank=1) == torch.device("cuda", 1)
    assert choose_device("cuda:0", local_rank=1) == CUDA
    with pytest.raises(ConfigError, match=r"number 2.*at most 2 processes"):
        choose_device("auto", local_rank=2)


def test_fp32_autocast_changes_nothing() -> None:
    with Precision("fp32", "cpu").autocast():
        assert not torch.is_autocast_enabled("cpu")
