"""What a store keeps of views as they come out, so that it is not made again for each sample.

Of each frame whose planes it keeps:

``face``
    uint8 ``[n, 3, 224, 224]``: Y, U, V of the face's square surround, upright, as :mod:`dfcore.data.views.finish` takes
    them. Views of another size are made of the planes.
``context``
    the same of the whole window; in compact stores where a specialist reads it
    (:attr:`dfcore.data.clips.plan.ClipPlan.context`).
``parts``
    with dense landmarks, uint8 ``[n, 2, 2, H/16, W/16]``: of the image as it is and of its mirror image, how many
    of the 64 points of each block lie in the inner face, and in its rim.

And of its speech, with dense landmarks and as long as the views:

``speech_openings``
    float32 ``[60, 4]``: the view ``mouth_openings``.

They are made by the functions that make them of any other clip, so that a view has the same bits from every store.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.views.common import whole_window
from dfcore.data.views.images import KEPT_SIDE, face_square, resized
from dfcore.data.views.landmarks import count_parts, openings_of
from dfcore.data.views.speech import POINTS
from dfcore.data.views.upright import UprightFrames

__all__ = ["kept_views"]


def kept_views(clip: Clip, frames: Sequence[int], *, context: bool) -> dict[str, NDArray]:
    """The arrays of the module's list, by name.

    Args:
        clip: with the planes of all its frames.
        frames: positions of the n frames.
        context: whether ``context`` is kept.
    """
    access = MemoryClip(clip)
    singly = [UprightFrames(access, [frame]) for frame in frames]
    found = {"face": np.concatenate([resized(one, face_square(one), KEPT_SIDE).numpy() for one in singly])}
    if context:
        found["context"] = np.concatenate([resized(one, whole_window(one), KEPT_SIDE).numpy() for one in singly])
    if clip.landmarks is not None:
        both = [[count_parts(UprightFrames(access, [frame], flip))[0] for flip in (False, True)] for frame in frames]
        found["parts"] = np.array(both)
    speech = clip.speech
    if speech is not None and speech.landmarks is not None and len(speech.present) == POINTS:
        found["speech_openings"] = openings_of(speech)
    return found
