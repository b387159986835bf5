"""Images: one frame each, through Pillow."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image

from dfcore.data.clips import Planes
from dfcore.data.media.container import Look, check_file
from dfcore.data.media.planes import halved
from dfcore.errors import MediaError

__all__ = ["codec_of", "is_image", "load", "look_at"]

_ORIENTATION = 0x0112
_TURNS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""EXIF orientation to clockwise degrees. The mirrored ones (2, 4, 5, 7) are turned, and the mirror is left."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_MOTION_JPEG_SUFFIXES = (".mjpg", ".mjpeg")
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError)


def codec_of(path: Path) -> str:
    """``jpeg``, ``png``, ``webp`` or ``bmp``, by the file's first bytes; "" for anything else."""
    with path.open("rb") as file:
        head = file.read(18)
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    # The size of BMP's second header tells it from a text that begins with these letters.
    return (
        "bmp" if head[:2] == b"BM" and head[14:18] in {bytes((n, 0, 0, 0)) for n in (12, 40, 52, 56, 108, 124)} else ""
    )


def is_image(path: Path) -> bool:
    """Whether the file is an image that Pillow reads; a raw stream of JPEGs (``.mjpeg``) is a video.

    Raises:
        MediaError: there is no such file, or it is empty.
    """
    check_file(path)
    return bool(codec_of(path)) and path.suffix.lower() not in _MOTION_JPEG_SUFFIXES


def look_at(path: Path) -> Look:
    """Size, format and rotation, from the header. MediaError when it cannot be read."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return _look(image)
    except _PILLOW_ERRORS as error:
        raise _unreadable(path, error) from error


def load(path: Path) -> tuple[Look, Planes]:
    """The look, and y uint8 ``[H, W]`` and u, v uint8 ``[ceil(H/2), ceil(W/2)]`` in full-range BT.601 (JFIF).

    A JPEG's luma is taken as it is stored, not by way of RGB; an alpha channel is dropped.

    Raises:
        MediaError: the image is damaged.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            look = _look(image)
            y, u, v = (np.asarray(channel) for channel in _ycbcr(image).split())
    except _PILLOW_ERRORS as error:
        raise _unreadable(path, error) from error
    return look, (y.copy(), halved(u), halved(v))


def _look(image: Image.Image) -> Look:
    stored = "ycbcr" if _stores_ycbcr(image) else image.mode.lower()
    return Look(
        width=image.width,
        height=image.height,
        pix_fmt=stored,
        converted=f"{stored} -> yuv420p",
        colour_range="pc",
        colour_matrix="bt601",
        rotation=_TURNS.get(image.getexif().get(_ORIENTATION, 1), 0),
    )


def _stores_ycbcr(image: Image.Image) -> bool:
    """Whether luma and chroma are stored, as in all but a few JPEGs (Adobe's transform 0 stores RGB)."""
    return image.format in ("JPEG", "MPO") and image.mode == "RGB" and image.info.get("adobe_transform", 1) != 0


def _ycbcr(image: Image.Image) -> Image.Image:
    if _stores_ycbcr(image):
        image.draft("YCbCr", image.size)
    elif image.mode.startswith("I"):  # 16-bit grey, which convert() would clip
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    elif image.mode in ("P", "PA", "LA", "La", "RGBa"):
        image = image.convert("RGBA")
    return image if image.mode == "YCbCr" else image.convert("RGB").convert("YCbCr")


def _unreadable(path: Path, error: Exception) -> MediaError:
    return MediaError(f"{path}: the image cannot be read ({error}). Replace the file or leave it out.")
