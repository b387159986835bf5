"""Faces: detection, tracks through a video, and the window that a clip is cut from."""

from dfcore.data.faces.centerface import CenterFace
from dfcore.data.faces.cuts import find_cuts, signature
from dfcore.data.faces.geometry import (
    boxes_to_coded,
    boxes_to_upright,
    points_to_coded,
    scaled_face,
    to_coded,
    to_upright,
)
from dfcore.data.faces.tracks import FaceTrack, build_tracks
from dfcore.data.faces.window import MIN_FACE, clip_window

__all__ = [
    "MIN_FACE",
    "CenterFace",
    "FaceTrack",
    "boxes_to_coded",
    "boxes_to_upright",
    "build_tracks",
    "clip_window",
    "find_cuts",
    "points_to_coded",
    "scaled_face",
    "signature",
    "to_coded",
    "to_upright",
]
