"""The points that the landmark network gives: which they are, and which lie together.

Ninety-five points of a face. Their order within a region follows the face as seen, from the image's left to its right;
closed regions (contour, eyes, lips) go round clockwise. ``MESH`` names the vertex of MediaPipe's face mesh that each
was taught by.
"""

from __future__ import annotations

__all__ = ["MESH", "MIRRORED", "POINTS", "REGIONS"]

_MESH: dict[str, tuple[int, ...]] = {
    # From the middle of the forehead, clockwise as seen.
    "contour": (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    "left_brow": (70, 63, 105, 66, 107),
    "right_brow": (336, 296, 334, 293, 300),
    # From the outer or inner corner on the image's left, over the upper lid.
    "left_eye": (33, 160, 159, 158, 133, 153, 145, 144),
    "right_eye": (362, 385, 386, 387, 263, 373, 374, 380),
    # Down the bridge to the tip, then along the nostrils.
    "nose": (168, 197, 5, 4, 98, 97, 2, 326, 327),
    # From the corner on the image's left, over the upper lip.
    "outer_lips": (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    "inner_lips": (78, 80, 82, 13, 312, 310, 308, 318, 317, 14, 87, 88),
}

MESH: tuple[int, ...] = tuple(vertex for region in _MESH.values() for vertex in region)
"""Vertex of MediaPipe's face mesh of each point."""
POINTS = len(MESH)


def _regions() -> dict[str, range]:
    found, start = {}, 0
    for name, vertices in _MESH.items():
        found[name] = range(start, start + len(vertices))
        start += len(vertices)
    return found


REGIONS = _regions()
"""The points of each region, by its name: ``contour``, ``left_brow`` ... ``inner_lips``."""


def _mirrored() -> tuple[int, ...]:
    """Contour, nose and lips turn about themselves; brows and eyes change places."""
    order = list(range(POINTS))
    contour = REGIONS["contour"]
    order[contour.start : contour.stop] = [contour[-k % len(contour)] for k in range(len(contour))]
    for mine, other in (("left_brow", "right_brow"), ("right_brow", "left_brow")):
        order[REGIONS[mine].start : REGIONS[mine].stop] = reversed(REGIONS[other])
    # The corner on the left becomes that on the right: over the upper edge backwards, then the lower one backwards.
    for mine, other in (
        ("left_eye", "right_eye"),
        ("right_eye", "left_eye"),
        ("outer_lips", "outer_lips"),
        ("inner_lips", "inner_lips"),
    ):
        source, target = REGIONS[other], REGIONS[mine]
        half = len(source) // 2
        for k in range(len(source)):
            order[target[k]] = source[(half - k) % len(source)]
    nose = REGIONS["nose"]
    order[nose[4] : nose[8] + 1] = reversed(nose[4:9])
    return tuple(order)


MIRRORED = _mirrored()
"""``points[MIRRORED]`` are the points of the mirrored face in their own order, when x is mirrored too."""
