"""Protobuf messages read and written field by field: enough for ONNX files, without the package ``onnx``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["BYTES", "FLOAT", "VARINT", "field", "fields", "text", "to_varint", "value_info"]

FLOAT = 1
"""The element type float32 in ``onnx.proto``."""
VARINT, BYTES = 0, 2
_FIXED64, _FIXED32 = 1, 5


def fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The fields of a message: number, wire type, raw value (without the length of a ``bytes`` field).

    Raises:
        IndexError, ValueError: it is no message.
    """
    position = 0
    while position < len(message):
        key, position = _from_varint(message, position)
        kind = key & 7
        if kind == VARINT:
            _, end = _from_varint(message, position)
        elif kind == BYTES:
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


def field(number: int, kind: int, value: bytes) -> bytes:
    """One field: its number, wire type and raw value."""
    length = to_varint(len(value)) if kind == BYTES else b""
    return to_varint(number << 3 | kind) + length + value


def text(message: bytes, number: int) -> bytes:
    """The first field of that number.

    Raises:
        StopIteration: there is none.
    """
    return next(value for found, _, value in fields(message) if found == number)


def value_info(name: bytes, shape: Sequence[int | str] | None) -> bytes:
    """A ``ValueInfoProto``: name, element type float, and the shape unless it is to be inferred.

    A string in ``shape`` names a free dimension.
    """
    tensor = field(1, VARINT, to_varint(FLOAT))
    if shape is not None:
        sizes = (
            field(2, BYTES, size.encode()) if isinstance(size, str) else field(1, VARINT, to_varint(size))
            for size in shape
        )
        tensor += field(2, BYTES, b"".join(field(1, BYTES, size) for size in sizes))
    return field(1, BYTES, name) + field(2, BYTES, field(1, BYTES, tensor))


def _from_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def to_varint(value: int) -> bytes:
    """A number from 0 as protobuf has it."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
