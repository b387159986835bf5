"""What cannot be exported is said with the operator, and what to write in its place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dfcore.models.export.convert import reason_of

BATCH = torch.export.Dim("batch", min=1, max=64)


class ByLength(nn.Module):
    """Takes the size of the batch as a number."""

    def forward(self, values: Tensor) -> Tensor:
        return values.reshape(len(values) * 2, -1)


class ByValue(nn.Module):
    """Its shapes depend on the values."""

    def forward(self, values: Tensor) -> Tensor:
        return values * 2 if values.sum() > 0 else values


class Factors(nn.Module):
    """An operator without any form."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.linalg.qr(values).R


def traced(module: nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(module, (torch.ones(3, 4, 4),), dynamic_shapes=(({0: BATCH}),), strict=False)


def test_a_fixed_size_of_batch_is_said_with_what_to_write() -> None:
    with pytest.raises(Exception, match="batch") as raised:
        traced(ByLength())
    assert "write view.shape[0]" in reason_of(raised.value)


def test_what_cannot_be_traced_is_said_in_pytorchs_words() -> None:
    with pytest.raises(Exception, match="data-dependent") as raised:
        traced(ByValue())
    assert "data-dependent" in reason_of(raised.value)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_operator_without_a_form_is_named() -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(Exception, match="qr") as raised:
        torch.onnx.export(traced(Factors()), dynamo=True, verbose=False)
    assert "the operator aten.linalg_qr.default has no ONNX form" in reason_of(raised.value)
