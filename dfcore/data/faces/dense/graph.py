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
    graph.convolution("features.0", "features.1", stride=2)
    for number, (_, stride) in enumerate(BLOCKS):
        first = 3 + 6 * number
        graph.convolution(f"features.{first}", f"features.{first + 1}", stride=stride, separate=True)
        graph.convolution(f"features.{first + 3}", f"features.{first + 4}")
    graph.convolution(f"features.{3 + 6 * len(BLOCKS)}")
    graph.add("Flatten")
    graph.linear("head.0")
    graph.add("Relu")
    graph.linear("head.2")
    basis, mean = np.asarray(weights["basis"]), np.asarray(weights["mean"])
    if basis.shape[1:] != (2 * POINTS,) or mean.shape != (POINTS, 2):
        raise ValueError(f"it gives {list(mean.shape)}, not {POINTS} points")
    graph.add("MatMul", basis)
    graph.add("Add", mean.reshape(1, -1))
    return graph.serialised((batch, 1, INPUT, INPUT))


class _Graph:
    """A chain of operators, each fed by the last."""

    def __init__(self, source: str, weights: Mapping[str, Floats]) -> None:
        self._source = self._last = source
        self._weights, self._count = weights, 0
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []

    def convolution(self, name: str, norm: str = "", stride: int = 1, separate: bool = False) -> None:
        """A convolution with what a batch norm does behind it, and a ReLU; ``separate``: each channel by itself."""
        weight = np.asarray(self._weights[f"{name}.weight"], np.float64)
        if norm:
            scale, shift, mean, variance = (
                np.asarray(self._weights[f"{norm}.{part}"], np.float64)
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = scale / np.sqrt(variance + _EPSILON)
            weight, bias = weight * factor[:, None, None, None], shift - mean * factor
        else:
            bias = np.asarray(self._weights[f"{name}.bias"], np.float64)
        side = weight.shape[2]
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

    def linear(self, name: str) -> None:
        """A linear layer."""
        self.add("Gemm", self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], transB=1)

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
