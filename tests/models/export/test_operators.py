"""Operators that PyTorch's exporter has no ONNX form for are exported by ours, and give PyTorch's values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.export.convert import export_module, save_onnx

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


def gram(values: Tensor) -> Tensor:
    """Positive definite matrices ``[B, P, P]`` of ``[B, P, n]``; of n below P hardly so."""
    return values @ values.mT + 0.02 * torch.eye(values.shape[1])


def cross(first: Tensor, second: Tensor) -> Tensor:
    return torch.fft.rfft(first, dim=1) * torch.fft.rfft(second, dim=1).conj()


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "solve_ex": lambda x: torch.linalg.solve_ex(gram(x), x).result,
    "solve_ex of a vector": lambda x: torch.linalg.solve_ex(gram(x), x[:, :, 0]).result,
    "cholesky_ex": lambda x: torch.linalg.cholesky_ex(gram(x[:, :, :4])).L,
    "solve_triangular": lambda x: torch.linalg.solve_triangular(gram(x).tril(), x, upper=False),
    "median of an even number": lambda x: x.median(-1).values,
    "median of an odd number, and its place": lambda x: x[:, :3].median(1, keepdim=True).indices.float(),
    "median kept": lambda x: x.median(1, keepdim=True).values,
    "cummax": lambda x: x.cummax(-1).values,
    "hypot": lambda x: torch.hypot(x, x - 1),
    "cdist": lambda x: torch.cdist(x, x[:, :3]),
    "rfft": lambda x: torch.fft.rfft(x, n=16).abs(),
    "rfft2": lambda x: torch.fft.rfft2(x, s=(8, 16)).abs(),
    "mean of complex numbers": lambda x: cross(x, x.flip(2)).mean(1).abs(),
    "antialiased resize": lambda x: F.interpolate(x[:, None], size=(3, 7), mode="bilinear", antialias=True),
}


class All(nn.Module):
    """Each of :data:`FORMS`."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        return tuple(form(*given) for form in FORMS.values())


def draw(batch: int) -> Tensor:
    return torch.randn(batch, 6, 12, generator=torch.Generator().manual_seed(batch))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("onnx") / "all.onnx"
    save_onnx(export_module(All().eval(), (draw(3),), ["values"], list(FORMS)), path)
    return onnxruntime.InferenceSession(str(path))


def test_the_size_of_the_batch_is_free_and_has_a_name(session: Any) -> None:
    (given,) = session.get_inputs()
    assert (given.name, given.shape) == ("values", ["batch", 6, 12])
    assert [one.name for one in session.get_outputs()] == list(FORMS)
    assert {one.shape[0] for one in session.get_outputs()} == {"batch"}


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_each_form_gives_pytorchs_values_for_every_size_of_a_batch(session: Any, batch: int) -> None:
    values = draw(batch)
    found = session.run(None, {"values": values.numpy()})
    for (name, form), theirs in zip(FORMS.items(), found, strict=True):
        ours = form(values)
        assert ours.shape == theirs.shape, name
        assert torch.allclose(ours, torch.from_numpy(theirs), rtol=1e-4, atol=1e-5), name


class Upper(nn.Module):
    """An operator in a way that has no form."""

    def forward(self, *given: Tensor) -> Tensor:
        return torch.linalg.cholesky_ex(gram(*given), upper=True).L


def test_a_way_of_an_operator_without_a_form_is_no_wrong_file() -> None:
    with pytest.raises(Exception, match="upper triangle") as raised:
        export_module(Upper().eval(), (draw(3),), ["values"], ["found"])
    assert "linalg_cholesky_ex" in str(raised.value)
