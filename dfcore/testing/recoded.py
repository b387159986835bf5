"""A clip as if its window had been a video of another codec."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from dfcore.data.clips import Clip, Planes
from dfcore.data.media import decode
from dfcore.data.media.coding.codecs import write_coded

__all__ = ["recoded"]


def recoded(clip: Clip, codec: str, coarseness: float = 0.3, *, planes: Planes | None = None) -> Clip:
    """The clip's window written with a codec and decoded again, with what side data that codec gives.

    Args:
        clip: whose header (face, place, times) is kept; audio and speech too.
        codec: one of :data:`dfcore.data.media.coding.codecs.CODECS`.
        coarseness: 0 for the finest usual quality, 1 for the coarsest.
        planes: other pixels than the clip's, of the same size.

    Returns:
        A clip without evidence.

    Raises:
        UnknownNameError, MediaError: as :func:`dfcore.data.media.coding.codecs.write_coded`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "again.mkv")
        write_coded(path, planes or (clip.y, clip.u, clip.v), clip.source.fps, codec, coarseness)
        frames = list(decode(path, set(range(len(clip.y))), threads=1))
    qp = [frame.qp for frame in frames if frame.qp is not None]
    motion = [frame.motion for frame in frames if frame.motion is not None]
    return replace(
        clip,
        source=replace(clip.source, codec=codec),
        header=replace(clip.header, pict_types="".join(frame.pict_type for frame in frames)),
        y=np.stack([frame.y for frame in frames]),
        u=np.stack([frame.u for frame in frames]),
        v=np.stack([frame.v for frame in frames]),
        qp=np.stack(qp) if len(qp) == len(frames) else None,
        motion=np.stack(motion) if len(motion) == len(frames) else None,
        evidence={},
    )
