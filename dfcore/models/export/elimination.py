"""Small linear systems in ONNX's own operators. onnxscript reads the text of these functions; Python never runs them.

Each is a loop over the rows, without looking for pivots: matrices are positive definite, or triangular. It computes in
float64; of what it gives, the dtype is the matrix's.
"""

from typing import Any

import onnx
import onnxscript
from onnxscript import FLOAT
from onnxscript.onnx_opset import opset18

__all__ = ["cholesky", "solve", "solve_lower"]

op: Any = opset18  # its stubs know no value of free dtype
_OWN = onnxscript.values.Opset("dfcore", 1)
_DOUBLE = onnx.TensorProto.DOUBLE


@onnxscript.script(_OWN)
def solve(matrix: FLOAT[...], right: FLOAT[...]) -> FLOAT[...]:  # type: ignore[type-arg, misc]
    """``matrix⁻¹ right`` by Gauss-Jordan: ``[..., P, P]`` and ``[..., P, K]`` to ``[..., P, K]``."""
    size = op.Squeeze(op.Shape(matrix, start=-1))
    at = op.Reshape(op.Range(0, size, 1), op.Constant(value_ints=[-1, 1]))
    rows = op.Cast(op.Concat(matrix, right, axis=-1), to=_DOUBLE)
    for k in range(size):
        place = op.Reshape(k, op.Constant(value_ints=[1]))
        column = op.Gather(rows, place, axis=-1)
        row = op.Gather(rows, place, axis=-2)
        pivot = op.Div(row, op.Gather(row, place, axis=-1))
        rows = op.Where(op.Equal(at, k), pivot, op.Sub(rows, op.Mul(column, pivot)))
    first = op.Reshape(size, op.Constant(value_ints=[1]))
    kept = op.Slice(rows, first, op.Shape(rows, start=-1), op.Constant(value_ints=[-1]))
    return op.CastLike(kept, matrix)


@onnxscript.script(_OWN)
def cholesky(matrix: FLOAT[...]) -> FLOAT[...]:  # type: ignore[type-arg, misc]
    """The lower triangle L of ``matrix = L Lᵀ``, column by column: ``[..., P, P]`` to the same."""
    size = op.Squeeze(op.Shape(matrix, start=-1))
    down = op.Reshape(op.Range(0, size, 1), op.Constant(value_ints=[-1, 1]))
    across = op.Reshape(op.Range(0, size, 1), op.Constant(value_ints=[1, -1]))
    rest = op.Cast(matrix, to=_DOUBLE)
    lower = op.Mul(rest, op.Cast(0.0, to=_DOUBLE))
    for k in range(size):
        place = op.Reshape(k, op.Constant(value_ints=[1]))
        row = op.Gather(rest, place, axis=-2)
        root = op.Sqrt(op.Gather(row, place, axis=-1))
        column = op.Div(op.Gather(rest, place, axis=-1), root)
        lower = op.Where(op.And(op.Equal(across, k), op.GreaterOrEqual(down, k)), column, lower)
        rest = op.Sub(rest, op.Mul(column, op.Div(row, root)))
    return op.CastLike(lower, matrix)


@onnxscript.script(_OWN)
def solve_lower(matrix: FLOAT[...], right: FLOAT[...]) -> FLOAT[...]:  # type: ignore[type-arg, misc]
    """``L⁻¹ right`` of a lower triangle, downwards: ``[..., P, P]`` and ``[..., P, K]`` to ``[..., P, K]``."""
    size = op.Squeeze(op.Shape(matrix, start=-1))
    at = op.Reshape(op.Range(0, size, 1), op.Constant(value_ints=[-1, 1]))
    lower = op.Cast(matrix, to=_DOUBLE)
    rows = op.Cast(right, to=_DOUBLE)
    for k in range(size):
        place = op.Reshape(k, op.Constant(value_ints=[1]))
        column = op.Gather(lower, place, axis=-1)
        row = op.Div(op.Gather(rows, place, axis=-2), op.Gather(column, place, axis=-2))
        below = op.Where(op.Greater(at, k), op.Sub(rows, op.Mul(column, row)), rows)
        rows = op.Where(op.Equal(at, k), row, below)
    return op.CastLike(rows, matrix)
