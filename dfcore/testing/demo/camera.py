"""From linear light to the camera's 8-bit image: vignetting, optics, sensor noise, tone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dfcore.testing.demo.texture import Array

__all__ = ["Camera"]

_LEVELS = 4096
_BAND = 32


@lru_cache(maxsize=1)
def _tone() -> NDArray[np.uint8]:
    """Linear 0..1.6 in 4096 steps to the screen: gamma 2.2 with a soft shoulder above 0.7."""
    x = np.arange(_LEVELS, dtype=np.float64) / (_LEVELS - 1) * 1.6
    y = np.where(x < 0.7, x, 0.7 + 0.3 * (1 - np.exp(-(x - 0.7) / 0.3)))
    return np.round(255 * np.clip(y, 0, 1) ** (1 / 2.2)).astype(np.uint8)


@lru_cache(maxsize=1)
def _bank() -> Array:
    return np.random.default_rng(0x6A1).standard_normal(1 << 22, dtype=np.float32)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """White noise: a stretch of one long draw from a random place, ten times cheaper than a new draw."""
    bank, length = _bank(), int(np.prod(shape))
    if length >= len(bank):
        return rng.standard_normal(shape, dtype=np.float32)
    start = int(rng.integers(len(bank) - length))
    return bank[start : start + length].reshape(shape)


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera. ``noise`` is the standard deviation at mid grey in linear light; ``blur`` the optics' width in
    pixels; ``exposure`` a factor; ``vignette`` the light lost towards the corners.
    """

    exposure: float
    noise: float
    blur: float
    vignette: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        """A camera such as people have: a little noise, a little softness."""
        return cls(
            exposure=float(rng.uniform(0.9, 1.15)),
            noise=float(rng.uniform(0.015, 0.024)),
            blur=float(rng.uniform(0.3, 0.45)),
            vignette=float(rng.uniform(0.1, 0.3)),
        )

    def falloff(self, width: int, height: int) -> Array:
        """Exposure times vignetting over the frame, ``[H, W]``."""
        x = (np.arange(width, dtype=np.float32) - width / 2) / (width / 2)
        y = (np.arange(height, dtype=np.float32) - height / 2) / (height / 2)
        r2 = x[None, :] ** 2 + y[:, None] ** 2
        return self.exposure / (1 + self.vignette * r2 * (1 + 0.3 * r2))

    def expose(self, light: Array, falloff: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
        """RGB ``[h, w, 3]`` of linear ``light`` [3, h, w]; ``falloff`` [h, w] is the same cut of :meth:`falloff`."""
        light = _soften(light, self.blur)
        grain = _grain(light.shape, rng)
        image = np.empty((*light.shape[1:], 3), np.uint8)
        tone = _tone()
        for top in range(0, light.shape[1], _BAND):  # a band of rows stays in the processor's cache
            rows = slice(top, top + _BAND)
            for channel in range(3):
                band = light[channel, rows] * falloff[rows]
                # Shot noise grows with the root of the light; the constant is the read-out's.
                spread = np.sqrt(band + 0.02)
                spread *= self.noise / 0.45
                spread *= grain[channel, rows]
                band += spread
                band *= (_LEVELS - 1) / 1.6
                image[rows, :, channel] = tone.take(band.astype(np.intp), mode="clip")
        return image


def _soften(image: Array, sigma: float) -> Array:
    """A three-tap blur of the given standard deviation (below 0.8 pixels three taps are enough); edges stay."""
    side = sigma * sigma / 2
    out = image * (1 - 2 * side)
    out[:, 1:-1] += (image[:, :-2] + image[:, 2:]) * side
    out[:, [0, -1]] += image[:, [0, -1]] * (2 * side)
    wide = out * (1 - 2 * side)
    wide[..., 1:-1] += (out[..., :-2] + out[..., 2:]) * side
    wide[..., [0, -1]] += out[..., [0, -1]] * (2 * side)
    return wide
