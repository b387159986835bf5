"""Animated WebP: a video of frames, through Pillow, as an animated GIF or PNG is one through FFmpeg."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Planes
from dfcore.data.media.container import Look, check_size, log
from dfcore.data.media.images import still
from dfcore.data.media.planes import halved
from dfcore.errors import MediaError

__all__ = ["frame_starts", "frames"]

_LEAST = 0.01
"""Seconds that a frame is shown at least; browsers and FFmpeg take a longer time for frames that say 0."""
_DEFAULT = 0.1


def frame_starts(path: Path) -> tuple[NDArray[np.float64], float]:
    """The second at which each frame begins, float64 ``[n]``, and the end of the last; nothing is decoded."""
    durations: list[float] = []
    with path.open("rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            size = int.from_bytes(header[4:], "little")
            if header[:4] == b"ANMF":
                about = file.read(16)
                if len(about) < 16:
                    break
                seconds = int.from_bytes(about[12:15], "little") / 1000
                durations.append(seconds if seconds >= _LEAST else _DEFAULT)
                size -= 16
            file.seek(max(0, size + size % 2), 1)
    ends = np.cumsum(durations, dtype=np.float64)
    return np.concatenate([np.zeros(min(1, len(ends))), ends[:-1]]), float(ends[-1]) if durations else 0.0


def frames(path: Path, wanted: Collection[int] | None = None) -> Iterator[tuple[int, float, Look, Planes]]:
    """Index, time, look and planes of the frames wanted; as :func:`dfcore.data.media.images.still.load` gives one's.

    Raises:
        MediaError: not one frame can be decoded.
    """
    starts, _ = frame_starts(path)
    last = len(starts) - 1 if wanted is None else max(wanted, default=-1)
    came = 0
    try:
        with still.open_image(path) as image:
            check_size(path, image.width, image.height)
            look = still.look_of(image)
            for index in range(min(last + 1, getattr(image, "n_frames", 1), max(len(starts), 1))):
                image.seek(index)
                image.load()
                came += 1
                if wanted is None or index in wanted:
                    y, u, v = (np.asarray(channel) for channel in image.convert("RGB").convert("YCbCr").split())
                    yield index, float(starts[index]) if len(starts) else 0.0, look, (y.copy(), halved(u), halved(v))
    except still.PILLOW_ERRORS as error:
        if not came:
            raise still.unreadable(path, error) from error
        log.warning("%s: damaged: only %d of its %d frames can be decoded (%s)", path, came, len(starts), error)
    if not came:
        raise MediaError(f"{path}: it says that it is animated, and holds no frame. Replace the file or leave it out.")
