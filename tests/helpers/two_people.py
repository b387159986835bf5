"""A made video with two faces, a large one on the left and a smaller one on the right; fakes of it, and masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fake_parts import TwoFaces

from dfcore.data.clips.plan import ClipPlan
from dfcore.testing.media import scene, write_video

WIDTH, HEIGHT, FRAMES = 384, 288, 32
PLAN = ClipPlan(clips=2, frames=4, people=2, detector="fake_parts:TwoFaces")
LEFT, RIGHT = (1, 0)
"""Place of each face among what the detector finds; its track is the other number, for the larger is track 0."""


def box(which: int) -> tuple[int, int, int, int]:
    """A face's box in pixels."""
    found = TwoFaces().detect(np.zeros((HEIGHT, WIDTH, 3), np.uint8))[which].box
    return (round(found[0]), round(found[1]), round(found[2]), round(found[3]))


def altered(which: int, strength: float = 0.3) -> Callable[[int], np.ndarray]:
    """The frames of the scene, with another scene laid over one face's inner half."""
    x0, y0, x1, y1 = box(which)
    dx, dy = (x1 - x0) // 6, (y1 - y0) // 6
    part = (slice(y0 + dy, y1 - dy), slice(x0 + dx, x1 - dx))

    def image(index: int) -> np.ndarray:
        found, other = (scene(WIDTH, HEIGHT, index, seed=seed).astype(float) for seed in (0, 1))
        found[part] += strength * (other[part] - found[part])
        return found.round().astype(np.uint8)

    return image


def write(path: Path, image: Callable[[int], np.ndarray] | None = None, **how: Any) -> Path:
    return write_video(path, **{"width": WIDTH, "height": HEIGHT, "frames": FRAMES, "image": image, **how})


def write_mask(path: Path, parts: list[tuple[int, int, int, int]], **how: Any) -> Path:
    """White in ``parts``, black elsewhere; in pixels of the mask itself."""

    def image(index: int) -> np.ndarray:
        found = np.zeros((how.get("height", HEIGHT), how.get("width", WIDTH), 3), np.uint8)
        for x0, y0, x1, y1 in parts:
            found[y0:y1, x0:x1] = 255
        return found

    return write(path, image, **how)
