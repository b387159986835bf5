"""Stand-ins that worker processes import by a dotted path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dfcore.data.protocols import Face

__all__ = ["DETECTOR", "HELPERS", "FixedFace"]

DETECTOR = "fuzzing.parts:FixedFace"

HELPERS = Path(__file__).resolve().parents[2] / "tests" / "helpers"
"""What the tests make odd files and tiny runs with."""
if str(HELPERS) not in sys.path:
    sys.path.append(str(HELPERS))


class FixedFace:
    """One face, always at the same place: a mutant that can be decoded goes all the way, whatever it shows."""

    def detect(self, image: Any) -> list[Face]:
        """One face."""
        height, width = image.shape[:2]
        points = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.65), (0.58, 0.65))
        box = (0.2 * width, 0.15 * height, 0.8 * width, 0.85 * height)
        return [Face(box, 0.9, tuple((x * width, y * height) for x, y in points))]
