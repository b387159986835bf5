"""Stand-ins for specialists with known answers, and for a face detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.protocols import Face
from dfcore.inference.models import Member, Roster
from dfcore.inference.predict import Predictor
from dfcore.inference.verdict import find_judge
from dfcore.models.protocols import SpecialistOutput
from dfcore.specs import CueSpec, SpecialistSpec

SPEC = SpecialistSpec("still", "Stand-in", (CueSpec("one", 2),), module="fake_specialists:BrightIsFake")
PLAN = ClipPlan(clips=2, frames=4, people=2)


class TwoFaces:
    """Always the same two faces, the left one larger."""

    def detect(self, image: Any) -> list[Face]:
        height, width = image.shape[:2]
        boxes = ((0.05, 0.2, 0.4, 0.8), (0.6, 0.3, 0.85, 0.7))
        points = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.4, 0.6), (0.6, 0.6))
        found = []
        for a, b, c, d in boxes:
            marks = tuple(((a + x * (c - a)) * width, (b + y * (d - b)) * height) for x, y in points)
            found.append(Face((a * width, b * height, c * width, d * height), 0.9, marks))
        return found


class BrightIsFake:
    """A specialist that calls bright faces fake: its log-odds are the mean of the face view, times ``sign``."""

    image_size = 32
    view_names = ("face",)

    def __init__(self, spec: SpecialistSpec = SPEC, sign: float = 1.0) -> None:
        self.spec, self.sign = spec, sign

    def __call__(self, views: dict[str, torch.Tensor]) -> SpecialistOutput:
        mean = self.sign * views["face"].mean((1, 2, 3))
        logits = torch.stack([torch.zeros_like(mean), mean], 1)
        return SpecialistOutput(logits, -logits, torch.zeros(1), torch.zeros(1), torch.zeros(()))


def member(model: Any = None, **changes: Any) -> Member:
    """A member with such a model."""
    model = model or BrightIsFake()
    values: dict[str, Any] = {
        "label": model.spec.name, "model": model, "path": Path("runs/still_stage1/still_stage1_final.pt"),
        "hash": "abc", "stage": 1, "dataset": "made", "plan": PLAN, "samples": 4,
    }  # fmt: skip
    return Member(**{**values, **changes})


def predictor(*members: Member, detector: Any = None) -> Predictor:
    """Judges in this process."""
    return Predictor(Roster(members), find_judge(members), detector=detector or TwoFaces())
