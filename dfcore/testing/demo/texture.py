"""Small image operators for the demo renderer: noise with natural spectra, blurs, sub-pixel sampling.

Images are float32 planes ``[H, W]`` or stacks of planes ``[C, H, W]``, so that a plane of weights serves all
channels by broadcasting; coordinates are pixels, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "blob",
    "blur",
    "fractal",
    "mix",
    "paint",
    "planes",
    "sample",
    "shifted",
    "smoothstep",
    "strands",
    "to_linear",
]

Array = NDArray[np.floating]
"""Float32, except for scratch planes that numpy promotes."""


def smoothstep(low: float | Array, high: float | Array, x: Array) -> Array:
    """0 below ``low``, 1 above ``high``, a cubic between; ``low > high`` gives the falling edge."""
    t = np.clip((x - low) * (np.float32(1) / np.float32(high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: Array, b: Array, weight: Array) -> Array:
    """``a`` where ``weight`` is 0, ``b`` where it is 1."""
    return a + (b - a) * weight


def paint(under: Array, over: Array, weight: Array) -> None:
    """:func:`mix`, written into ``under`` [C, H, W], plane by plane."""
    for plane, colour in zip(under, np.broadcast_to(over, under.shape), strict=True):
        plane += (colour - plane) * weight


def planes(colour: Array) -> Array:
    """A colour ``[3]`` as ``[3, 1, 1]``, ready to broadcast over planes."""
    return colour[:, None, None]


def blob(u: Array, v: Array, centre: tuple[float, float], sigma: tuple[float, float], angle: float = 0.0) -> Array:
    """A Gaussian of height 1 with two widths, turned by ``angle`` radians."""
    du, dv = u - np.float32(centre[0]), v - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    a = (du * cos + dv * sin) * np.float32(1 / sigma[0])
    b = (dv * cos - du * sin) * np.float32(1 / sigma[1])
    return np.exp(np.float32(-0.5) * (a * a + b * b))


@lru_cache(maxsize=64)
def _kernel(sigma: float) -> Array:
    radius = max(1, int(np.ceil(3 * sigma)))
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def blur(image: Array, sigma: float) -> Array:
    """Separable Gaussian blur, edges repeated."""
    if sigma <= 0:
        return image
    kernel = _kernel(round(float(sigma), 3))
    radius = len(kernel) // 2
    for axis in (image.ndim - 2, image.ndim - 1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (radius, radius)
        wide = np.pad(image, pad, mode="edge")
        n = image.shape[axis]
        cut = [slice(None)] * image.ndim
        out = np.zeros_like(image)
        for i, weight in enumerate(kernel):
            cut[axis] = slice(i, i + n)
            out += weight * wide[tuple(cut)]
        image = out
    return image


@lru_cache(maxsize=32)
def _frequencies(height: int, width: int) -> tuple[Array, Array]:
    fy = np.fft.fftfreq(height)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(width)[None, :].astype(np.float32)
    return fy, fx


@lru_cache(maxsize=32)
def _falling(height: int, width: int, slope: float) -> Array:
    fy, fx = _frequencies(height, width)
    radius = np.hypot(fy * height, fx * width)
    radius[0, 0] = np.inf
    return (radius**-slope).astype(np.float32)


@lru_cache(maxsize=32)
def _drawn_out(height: int, width: int, length: float) -> Array:
    fy, fx = _frequencies(height, width)
    shape = np.exp(-0.5 * (fy * length) ** 2) / (0.03 + fx) ** 0.6
    shape[0, 0] = 0
    return shape.astype(np.float32)


def _whole(length: int) -> int:
    """The next multiple of 32: lengths with large prime factors are many times slower to transform."""
    return -(-length // 32) * 32


def _shaped(rng: np.random.Generator, height: int, width: int, amplitude: Array) -> Array:
    """Noise [height, width], cut from a field whose spectrum has the given amplitudes."""
    spectrum = np.empty(amplitude.shape, np.complex64)
    spectrum.real = rng.standard_normal(amplitude.shape, dtype=np.float32)
    spectrum.imag = rng.standard_normal(amplitude.shape, dtype=np.float32)
    field = np.fft.irfft2(spectrum * amplitude, s=(_whole(height), _whole(width)))
    return (field[:height, :width] / field.std()).astype(np.float32)


def fractal(rng: np.random.Generator, height: int, width: int, slope: float = 1.0) -> Array:
    """Noise whose amplitude spectrum falls as 1/f^slope (natural images: about 1), mean 0, deviation 1."""
    return _shaped(rng, height, width, _falling(_whole(height), _whole(width), slope))


def strands(rng: np.random.Generator, height: int, width: int, length: float) -> Array:
    """Noise drawn out along the vertical (hair, brushed cloth), mean 0, deviation 1.

    Along the strands, waves shorter than ``length`` pixels are damped.
    """
    return _shaped(rng, height, width, _drawn_out(_whole(height), _whole(width), length))


def sample(image: Array, x: Array, y: Array) -> Array:
    """Bilinear values of ``image`` at the planes (x, y) of coordinates; outside, the nearest edge pixel."""
    height, width = image.shape[-2:]
    x = np.clip(x, 0, np.float32(width - 1.001))
    y = np.clip(y, 0, np.float32(height - 1.001))
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    at = (y0 * width + x0).astype(np.intp)
    both = fx * fy
    weights = ((1, fx - both), (width, fy - both), (width + 1, both))
    nearest = 1 - fx - fy + both
    flat = image.reshape(-1, height * width)
    out = np.empty((len(flat), *x.shape), np.float32)
    for source, target in zip(flat, out, strict=True):
        np.multiply(source[at], nearest, out=target)
        for step, weight in weights:
            target += source[step:][at] * weight
    return out.reshape(*image.shape[:-2], *x.shape)


def shifted(image: Array, x: float, y: float, width: int, height: int) -> Array:
    """The ``height`` × ``width`` cut of ``image`` [C, H, W] whose corner is the point (x, y), bilinear."""
    x = float(np.clip(x, 0, image.shape[-1] - width - 1.001))
    y = float(np.clip(y, 0, image.shape[-2] - height - 1.001))
    i, j = int(y), int(x)
    fy, fx = y - i, x - j
    out = np.empty((len(image), height, width), np.float32)
    for source, target in zip(image, out, strict=True):
        rows = source[i : i + height + 1, j : j + width + 1]
        rows = rows[:-1] + (rows[1:] - rows[:-1]) * fy
        np.subtract(rows[:, 1:], rows[:, :-1], out=target)
        target *= fx
        target += rows[:, :-1]
    return out


def to_linear(srgb: Sequence[float]) -> Array:
    """A colour given in 0..255 as a screen shows it, in linear light 0..1 (gamma 2.2)."""
    return (np.asarray(srgb, dtype=np.float32) / 255) ** np.float32(2.2)
