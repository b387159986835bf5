"""The landmark network as an ONNX graph, made from its weights when it is opened.

Where clips are cut onnxruntime is there already, for the face detector; importing torch would take that process longer
than a short video's decoding. Each batch norm is folded into the convolution before it, so that what is left are
convolutions with a bias, as they are in the file for nobody to fold at each start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.faces.dense.points import POINTS
from dfcore.data.faces.protobuf import BYTES, FLOAT, VARINT, field, to_varint, value_info

__all__ = ["BLOCKS", "INPUT", "landmark_model", "normalised"]

INPUT = 96
"""Side of the square in pixels."""
BLOCKS = ((48, 2), (48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1))
"""Channels and stride of each block."""
_EPSILON = 1e-5
"""Of the batch norms, as torch has it."""
_IR_VERSION, _OPSET = 8, 13
_INT, _INTS = 2, 7
"""Types of attributes in ``onnx.proto``."""

Floats = NDArray[np.floating[Any]]


def normalised(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luma ``[n, 96, 96]`` of any brightness as the network reads it, float32 ``[n, 1, 96, 96]``."""
    values = squares[:, None].astype(np.float64)
    deviation = values.std(axis=(1, 2, 3), ddof=1, keepdims=True)
    return ((values - values.mean(axis=(1, 2, 3), keepdims=True)) / (deviation + 4.0)).astype(np.float32)


def landmark_model(weights: Mapping[str, Floats], batch: int) -> bytes:
    """The serialised network: float32 ``[batch, 1, 96, 96]`` in, ``[batch, 190]`` out, in 0..1 of the square.

    Args:
        weights: by the names of :class:`dfcore.data.faces.dense.network.LandmarkNetwork`'s state dict.
        batch: squares that are given at once.

    Raises:
        KeyError, ValueError: they are those of another network.
    """
    graph = _Graph("squares", weights)
    graph.convolution("features.0", "features.1", side=3, stride=2)
    for number, (_, stride) in enumerate(BLOCKS):
        first = 3 + 6 * number
        graph.convolution(f"features.{first}", f"features.{first + 1}", side=3, stride=stride, separate=True)
        graph.convolution(f"features.{first + 3}", f"features.{first + 4}")
    graph.convolution(f"features.{3 + 6 * len(BLOCKS)}")
    graph.flatten()
    graph.linear("head.0")
    graph.add("Relu")
    graph.linear("head.2")
    graph.add("MatMul", graph.weight("basis", graph.width, 2 * POINTS))
    graph.add("Add", graph.weight("mean", POINTS, 2).reshape(1, -1))
    return graph.serialised((batch, 1, INPUT, INPUT))


class _Graph:
    """A chain of operators, each fed by the last.

    What does not fit is found here: onnxruntime says so when faces are given, or computes something else.
    """

    def __init__(self, source: str, weights: Mapping[str, Floats]) -> None:
        self._source = self._last = source
        self._weights, self._count = weights, 0
        self.width, self._side = 1, INPUT
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []

    def weight(self, name: str, *shape: int) -> Floats:
        """One of the weights; a size of 0 is any.

        Raises:
            KeyError, ValueError: there is none of that shape, or its values are not finite.
        """
        found = np.asarray(self._weights[name], np.float64)
        wanted = tuple(size or own for size, own in zip(shape, found.shape, strict=False))
        if found.shape != wanted or len(wanted) != len(shape) or not found.size:
            raise ValueError(f"its {name} is {list(found.shape)}, not {[size or 'any' for size in shape]}.")
        if not np.isfinite(found).all():
            raise ValueError(f"its {name} has values that are not finite numbers.")
        return found

    def convolution(self, name: str, norm: str = "", side: int = 1, stride: int = 1, separate: bool = False) -> None:
        """A convolution with what a batch norm does behind it, and a ReLU; ``separate``: each channel by itself."""
        shape = (self.width, 1) if separate else (0, self.width)
        weight = self.weight(f"{name}.weight", *shape, side, side)
        self.width, self._side = len(weight), -(-self._side // stride)
        if norm:
            scale, shift, mean, variance = (
                self.weight(f"{norm}.{part}", self.width) for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = scale / np.sqrt(variance + _EPSILON)
            weight, bias = weight * factor[:, None, None, None], shift - mean * factor
        else:
            bias = self.weight(f"{name}.bias", self.width)
        self.add(
            "Conv",
            weight,
            bias,
            kernel_shape=(side, side),
            strides=(stride, stride),
            pads=(side // 2,) * 4,
            group=len(weight) if separate else 1,
        )
        self.add("Relu")

    def flatten(self) -> None:
        """The map as a row of numbers."""
        self.width *= self._side**2
        self.add("Flatten")

    def linear(self, name: str) -> None:
        """A linear layer."""
        weight = self.weight(f"{name}.weight", 0, self.width)
        self.width = len(weight)
        self.add("Gemm", weight, self.weight(f"{name}.bias", self.width), transB=1)

    def add(self, operator: str, *tensors: Floats, **attributes: int | tuple[int, ...]) -> None:
        """One operator on the last one's result and some constants."""
        self._count += 1
        inputs = [self._last]
        for place, tensor in enumerate(tensors):
            inputs.append(f"w{self._count}_{place}")
            self._tensors.append(_tensor(inputs[-1], tensor))
        self._last = f"x{self._count}"
        parts = [field(1, BYTES, one.encode()) for one in inputs]
        parts += [field(2, BYTES, self._last.encode()), field(4, BYTES, operator.encode())]
        parts += [field(5, BYTES, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(b"".join(parts))

    def serialised(self, shape: tuple[int, ...]) -> bytes:
        """The whole as a ``ModelProto``."""
        graph = b"".join(field(1, BYTES, node) for node in self._nodes)
        graph += field(2, BYTES, b"landmarks")
        graph += b"".join(field(5, BYTES, tensor) for tensor in self._tensors)
        graph += field(11, BYTES, value_info(self._source.encode(), shape))
        graph += field(12, BYTES, value_info(self._last.encode(), None))
        version = field(8, BYTES, field(2, VARINT, to_varint(_OPSET)))
        return field(1, VARINT, to_varint(_IR_VERSION)) + version + field(7, BYTES, graph)


def _tensor(name: str, values: Floats) -> bytes:
    """A ``TensorProto`` of float32."""
    content = np.ascontiguousarray(values, np.float32)
    parts = [field(1, VARINT, to_varint(size)) for size in content.shape]
    parts += [field(2, VARINT, to_varint(FLOAT)), field(8, BYTES, name.encode()), field(9, BYTES, content.tobytes())]
    return b"".join(parts)


def _attribute(name: str, value: int | tuple[int, ...]) -> bytes:
    """An ``AttributeProto``: a whole number from 0, or several."""
    several = isinstance(value, tuple)
    numbers = value if isinstance(value, tuple) else (value,)
    parts = [field(1, BYTES, name.encode())]
    parts += [field(8 if several else 3, VARINT, to_varint(number)) for number in numbers]
    return b"".join(parts) + field(20, VARINT, to_varint(_INTS if several else _INT))
