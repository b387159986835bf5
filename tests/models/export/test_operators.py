"""Operators that PyTorch's exporter has no ONNX form for are exported by ours, and give PyTorch's values."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

BATCH = torch.export.Dim("batch", min=1, max=64)


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

    def forward(self, values: Tensor) -> tuple[Tensor, ...]:
        return tuple(form(values) for form in FORMS.values())


def draw(batch: int) -> Tensor:
    return torch.randn(batch, 6, 12, generator=torch.Generator().manual_seed(batch))


def exported(module: nn.Module) -> Any:
    from dfcore.models.export.operators import translations

    traced = torch.export.export(module.eval(), (draw(3),), dynamic_shapes=(({0: BATCH}),), strict=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.onnx.export(
            traced, dynamo=True, opset_version=18, custom_translation_table=translations(), verbose=False
        )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    logging.disable(logging.WARNING)
    path: Path = tmp_path_factory.mktemp("onnx") / "all.onnx"
    exported(All()).save(str(path))
    logging.disable(logging.NOTSET)
    return onnxruntime.InferenceSession(str(path))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_each_form_gives_pytorchs_values_for_every_size_of_a_batch(session: Any, batch: int) -> None:
    values = draw(batch)
    found = session.run(None, {session.get_inputs()[0].name: values.numpy()})
    for (name, form), theirs in zip(FORMS.items(), found, strict=True):
        ours = form(values)
        assert ours.shape == theirs.shape, name
        assert torch.allclose(ours, torch.from_numpy(theirs), rtol=1e-4, atol=1e-5), name


class Upper(nn.Module):
    """An operator in a way that has no form."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.linalg.cholesky_ex(gram(values), upper=True).L


def test_a_way_of_an_operator_without_a_form_is_no_wrong_file() -> None:
    with pytest.raises(Exception, match="upper triangle") as raised:
        exported(Upper())
    assert "linalg_cholesky_ex" in str(raised.value)
