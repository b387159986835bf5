"""Dense landmarks: 95 points of a face, and what they say: openings of lips and jaw, the inner face and its rim."""

from dfcore.data.faces.dense.landmarker import DenseLandmarks, landmarks_of
from dfcore.data.faces.dense.points import MIRRORED, POINTS, REGIONS
from dfcore.data.faces.dense.shapes import (
    OPENINGS,
    contour_mask,
    face_unit,
    inner_face_mask,
    jitter,
    mouth_openings,
    part_masks,
    rim_mask,
)
from dfcore.data.faces.dense.stored import from_stored, to_stored

__all__ = [
    "MIRRORED",
    "OPENINGS",
    "POINTS",
    "REGIONS",
    "DenseLandmarks",
    "contour_mask",
    "face_unit",
    "from_stored",
    "inner_face_mask",
    "jitter",
    "landmarks_of",
    "mouth_openings",
    "part_masks",
    "rim_mask",
    "to_stored",
]
