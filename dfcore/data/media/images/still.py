"""Images: one frame each, through Pillow."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from dfcore.data.clips import Planes
from dfcore.data.media.container import Look, check_file, check_size, log
from dfcore.data.media.formats import MAX_PIXELS
from dfcore.data.media.planes import halved
from dfcore.errors import MediaError
from dfcore.text import what_was_said

__all__ = [
    "PILLOW_ERRORS", "codec_of", "is_animated_webp", "is_image", "load", "look_at", "look_of", "open_image",
    "unreadable",
]  # fmt: skip

_ORIENTATION = 0x0112
_TURNS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""EXIF orientation to clockwise degrees. The mirrored ones (2, 4, 5, 7) are turned, and the mirror is left."""

_KINDS: dict[str, Any] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
_MOTION_JPEG_SUFFIXES = (".mjpg", ".mjpeg")
PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow raises for damaged files, its undocumented ones included."""
_ANIMATED = 0x02  # a bit of VP8X, the first chunk (developers.google.com/speed/webp/docs/riff_container)
_FIRST_CHUNKS = 1 << 16
"""Bytes of a PNG in which it says whether it is animated."""


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
    codec = codec_of(path)
    if not codec or path.suffix.lower() in _MOTION_JPEG_SUFFIXES:
        return False
    return not (codec == "png" and _is_animated_png(path)) and not (codec == "webp" and is_animated_webp(path))


def is_animated_webp(path: Path) -> bool:
    """Whether the file is a WebP that says in its first chunk that it is animated."""
    with path.open("rb") as file:
        head = file.read(21)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & _ANIMATED)


def _is_animated_png(path: Path) -> bool:
    """Whether an animation control chunk of several frames comes before the image's data (the APNG specification)."""
    with path.open("rb") as file:
        head = file.read(_FIRST_CHUNKS)
    at = 8
    while at + 12 <= len(head):
        size, kind = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        if kind == b"acTL":
            return int.from_bytes(head[at + 8 : at + 12], "big") > 1
        if kind == b"IDAT":
            return False
        at += 12 + size
    return False


def open_image(path: Path) -> Any:
    """An open ``PIL.Image.Image``, of which only the header is read.

    Not by ``Image.open``: that warns of large images on the terminal, by a limit that is one for the whole process.
    """
    return _KINDS[codec_of(path)](path)


def look_at(path: Path) -> Look:
    """Size, format and rotation, from the header; MediaError when it cannot be read, or is too large."""
    try:
        with open_image(path) as image:
            reduced = _reduce(path, image)
            return look_of(image, reduced)
    except PILLOW_ERRORS as error:
        raise unreadable(path, error) from error


def _reduce(path: Path, image: Any) -> str:
    """Have a JPEG of over MAX_PIXELS decoded at half its width and height, or a quarter, or an eighth; what was done.

    Raises:
        MediaError: it is too large, and cannot be reduced while it is decoded.
    """
    width, height = image.size
    if width * height <= MAX_PIXELS:
        return ""
    for factor in (2, 4, 8):
        small = -(-width // factor), -(-height // factor)
        if _stores_ycbcr(image) and small[0] * small[1] <= MAX_PIXELS:
            image.draft("YCbCr", (width // factor, height // factor))
            check_size(path, *image.size)
            return f"{width}x{height} -> {image.width}x{image.height}"
    check_size(path, width, height)
    return ""


def load(path: Path) -> tuple[Look, Planes]:
    """The look, and y uint8 ``[H, W]`` and u, v uint8 ``[ceil(H/2), ceil(W/2)]`` in full-range BT.601 (JFIF).

    A JPEG's luma is taken as it is stored, not by way of RGB; an alpha channel is dropped.

    Raises:
        MediaError: the image is damaged.
    """
    try:
        with open_image(path) as image:
            reduced = _reduce(path, image)
            look = look_of(image, reduced)
            if reduced:
                log.warning("%s: a large photo, reduced while it is decoded (%s)", path, reduced)
            y, u, v = (np.asarray(channel) for channel in _ycbcr(image).split())
    except PILLOW_ERRORS as error:
        raise unreadable(path, error) from error
    return look, (y.copy(), halved(u), halved(v))


def look_of(image: Any, reduced: str = "") -> Look:
    """What an open image says of itself; ``reduced`` is what was done to its size."""
    stored = "ycbcr" if _stores_ycbcr(image) else image.mode.lower()
    return Look(
        width=image.width,
        height=image.height,
        pix_fmt=stored,
        converted=f"{stored} -> yuv420p" + (f", {reduced}" if reduced else ""),
        colour_range="pc",
        colour_matrix="bt601",
        rotation=_TURNS.get(image.getexif().get(_ORIENTATION, 1), 0),
    )


def _stores_ycbcr(image: Any) -> bool:
    """Whether luma and chroma are stored, as in all but a few JPEGs (Adobe's transform 0 stores RGB)."""
    return image.format == "JPEG" and image.mode in ("RGB", "YCbCr") and image.info.get("adobe_transform", 1) != 0


def _ycbcr(image: Any) -> Any:
    if _stores_ycbcr(image):
        if image.mode != "YCbCr":  # it is, where it was reduced
            image.draft("YCbCr", image.size)
    elif image.mode.startswith("I"):  # 16-bit grey, which convert() would clip
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    elif image.mode in ("P", "PA", "LA", "La", "RGBa"):
        image = image.convert("RGBA")
    return image if image.mode == "YCbCr" else image.convert("RGB").convert("YCbCr")


def unreadable(path: Path, error: Exception) -> MediaError:
    """The error for a photo that Pillow cannot read."""
    return MediaError(f"{path}: the image cannot be read ({what_was_said(error)}). Replace the file or leave it out.")
