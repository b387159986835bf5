"""Looking for faces in a video: which detector, in which frames, at which sizes; and the tracks that come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dfcore.data.faces.close import faces_close
from dfcore.data.faces.cuts import Signature, find_cuts, signature
from dfcore.data.faces.tracks import FaceTrack, build_tracks
from dfcore.data.protocols import Face, FaceDetector
from dfcore.plugins.calls import construct, plugin_code
from dfcore.specs import resolve

if TYPE_CHECKING:
    from dfcore.data.media import DecodedFrame

__all__ = [
    "LOOKS",
    "LOOK_SIDES",
    "Look",
    "detector_class",
    "find_detector",
    "find_tracks",
    "frames_to_look_at",
    "look_at",
]

LOOK_SIDES = (320, 640)
"""Longer side of the images that faces are looked for in; the next is tried where the last showed none."""
LOOKS = 16
"""Frames that are looked at for faces beside the clips' ends, in videos of any length, when no stride is given."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame showed.

    Attributes:
        faces: in pixels of the upright image that was looked at.
        scale: that image's pixels per pixel of the frame.
        signature: by which cuts between shots are found.
    """

    faces: list[Face]
    scale: float
    signature: Signature


def detector_class(name: str) -> tuple[str, Callable[[], FaceDetector]]:
    """The dotted path of the face detector announced as ``name`` (or ``name`` itself, if it is one), and what it names.

    Raises:
        UnknownNameError: no detector of that name is announced.
        PluginError: its implementation cannot be imported.
    """
    from dfcore.plugins import registry

    path = name if ":" in name else registry().component("face_detector", name).factory
    return path, resolve(path, f"face detector {name}")


@cache
def find_detector(name: str) -> FaceDetector:
    """The face detector announced as ``name``, or the class of a dotted path ``package.module:Class``; one per process.

    Raises:
        UnknownNameError: no detector of that name is announced.
        PluginError: its implementation cannot be imported, or not be made without arguments.
    """
    path, _ = detector_class(name)
    detector: FaceDetector = construct(f"face detector {name}", path)
    return detector


def frames_to_look_at(spans: Sequence[range], stride: int | None, fps: float) -> set[int]:
    """Frames on which faces are looked for: the first and last of each clip, and every ``stride``-th between.

    Without a stride it is half a second, or more where that would make over ``LOOKS`` frames.
    """
    first, stop = spans[0].start, spans[-1].stop
    step = stride or max(1, round(fps / 2), -(-(stop - first) // LOOKS))
    ends = {frame for span in spans for frame in (span[0], span[-1])}
    between = set(range(first, stop, step))
    if stride is None:  # a frame close to one that is looked at anyway tells nothing new
        between = {frame for frame in between if all(abs(frame - end) > step // 3 for end in ends)}
    return ends | between


def look_at(frame: DecodedFrame, detector: FaceDetector, near: Sequence[float] | None = None) -> Look:
    """Look for faces in a frame, at growing sizes until one shows some.

    Args:
        frame: the frame.
        detector: finds faces.
        near: the box of the one face that was seen shortly before, in pixels of the upright frame: where that is still
            there, only its part of the image is looked at (:mod:`dfcore.data.faces.close`).

    Raises:
        PluginError: the detector raises something: it is at fault, not the file.
    """
    for side in LOOK_SIDES:
        image, scale = frame.rgb(side)
        with plugin_code("the face detector", type(detector)):
            faces = [] if near is None else faces_close(image, [place * scale for place in near], detector.detect)
            faces, near = faces or detector.detect(image), None
        if faces or max(frame.y.shape) <= side:
            break
    return Look(faces, scale, signature(image))


def find_tracks(
    faces: Mapping[int, Sequence[Face]],
    looks: Mapping[int, Look],
    frame_size: tuple[int, int],
    clear: Collection[tuple[int, int]] = (),
) -> list[FaceTrack]:
    """The tracks of the people in a video, the most prominent first; none goes across a cut.

    Args:
        faces: of each frame that was looked at, in the pixels that the tracks are to have.
        looks: of the same frames.
        frame_size: width and height of the frames, in these pixels.
        clear: see :func:`dfcore.data.faces.tracks.build_tracks`.
    """
    cuts = find_cuts({index: look.signature for index, look in looks.items()})
    return build_tracks(faces, frame_size=frame_size, cuts=cuts, clear=clear)
