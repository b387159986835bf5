"""ONNX forms of operators that PyTorch's exporter has none for.

They are chosen while a model is exported, by the operator that PyTorch itself recorded: whoever writes a cue module
calls ``torch.linalg.solve_ex`` or ``median`` and knows nothing of ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnxscript.onnx_opset import opset18

from dfcore.models.export import elimination

__all__ = ["translations"]

op: Any = opset18  # its stubs know no value of free dtype


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For ``torch.onnx.export(custom_translation_table=...)``: each operator with its form."""
    aten = torch.ops.aten
    return {
        aten._linalg_solve_ex.default: _solve,
        aten.linalg_cholesky_ex.default: _cholesky,
        aten.linalg_solve_triangular.default: _solve_triangular,
        aten.median.dim: _median,
        aten.cummax.default: _cummax,
        aten.hypot.default: _hypot,
        aten._cdist_forward.default: _distances,
    }


def _solve(A: Any, B: Any, left: bool = True, check_errors: bool = False) -> Sequence[Any]:
    _require(left, "linalg.solve_ex of equations from the right")
    if len(B.shape) == len(A.shape):
        return (elimination.solve(A, B),)
    last = op.Constant(value_ints=[-1])
    return (op.Squeeze(elimination.solve(A, op.Unsqueeze(B, last)), last),)


def _cholesky(self: Any, upper: bool = False, check_errors: bool = False) -> Sequence[Any]:
    _require(not upper, "linalg.cholesky_ex of the upper triangle")
    return (elimination.cholesky(self),)


def _solve_triangular(self: Any, B: Any, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    _require(left and not upper and not unitriangular, "linalg.solve_triangular of other than lower triangles")
    return elimination.solve_lower(self, B)


def _median(self: Any, dim: int, keepdim: bool = False) -> Sequence[Any]:
    """The lower one of two in the middle, as PyTorch's."""
    size = self.shape[dim]
    kept = size - (size - 1) // 2
    values, places = op.TopK(self, op.Constant(value_ints=[kept]), axis=dim, largest=1, sorted=1)
    at = op.Constant(value_ints=[kept - 1]) if keepdim else op.Constant(value_int=kept - 1)
    return op.Gather(values, at, axis=dim), op.Gather(places, at, axis=dim)


def _cummax(self: Any, dim: int) -> Sequence[Any]:
    """By doubling: after the i-th step each value is the largest of its 2^i predecessors and itself."""
    size, step, found = self.shape[dim], 1, self
    axes, start = op.Constant(value_ints=[dim]), op.Constant(value_ints=[0])
    while step < size:
        first = op.Slice(found, start, op.Constant(value_ints=[step]), axes)
        before = op.Slice(found, start, op.Constant(value_ints=[size - step]), axes)
        rest = op.Slice(found, op.Constant(value_ints=[step]), op.Constant(value_ints=[size]), axes)
        found = op.Concat(first, op.Max(before, rest), axis=dim)
        step *= 2
    return (found,)


def _hypot(self: Any, other: Any) -> Any:
    """Of numbers whose squares float32 holds."""
    return op.Sqrt(op.Add(op.Mul(self, self), op.Mul(other, other)))


def _distances(x1: Any, x2: Any, p: float, compute_mode: int | None) -> Any:
    _require(p == 2, "cdist of another than the Euclidean distance")
    apart = op.Sub(op.Unsqueeze(x1, op.Constant(value_ints=[-2])), op.Unsqueeze(x2, op.Constant(value_ints=[-3])))
    return op.ReduceL2(apart, op.Constant(value_ints=[-1]), keepdims=0)


def _require(holds: bool, what: str) -> None:
    """Refuse a use of an operator that its form is not written for: ``to_onnx`` tells it as a ``ModelError``, and no
    file is left.
    """
    if not holds:
        raise ValueError(f"{what} has no form here")
