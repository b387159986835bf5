"""How views read a clip, wherever its pixels lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Clip, ClipHeader, SourceHeader, Speech

__all__ = ["ClipAccess", "MemoryClip", "Planes"]

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


@runtime_checkable
class ClipAccess(Protocol):
    """Reads parts of one clip. ``frames`` are positions in the clip, 0 to T-1; n is how many are asked for.

    What is returned must not be written to.
    """

    @property
    def source(self) -> SourceHeader:
        """What is known of the source file."""
        ...

    @property
    def header(self) -> ClipHeader:
        """What is known of the clip."""
        ...

    def planes(self, frames: Sequence[int]) -> Planes:
        """Luma uint8 ``[n, H, W]``, and both chroma planes uint8 ``[n, H/2, W/2]``."""
        ...

    def luma(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """Luma alone, uint8 ``[n, H, W]``."""
        ...

    def qp(self, frames: Sequence[int]) -> NDArray[np.int8] | None:
        """Each block's quantiser, int8 ``[n, H/16, W/16]``, or None where the codec gives none."""
        ...

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Motion vectors int16 ``[n, H/16, W/16, 2]``, in quarter pixels, or None."""
        ...

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """An extractor's result, float16 ``[T, C, H/16, W/16]``, or None where it was not extracted."""
        ...

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """Its mean over the clip's frames, float32 ``[C, H/16, W/16]``, or None."""
        ...

    def audio(self) -> NDArray[np.int16] | None:
        """16 kHz mono int16 ``[n]``, exactly the clip's span, or None without sound."""
        ...

    def speech(self) -> Speech | None:
        """Mouth and sound about the clip's middle, or None where it was prepared without."""
        ...


class MemoryClip:
    """A :class:`ClipAccess` to a clip that is in memory, as inference reads it."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    @property
    def source(self) -> SourceHeader:
        """See :class:`ClipAccess`."""
        return self.clip.source

    @property
    def header(self) -> ClipHeader:
        """See :class:`ClipAccess`."""
        return self.clip.header

    def planes(self, frames: Sequence[int]) -> Planes:
        """See :class:`ClipAccess`."""
        chosen = list(frames)
        return self.clip.y[chosen], self.clip.u[chosen], self.clip.v[chosen]

    def luma(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """See :class:`ClipAccess`."""
        return self.clip.y[list(frames)]

    def qp(self, frames: Sequence[int]) -> NDArray[np.int8] | None:
        """See :class:`ClipAccess`."""
        return None if self.clip.qp is None else self.clip.qp[list(frames)]

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """See :class:`ClipAccess`."""
        return None if self.clip.motion is None else self.clip.motion[list(frames)]

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """See :class:`ClipAccess`."""
        return self.clip.evidence.get(name)

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """See :class:`ClipAccess`."""
        found = self.clip.evidence.get(name)
        return None if found is None else found.astype(np.float32).mean(axis=0)

    def audio(self) -> NDArray[np.int16] | None:
        """See :class:`ClipAccess`."""
        return self.clip.audio

    def speech(self) -> Speech | None:
        """See :class:`ClipAccess`."""
        return self.clip.speech
