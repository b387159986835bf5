"""Views: the tensors that models read, made from a clip when a sample is read.

For n frames these have a leading axis of n; for a single frame they have none.

==============  ===========================  =======================================================================
context         float32 ``[3, S, S]``        the whole window (one that is not square is filled up at its edges),
                                             antialiased, ImageNet-normalised
face_mask       float32 ``[1, S, S]``        the face's ellipse in the context, 0..1
tiles           uint8 ``[49, 64, 64]``       native luma, see :mod:`dfcore.data.views.lattice`
tile_face       float32 ``[49, 4, 4]``       share of each 16x16 block of the tiles that lies in the face's ellipse
qp              float32 ``[49, 4, 4]``       each block's quantiser, -1 where it is not known
*evidence*      float32 ``[49, C, 4, 4]``    by its name; for a single frame the mean over the clip's frames
sequence        uint8 ``[3, 112, 112]``      Y, U, V of the whole window, antialiased (:mod:`dfcore.data.clips.reduced`)
sequence_mask   float32 ``[1, 112, 112]``    the face's ellipse in it, 0..1
motion          float32 ``[3, 28, 28]``      the codec's motion on the same square: (x, y) towards the reference frame
                                             in the sequence's pixels, and 1 where the codec tells it, else 0
landmarks       float32 ``[95, 2]``          dense landmarks (:mod:`dfcore.data.faces.dense`), in luma pixels of the
                                             window
tile_parts      float32 ``[49, 2, 4, 4]``    share of each 16x16 block of the tiles in the inner face, and in its rim
==============  ===========================  =======================================================================

These belong to the sample as a whole, however many frames it has:

==============  ===========================  =======================================================================
face            float32 ``[3, S, S]``        the face's square surround (1.3 times its box) in the middle frame,
                                             antialiased, ImageNet-normalised
mouth           uint8 ``[60, 96, 96]``       luma about the mouth at 25 points a second, resampled; 0 without speech
mouth_present   float32 ``[60]``             1 where that is a frame of this person, 0 where it repeats another
log_mel         float32 ``[80, 240]``        log-mel spectrum of the audio on the same clock, four columns a point
audio_present   float32 ``[60]``             1 where there is audio
mouth_openings   float32 ``[60, 4]``          openings of lips and jaw at the same points, by dense landmarks
==============  ===========================  =======================================================================

``video_mouth_present``, ``video_log_mel``, ``video_audio_present`` and ``video_mouth_openings`` are four of these with
a leading axis of 8: the sample's clip first, then the same person's others in the same video in order of time (where
there are more than 7, spread evenly over them). A row without a clip is as a clip without speech. A moment
that lies in a row before is not present again: the clips of a short video overlap.

Two more are for the control that every figure is reported beside (:mod:`dfcore.data.views.background`):

================  =========================  =======================================================================
background_face   float32 ``[3, S, S]``      background of the same frame, in place of ``face``
background_cells  float32 ``[7, 7]``         1 where a cell of the cue map has no face in it
================  =========================  =======================================================================

The face's ellipse is the one inscribed in its box. Everything is upright and mirrored together.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from dfcore.data.clips import ClipAccess
from dfcore.data.views import background, images, landmarks, sequence, speech, tiles, video
from dfcore.data.views.augment import Augmentation, Draw, Uniform
from dfcore.data.views.common import Builder, PartsBuilder
from dfcore.data.views.finish import IMAGENET_MEAN, IMAGENET_STD, finish_views, part_name
from dfcore.data.views.images import FACE_SCALE
from dfcore.data.views.lattice import lattice
from dfcore.data.views.upright import UprightFrames, upright_size
from dfcore.specs import VIEWS

__all__ = ["CONTROL_VIEWS", "FACE_SCALE", "IMAGENET_MEAN", "IMAGENET_STD", "VIEWS", "build_views"]

_OF_FRAMES: dict[str, Builder] = {
    "tiles": tiles.tiles,
    "tile_face": tiles.tile_face,
    "qp": tiles.qp,
    "sequence": sequence.sequence,
    "motion": sequence.motion,
    "landmarks": landmarks.landmarks,
    "tile_parts": landmarks.tile_parts,
}
_OF_SAMPLES: dict[str, Builder] = {
    "mouth": speech.mouth,
    "mouth_present": speech.mouth_present,
    "log_mel": speech.log_mel,
    "audio_present": speech.audio_present,
    "mouth_openings": landmarks.speech_openings,
    "video_mouth_present": video.mouth_present,
    "video_log_mel": video.log_mel,
    "video_audio_present": video.audio_present,
    "video_mouth_openings": video.mouth_openings,
}
_OF_CONTROL: dict[str, Builder] = {
    "background_cells": background.background_cells,
}
_FINISHED_OF_FRAMES: dict[str, PartsBuilder] = {
    "context": images.context,
    "face_mask": images.face_mask,
    "sequence_mask": sequence.sequence_mask,
}
_FINISHED_OF_SAMPLES: dict[str, PartsBuilder] = {
    "face": images.face,
    "background_face": background.background_face,
}
CONTROL_VIEWS = ("background_face", "background_cells")
"""Names of those that the background control needs; no specialist announces them."""

_COLOURED = ("context",)
_COLOURED_IN_THE_MIDDLE = ("face", "background_face")


def build_views(
    access: ClipAccess,
    names: Sequence[str],
    frames: Sequence[int],
    *,
    image_size: int,
    augment: Augmentation | None = None,
    rng: Uniform | None = None,
    others: Sequence[ClipAccess] = (),
    finish: bool = True,
) -> dict[str, Tensor]:
    """The views ``names`` of some frames of a clip; only what they need is read.

    Args:
        access: the clip.
        names: those of the tables above; any other is the name of an evidence.
        frames: positions in the clip, 0 to T-1.
        image_size: S.
        augment: training augmentations; needs ``rng``.
        rng: where their random numbers come from.
        others: the same person's other clips in the same video, in order of time; only the views of a whole video read
            them (:data:`dfcore.specs.VIDEO_VIEWS`).
        finish: False leaves to :func:`dfcore.data.views.finish.finish_views` what a device makes faster for a batch.

    Raises:
        StoreError: a name that is neither a view nor an evidence extracted from this clip.
    """
    draw = Draw()
    if augment is not None and augment.names:
        if rng is None:
            raise ValueError("augmentations need a random generator")
        draw = augment.draw(rng, *upright_size(access))
    upright = UprightFrames(access, frames, draw.flip, others)
    single = len(upright.frames) == 1
    coloured = (*_COLOURED, *(_COLOURED_IN_THE_MIDDLE if single else ()))
    if any(name in names and images.kept_pixels(upright, name, image_size) is None for name in coloured):
        upright.planes  # noqa: B018 - read luma and chroma in one go, before `luma` alone is asked for
    grid = lattice(upright.width, upright.height, draw.jitter)
    found: dict[str, Tensor] = {}
    for name in names:
        parts = _FINISHED_OF_FRAMES.get(name) or _FINISHED_OF_SAMPLES.get(name)
        if parts is not None:
            one = single or name in _FINISHED_OF_SAMPLES
            made = parts(upright, grid, draw, image_size).items()
            found |= {part_name(name, part): value[0] if one else value for part, value in made}
            continue
        whole = _OF_SAMPLES.get(name) or _OF_CONTROL.get(name)
        if whole is not None:
            found[name] = whole(upright, grid, draw, image_size)
            continue
        view = _OF_FRAMES.get(name, tiles.evidence(name, VIEWS))(upright, grid, draw, image_size)
        found[name] = view[0] if single else view
    return found if not finish else {name: view[0] for name, view in finish_views(_batch_of_one(found)).items()}


def _batch_of_one(views: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: view[None] for name, view in views.items()}
