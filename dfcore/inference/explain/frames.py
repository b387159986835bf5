"""Key frames: images of what was judged, with the boxes that maps are laid over."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.colour import yuv_to_rgb
from dfcore.data.views.images import face_square
from dfcore.data.views.upright import UprightFrames
from dfcore.inference.explanation import KeyFrame

__all__ = ["MOST_FRAMES", "key_frames"]

MOST_FRAMES = 3
LONGER_SIDE = 480
"""Pixels of a key frame's longer side, at most."""
QUALITY = 85
"""Of its JPEG."""

Box = tuple[float, float, float, float]


def key_frames(clips: Sequence[Clip], count: int = MOST_FRAMES) -> tuple[KeyFrame, ...]:
    """The middle frames of up to ``count`` of a person's clips, spread over them, in order."""
    ordered = sorted(clips, key=lambda clip: clip.header.frames[0])
    total = min(count, len(ordered))
    return tuple(_key_frame(ordered[(2 * k + 1) * len(ordered) // (2 * total)]) for k in range(total))


def _key_frame(clip: Clip) -> KeyFrame:
    place = len(clip.header.frames) // 2
    upright = UprightFrames(MemoryClip(clip), [place])
    (y, *_), (u, *_), (v, *_) = upright.planes
    image = Image.fromarray(yuv_to_rgb(y, u, v, clip.source.colour_matrix, clip.source.colour_range))
    scale = min(1.0, LONGER_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    held = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(held, "JPEG", quality=QUALITY)
    x, y0, side = face_square(upright)
    return KeyFrame(
        time=clip.header.times[place],
        frame=clip.header.frames[place],
        image=held.getvalue(),
        size=size,
        face=_scaled(upright.boxes[0], scale),
        window=(0.0, 0.0, float(size[0]), float(size[1])),
        face_view=_scaled((x, y0, x + side, y0 + side), scale),
    )


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = (round(value * scale, 2) for value in box)
    return x0, y0, x1, y1
