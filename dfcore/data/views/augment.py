"""Training augmentations: announced by name, each with the views that it changes.

A specialist names those that leave its traces intact. None of them resamples or re-encodes the native tiles. All random
numbers of a sample come from the given generator, so they depend neither on loader processes nor on the order. Each
augmentation has its own position among them, so that switching one on does not change what another draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional as F

from dfcore.data.views.lattice import jitter_range
from dfcore.errors import UnknownNameError

__all__ = ["AUGMENTATIONS", "Augmentation", "AugmentationInfo", "Colour", "Draw", "Uniform", "augmentation"]


class Uniform(Protocol):
    """A source of random numbers: ``random.Random``, ``numpy.random.Generator``, ..."""

    def random(self) -> float:
        """The next number, uniform in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class AugmentationInfo:
    """What an augmentation does, and which views it touches; ``*`` means all, ``tiles*`` all on the tile lattice."""

    name: str
    views: tuple[str, ...]
    summary: str


AUGMENTATIONS = {
    info.name: info
    for info in (
        AugmentationInfo("hflip", ("*",), "mirrors the whole clip left to right, exactly, on the 16-pixel grid"),
        AugmentationInfo("lattice_jitter", ("tiles*",), "moves the tile lattice by multiples of 16 pixels"),
        AugmentationInfo("face_colour", ("face",), "changes contrast, brightness, saturation and white balance"),
        AugmentationInfo("face_erase", ("face",), "replaces a rectangle by the mean colour"),
        AugmentationInfo("face_blur", ("face",), "blurs with a small Gaussian"),
    )
}

Colour = tuple[tuple[tuple[float, float, float], ...], tuple[float, ...]]
"""``(M [3][3], t [3])``: RGB in 0..1 becomes ``M @ rgb + t``."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn for one sample; the same for all its frames.

    Attributes:
        flip: mirror left to right.
        jitter: the lattice's move (x, y) in blocks of 16 pixels.
        colour: see :data:`Colour`; or None.
        erase: ``(x0, y0, x1, y1)`` in shares of the face view's sides, or None.
        blur: standard deviation in shares of the face view's side, 0 for none.
    """

    flip: bool = False
    jitter: tuple[int, int] = (0, 0)
    colour: Colour | None = None
    erase: tuple[float, float, float, float] | None = None
    blur: float = 0.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """A set of augmentations; made by :func:`augmentation`."""

    names: frozenset[str] = frozenset()

    def draw(self, rng: Uniform, width: int, height: int) -> Draw:
        """Random choices for one sample of a clip whose upright window is ``width`` x ``height`` pixels."""
        flip, jitter_x, jitter_y, *colour = (rng.random() for _ in range(10))
        erase, *rectangle = (rng.random() for _ in range(5))
        blurred, sigma = rng.random(), rng.random()
        return Draw(
            flip="hflip" in self.names and flip < 0.5,
            jitter=(_jitter(jitter_x, width), _jitter(jitter_y, height)) if "lattice_jitter" in self.names else (0, 0),
            colour=_colour(colour[1:]) if "face_colour" in self.names and colour[0] < 0.8 else None,
            erase=_rectangle(rectangle) if "face_erase" in self.names and erase < 0.25 else None,
            blur=_BLUR[0] + _BLUR[1] * sigma if "face_blur" in self.names and blurred < 0.2 else 0.0,
        )


def augmentation(names: Iterable[str]) -> Augmentation:
    """The augmentations of these names.

    Raises:
        UnknownNameError: there is none of a name.
    """
    chosen = frozenset(names)
    for name in sorted(chosen):
        if name not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", name, AUGMENTATIONS)
    return Augmentation(chosen)


def _jitter(uniform: float, size: int) -> int:
    most = jitter_range(size)
    return int(uniform * (2 * most + 1)) - most


_BLUR = (0.002, 0.005)
"""The least standard deviation of a blur, and by how much more the largest is, in shares of the image's side."""
_LUMA = (0.299, 0.587, 0.114)


def _colour(uniforms: Sequence[float]) -> Colour:
    """Contrast about mid-grey, saturation about luma, brightness and white balance, as one affine map of RGB."""
    contrast, saturation = (0.8 + 0.45 * u for u in uniforms[:2])
    shift = 0.5 - 0.5 * contrast + 0.2 * uniforms[2] - 0.1
    balance = [0.95 + 0.1 * u for u in uniforms[3:6]]
    grey = [(1 - saturation) * weight for weight in _LUMA]
    matrix = tuple(
        (
            gain * contrast * (grey[0] + (saturation if row == 0 else 0.0)),
            gain * contrast * (grey[1] + (saturation if row == 1 else 0.0)),
            gain * contrast * (grey[2] + (saturation if row == 2 else 0.0)),
        )
        for row, gain in enumerate(balance)
    )
    return matrix, tuple(gain * shift for gain in balance)


def _rectangle(uniforms: Sequence[float]) -> tuple[float, float, float, float]:
    """2 to 20 % of the image, sides at most 3:1 (Zhong et al., "Random Erasing Data Augmentation", AAAI 2020)."""
    area = 0.02 + 0.18 * uniforms[0]
    ratio = 3.0 ** (2 * uniforms[1] - 1)
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    x, y = uniforms[2] * (1 - width), uniforms[3] * (1 - height)
    return x, y, x + width, y + height


def blur(images: Tensor, sigma: float) -> Tensor:
    """``[n, C, S, S]`` convolved with a Gaussian of ``sigma`` pixels; the edge is repeated outwards."""
    radius = max(1, round(3 * sigma))
    weights = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(-radius, radius + 1)]
    return convolved(images, [weight / sum(weights) for weight in weights])


def most_radius(size: int) -> int:
    """The radius of the widest blur that is drawn, of images with sides of ``size``."""
    return max(1, round(3 * (_BLUR[0] + _BLUR[1]) * size))


def convolved(images: Tensor, weights: Sequence[float] | Tensor) -> Tensor:
    """``[n, C, S, S]`` convolved with the same weights in both directions; the edge is repeated outwards.

    Args:
        images: of the same size each.
        weights: an odd number of them; or as many tensors that images are multiplied by.
    """
    radius = len(weights) // 2
    found = F.pad(images, (radius,) * 4, mode="replicate")
    for axis in (-1, -2):  # a sum of shifted images: several times as fast as torch's convolution of few channels
        side = images.shape[axis]
        summed = found.narrow(axis, 0, side) * weights[0]
        for shift, weight in enumerate(weights[1:], start=1):
            part = found.narrow(axis, shift, side)
            summed = summed.addcmul_(part, weight) if isinstance(weight, Tensor) else summed.add_(part, alpha=weight)
        found = summed
    return found


def erase(images: Tensor, rectangle: Sequence[float]) -> None:
    """Set a rectangle ``(x0, y0, x1, y1)`` in pixels of ``[n, C, S, S]`` to 0, in place."""
    x0, y0, x1, y1 = map(int, rectangle)
    images[..., y0:y1, x0:x1] = 0.0
