"""Dense landmarks of faces: the network that dfcore carries, and which one a plan's detector asks for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.faces.dense.align import cut_square, face_square
from dfcore.data.faces.dense.graph import INPUT, landmark_model, normalised
from dfcore.data.faces.dense.points import POINTS
from dfcore.data.faces.session import open_session
from dfcore.data.protocols import FaceDetector, LocatesLandmarks
from dfcore.errors import DataError, PluginError
from dfcore.plugins.calls import plugin_code

__all__ = ["WEIGHTS", "DenseLandmarks", "landmarks_of"]

WEIGHTS = Path(__file__).with_name("landmarks.safetensors")
"""The network's weights; ``NOTICE.md`` beside them says where they come from."""
_BATCH = 8
"""Faces that go through the network at once. Always as many, filled up with black: sums of floats round differently for
other numbers, and a face must come out the same whichever clips it is asked with."""

Floats = NDArray[np.floating[Any]]


class DenseLandmarks:
    """Ninety-five points of a face, by a small network on the CPU (:mod:`dfcore.data.faces.dense.graph`), through
    onnxruntime.

    Opened when it is first used; about 0.3 ms a face on one core, in batches.

    Args:
        weights: the network's weights; None takes those that dfcore carries.
    """

    def __init__(self, weights: Path | None = None) -> None:
        self.weights = weights or WEIGHTS
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}

    def locate(self, images: Sequence[NDArray[np.uint8]], five: Floats) -> NDArray[np.float32]:
        """The points of one face in each image, float32 ``[n, 95, 2]``, in the image's pixels.

        Args:
            images: n upright luma images uint8 ``[H, W]``.
            five: the detector's five points of the face in each, ``[n, 5, 2]``.

        Raises:
            DataError: the weights cannot be read.
        """
        if self._session is None:
            self._session = _open(self.weights)
        squares = [face_square(np.asarray(points, np.float64)) for points in five]
        found = np.empty((len(squares), POINTS, 2), np.float32)
        for first in range(0, len(squares), _BATCH):
            rows = range(first, min(first + _BATCH, len(squares)))
            cut = np.zeros((_BATCH, INPUT, INPUT), np.uint8)
            for place, row in enumerate(rows):
                cut[place] = cut_square(images[row], squares[row], INPUT)
            inside = self._session.run(None, {"squares": normalised(cut)})[0].reshape(_BATCH, POINTS, 2)
            for row, points in zip(rows, inside[: len(rows)], strict=True):
                found[row] = squares[row].to_image(points)
        return found


def _open(path: Path) -> Any:
    from safetensors.numpy import load_file

    try:
        return open_session(landmark_model(load_file(path), _BATCH), threads=1)
    except DataError:
        raise
    except Exception as error:  # safetensors and onnxruntime raise classes of their own
        raise DataError(f"the landmark network's weights {path} cannot be used: {error} Reinstall dfcore.") from error


@cache
def _own() -> DenseLandmarks:
    return DenseLandmarks()


def landmarks_of(detector: FaceDetector, images: Sequence[NDArray[np.uint8]], five: Floats) -> NDArray[np.float32]:
    """Dense landmarks by the detector itself where it has :meth:`LocatesLandmarks.locate`, else by dfcore's network.

    Args:
        detector: that found the faces.
        images: n upright luma images.
        five: the five points of the face in each, ``[n, 5, 2]``.

    Raises:
        PluginError: the detector's own ones are not float ``[n, 95, 2]``, all finite.
        DataError: the weights cannot be read.
    """
    if not isinstance(detector, LocatesLandmarks):
        return _own().locate(images, five)
    with plugin_code("the face detector's dense landmarks", type(detector)):
        found = np.asarray(detector.locate(images, five))
    expected = (len(images), POINTS, 2)
    if found.shape != expected or not np.issubdtype(found.dtype, np.floating) or not np.isfinite(found).all():
        raise PluginError(
            f"the face detector's `locate` ({type(detector).__name__}) must return float {list(expected)}, all finite; "
            f"it returned {found.dtype} {list(found.shape)}. Its plugin needs repair."
        )
    return found.astype(np.float32)
