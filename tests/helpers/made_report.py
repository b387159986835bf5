"""Results, explanations and what is known of models, made by hand, for tests of the report."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from dfcore.inference.explanation import (
    CueEffect,
    FileExplanation,
    KeyFrame,
    Moment,
    PersonExplanation,
    RegionEffect,
    Span,
    SpecialistExplanation,
)
from dfcore.inference.report.about import About, CueFacts, ModelFacts
from dfcore.inference.report.quality import Measured, Training
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore

MAP = tuple(tuple(math.exp(-((i - 2) ** 2 + (j - 4) ** 2) / 3) - 0.1 for j in range(7)) for i in range(7))


def model(label: str = "cm", **changes: Any) -> ModelFacts:
    values: dict[str, Any] = {
        "label": label,
        "title": "Compression artifacts" if label == "cm" else "Audio-visual synchronisation",
        "summary": "Quantisation that differs between the face and its surroundings.",
        "path": f"runs/{label}_stage1/{label}_stage1_final.pt",
        "hash": (label * 32)[:64],
        "stage": 1,
        "dataset": "faceforensics",
        "training": Training((("Backbone", "efficientnet_b4"), ("Training videos", "720 real, 2880 fake"))),
        "cues": (CueFacts("dct", 12, "statistics of block DCT"), CueFacts("quantization", 28, "JPEG ghosts")),
        "references": ("Farid, Exposing Digital Forgeries from JPEG Ghosts, IEEE TIFS 2009",),
        "samples": 32,
        "uses_audio": label == "av",
        "spatial": label != "av",
        "counted": True,
        "measured": (Measured("FaceForensics++, test split", 0.912, 0.881, 0.94, 0.95, 140, 560, 0.99),),
        "warnings": (),
        "limits": (),
    }
    return ModelFacts(**{**values, **changes})


def about(*models: ModelFacts, **changes: Any) -> About:
    values: dict[str, Any] = {
        "models": models or (model(), model("av")),
        "statements": ("Fused by runs/ensemble.json (stacking).",),
        "prior": 0.1,
        "command": "dfcore predict clip.mp4 --models runs --html report.html",
        "versions": (("dfcore", "0.1.0"), ("python", "3.11.7"), ("torch", "2.13.0")),
        "device": "cpu",
        "made": datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
    }
    return About(**{**values, **changes})


def person(number: int = 0, verdict: str = "fake", ratio: float | None = 4.1, **changes: Any) -> PersonResult:
    values: dict[str, Any] = {
        "person": number,
        "verdict": verdict,
        "score": 0.934,
        "margin": 2.65,
        "probability": 0.9,
        "log_likelihood_ratio": ratio,
        "reason": "at most 1% of real videos score so high",
        "specialists": {
            "cm": SpecialistScore(0.934, 2.65, 0.871, 32),
            "av": SpecialistScore(abstained="the file has no audio track"),
        },
        "first_frame": 3,
        "first_time": 0.12,
        "box": (101.5, 40.0, 233.0, 190.25),
        "capped": False,
        "statement": "'fake' is said of at most 1% of real videos, by 412 validation videos.",
    }
    return PersonResult(**{**values, **changes})


def result(path: Path | str = "clip.mp4", *people: PersonResult, **changes: Any) -> FileResult:
    judged = people or (person(),)
    first = judged[0]
    values: dict[str, Any] = {
        "verdict": first.verdict,
        "score": first.score,
        "margin": first.margin,
        "probability": first.probability,
        "log_likelihood_ratio": first.log_likelihood_ratio,
        "person": first.person,
        "reason": first.reason,
        "people_seen": len(judged),
        "people": judged,
        "models": {"cm": model().hash, "av": model("av").hash},
    }
    return FileResult(Path(path), **{**values, **changes})


def failed(path: Path | str, reason: str = "nothing in it can be decoded", **changes: Any) -> FileResult:
    models = {"cm": model().hash, "av": model("av").hash}
    return FileResult(Path(path), "none", reason=f"{path}: {reason}", models=models, **changes)


def key_frame(number: int = 12, side: int = 96, image: bytes | None = None) -> KeyFrame:
    if image is None:
        written = io.BytesIO()
        Image.new("RGB", (side, side), (90, 110, 130)).save(written, "JPEG")
        image = written.getvalue()
    box = (side * 0.25, side * 0.2, side * 0.75, side * 0.8)
    return KeyFrame(number / 25, number, image, (side, side), box, (0.0, 0.0, float(side), float(side)))


def specialist(label: str = "cm", **changes: Any) -> SpecialistExplanation:
    values: dict[str, Any] = {
        "label": label,
        "title": model(label).title,
        "margin": 2.65,
        "finding": "The inner face carries 1.8 sd less mid-band energy than its rim.",
        "numbers": {"mid_band_sd": -1.8},
        "cues": (CueEffect("dct", 12, 2.31, 1.42, 0.11), CueEffect("quantization", 28, 0.4, -0.2, 0.05)),
        "regions": (
            RegionEffect("face", MAP, ((2, 4), (2, 5)), 0.93, 0.08),
            RegionEffect("cue map", MAP, ((2, 4),), 0.02, 0.08),
        ),
        "attention": tuple(tuple(1 / 49 for _ in range(7)) for _ in range(7)),
        "course": tuple(Moment(i * 0.4, i * 0.4 + 0.32, None if i == 3 else 2.5 * math.sin(i / 4)) for i in range(24)),
        "spans": (Span(1.6, 4.0, 2.1), Span(9.0, 9.52, 1.2)),
        "threshold": 0.8,
    }
    return SpecialistExplanation(**{**values, **changes})


def explanation(path: Path | str = "clip.mp4", *people: PersonExplanation, **facts: Any) -> FileExplanation:
    silent = SpecialistExplanation("av", model("av").title, abstained="the file has no audio track")
    made = PersonExplanation(0, {"cm": specialist(), "av": silent}, (key_frame(), key_frame(40)))
    return FileExplanation(Path(path), people or (made,), facts or {"codec": "h264", "encoder_passes": 2, "fps": 29.97})
