"""Stand-ins that worker processes can import: a face detector without a network, and evidence extractors."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dfcore.data.clips import Clip
from dfcore.data.media import probe
from dfcore.data.protocols import Face, Footage
from dfcore.errors import MediaError

BOX = (0.3, 0.25, 0.7, 0.75)
POINTS = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.65), (0.58, 0.65))


class FixedFace:
    """One face, always at the same place of the upright image."""

    box = BOX

    def detect(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        x0, y0, x1, y1 = self.box
        points = tuple((x * width, y * height) for x, y in POINTS)
        return [Face((x0 * width, y0 * height, x1 * width, y1 * height), 0.9, points)]


class WanderingFace(FixedFace):
    """One face whose place depends on the image, a little: what is looked at shows in every track."""

    def detect(self, image: np.ndarray) -> list[Face]:
        shift = float(image[::7, ::5].astype(np.int64).sum() % 97) / 97 * 0.06
        self.box = tuple(value + shift for value in BOX)
        return super().detect(image)


class LocatingFace(FixedFace):
    """One with dense landmarks of its own: the middle of the detector's points, the 95 in a row to the right of it; the
    first lies as far below as the image is bright.
    """

    def locate(self, images: Sequence[np.ndarray], five: np.ndarray) -> np.ndarray:
        found = np.repeat(five.mean(axis=1, keepdims=True), 95, axis=1)
        found[:, :, 0] += np.arange(95) / 10
        found[:, 0, 1] += [image.mean() / 10 for image in images]
        return found


class ShortOfPoints(FixedFace):
    def locate(self, images: Sequence[np.ndarray], five: np.ndarray) -> np.ndarray:
        return five


class ActsUp(FixedFace):
    """Does by the image's width what decoders do on odd files."""

    def detect(self, image: np.ndarray) -> list[Face]:
        width = image.shape[1]
        if width == 208:
            os.kill(os.getpid(), signal.SIGSEGV)
        if width == 224:
            time.sleep(600)
        if width == 240:
            held = []
            while True:
                held.append(np.ones(8 * 2**20))
        if width == 256:
            os.kill(os.getpid(), signal.SIGKILL)
        if width == 288:
            while True:
                pass
        if width == 272:
            raise ZeroDivisionError("a bug")
        return super().detect(image)


class TinyFace(FixedFace):
    box = (0.5, 0.5, 0.56, 0.58)


class NoFace:
    def detect(self, image: np.ndarray) -> list[Face]:
        return []


class TwoFaces:
    """A large face on the left, a smaller one on the right."""

    def detect(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]

        def face(x0: float, x1: float, y0: float, y1: float) -> Face:
            middle = ((x0 + x1) / 2 * width, (y0 + y1) / 2 * height)
            return Face((x0 * width, y0 * height, x1 * width, y1 * height), 0.9, (middle,) * 5)

        return [face(0.7, 0.9, 0.3, 0.6), face(0.05, 0.45, 0.1, 0.8)]


class BriefFace(FixedFace):
    """Seen once, on the first image that it is given, then never again."""

    def __init__(self) -> None:
        self.seen = False

    def detect(self, image: np.ndarray) -> list[Face]:
        if self.seen:
            return []
        self.seen = True
        return super().detect(image)


def block_means(clip: Clip) -> np.ndarray:
    """[T, 2, h, w]: each block's mean luma, and 100 more."""
    frames, height, width = clip.y.shape
    means = clip.y.reshape(frames, height // 16, 16, width // 16, 16).mean(axis=(2, 4))
    return np.stack([means, means + 100], axis=1).astype(np.float16)


def wrong_shape(clip: Clip) -> np.ndarray:
    return np.zeros((1, 2, 3), np.float16)


def too_wide(clip: Clip) -> np.ndarray:
    return block_means(clip).astype(np.float32)


def not_finite(clip: Clip) -> np.ndarray:
    values = block_means(clip)
    values[0, 0, 0, 0], values[0, 1, 0, 0] = np.nan, np.inf
    return values


def no_array(clip: Clip) -> object:
    return block_means(clip).tolist()


def stacks_nothing(clip: Clip) -> np.ndarray:
    return np.stack([])


def reads_all_but_p0(path: Path, frames: bool) -> object:
    if path.name == "p0.png":
        os.kill(os.getpid(), signal.SIGSEGV)
    return probe(path)


def no_memory_on_b(clip: Clip) -> np.ndarray:
    if clip.source.video == "b":
        raise MemoryError
    return block_means(clip)


def crashes_on_b(clip: Clip) -> np.ndarray:
    if clip.source.video == "b":
        os.kill(os.getpid(), signal.SIGSEGV)
    return block_means(clip)


def dies_once_on_b(clip: Clip) -> np.ndarray:
    """Where the environment's MARK is no file yet, it becomes one and the process is killed."""
    mark = Path(os.environ["MARK"])
    if clip.source.video == "b" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return block_means(clip)


def refuses_b(clip: Clip) -> np.ndarray:
    if clip.source.video == "b":
        raise MediaError("b: refused for the test.")
    return block_means(clip)


def fails_on_b(clip: Clip) -> np.ndarray:
    if clip.source.video == "b":
        raise ZeroDivisionError("on b")
    return block_means(clip)


def dies_on_b(clip: Clip) -> np.ndarray:
    if clip.source.video == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return block_means(clip)


def interrupted_on_b(clip: Clip) -> np.ndarray:
    if clip.source.video == "b":
        raise KeyboardInterrupt
    return block_means(clip)


def frozen(_: object) -> int:
    """Objects that this process's garbage collector does not look at any more."""
    return gc.get_freeze_count()


def square(number: int) -> int:
    return number * number


def dies_on_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def is_terminated_on_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGTERM)
    return number


def raises_on_three(number: int) -> int:
    if number == 3:
        raise MediaError("three")
    return number


def thread_setting(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


class DarkFace:
    """A pseudo-fake: the face's box is black, or one random grey."""

    kinds = ("black", "grey")

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        y = footage.y.copy()
        level = 16 if kind == "black" else int(rng.integers(100, 140))
        for frame, box in zip(y, footage.boxes.round().astype(int), strict=True):
            frame[box[1] : box[3], box[0] : box[2]] = level
        return footage, replace(footage, y=y)


def hangs_on_b(clip: Clip) -> np.ndarray:
    while clip.source.video == "b":
        pass
    return block_means(clip)


def eats_on_b(clip: Clip) -> np.ndarray:
    held = []
    while clip.source.video == "b":
        held.append(np.ones(8 * 2**20))
    return block_means(clip)
