"""What a face generator does to an image, besides putting another face there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["REDUCTIONS", "Generator", "draw_generator"]

Floats = NDArray[np.float32]
REDUCTIONS = (1.3, 2.6)
"""By how much the image is reduced before it is enlarged again: a generator's own size is less than the face's."""
_ENLARGE = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
_SHRINK = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
_LEAST = 8


@dataclass(frozen=True, slots=True)
class Generator:
    """What is drawn once for a clip.

    Attributes:
        reduction: factor, 1 for none.
        shrink, enlarge: Pillow's kernels.
        denoise: share of what is left after a median filter of 3x3 that replaces the small image.
        sharpen: per cent of unsharp mask on the enlarged luma.
        gain, offset: of luma about its mean; ``chroma`` of each chroma plane: what it is shifted by.
        saturation: factor of both chromas about 128.
    """

    reduction: float
    shrink: Image.Resampling
    enlarge: Image.Resampling
    denoise: float
    sharpen: int
    gain: float
    offset: float
    chroma: tuple[float, float]
    saturation: float

    def luma(self, plane: NDArray[np.uint8], shift: tuple[float, float], light: float = 0.0) -> Floats:
        """The luma of a region, ``[h, w]``, as the generator would have made it.

        Args:
            plane: of the region.
            shift: (x, y) in pixels that the small image's grid and what is in it are moved by.
            light: levels that are added in this frame alone.
        """
        made = self._again(plane, shift)
        if self.sharpen:
            image = Image.fromarray(np.clip(np.rint(made), 0, 255).astype(np.uint8))
            sharp = image.filter(ImageFilter.UnsharpMask(radius=1.5, percent=self.sharpen, threshold=0))
            made = np.asarray(sharp, np.float32)
        mean = float(made.mean())
        return (self.gain * (made - mean) + mean + self.offset + light).astype(np.float32)

    def colour(self, plane: NDArray[np.uint8], number: int, shift: tuple[float, float]) -> Floats:
        """The same of chroma plane ``number`` (0 or 1); ``shift`` in its own pixels."""
        made = self._again(plane, shift)
        return (self.saturation * (made - 128) + 128 + self.chroma[number]).astype(np.float32)

    def _again(self, plane: NDArray[np.uint8], shift: tuple[float, float]) -> Floats:
        height, width = plane.shape
        image = Image.fromarray(plane.astype(np.float32))
        small = (max(_LEAST, round(width / self.reduction)), max(_LEAST, round(height / self.reduction)))
        if self.reduction > 1 and (small[0] < width or small[1] < height):
            image = image.resize(small, self.shrink)
        if self.denoise:
            # Pillow's median filter takes no floats.
            levels = Image.fromarray(np.clip(np.rint(np.asarray(image)), 0, 255).astype(np.uint8))
            median = np.asarray(levels.filter(ImageFilter.MedianFilter(3)), np.float32)
            image = Image.fromarray(((1 - self.denoise) * np.asarray(image) + self.denoise * median).astype(np.float32))
        across, down = image.size[0] / width, image.size[1] / height
        # Enlarged by a kernel, then moved by fractions of a pixel: what lies beyond the region repeats its edge.
        pad = int(np.ceil(max(abs(value) for value in shift))) + 1
        whole = np.pad(np.asarray(image), ((pad, pad), (pad, pad)), mode="edge")
        left, top = pad - shift[0] * across, pad - shift[1] * down
        part = (left, top, left + image.size[0], top + image.size[1])
        return np.asarray(Image.fromarray(whole).resize((width, height), self.enlarge, box=part), np.float32)


def draw_generator(rng: np.random.Generator, *, sharper: bool | None = None) -> Generator:
    """A generator of random settings.

    Args:
        rng: where they come from.
        sharper: of True the image is not reduced but sharpened (rendered faces are), of False never; None draws it, for
            a quarter of the clips.
    """
    sharp = bool(rng.random() < 0.25) if sharper is None else sharper
    return Generator(
        reduction=1.0 if sharp else float(np.exp(rng.uniform(*np.log(REDUCTIONS)))),
        shrink=_SHRINK[int(rng.integers(len(_SHRINK)))],
        enlarge=_ENLARGE[int(rng.integers(len(_ENLARGE)))],
        denoise=0.0 if sharp else float(rng.choice((0.0, 0.5, 1.0))),
        sharpen=int(rng.integers(60, 160)) if sharp else 0,
        gain=float(rng.uniform(0.92, 1.06)),
        offset=float(rng.uniform(-5, 5)),
        chroma=(float(rng.uniform(-3, 3)), float(rng.uniform(-3, 3))),
        saturation=float(rng.uniform(0.88, 1.1)),
    )
