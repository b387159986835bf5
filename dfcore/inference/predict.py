"""Verdicts on files: a score for each person and each video, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.prepare.extract import ClipPlan, extract_clips
from dfcore.data.samples import spread
from dfcore.data.views import build_views
from dfcore.errors import DataError
from dfcore.specs import resolve

if TYPE_CHECKING:
    from dfcore.data.protocols import FaceDetector
    from dfcore.models.specialist import Specialist

__all__ = ["THRESHOLD", "FileVerdict", "PersonVerdict", "predict_file", "predict_files", "scan_files"]

THRESHOLD = 0.5
"""Scores above it are called fake. It is the classifier's own; no threshold is tuned on the data at hand."""

BATCH = 8


@dataclass(frozen=True, slots=True)
class PersonVerdict:
    """One person in one file.

    ``score`` is the probability of fake: the mean over the specialists of their mean over the samples, or None when
    every specialist abstained. ``specialists`` holds each one's own score, ``abstained`` the reasons of those without.
    """

    person: int
    score: float | None
    samples: int
    specialists: dict[str, float]
    cues: dict[str, float]
    abstained: dict[str, str]
    first_frame: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """One file: its ``score`` is that of the person most likely fake; ``reason`` says why there is none."""

    path: Path
    score: float | None
    people: tuple[PersonVerdict, ...] = ()
    reason: str = ""
    specialists: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``fake``, ``real``, or ``none``."""
        if self.score is None:
            return "none"
        return "fake" if self.score > THRESHOLD else "real"


def scan_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, folders opened (sorted, at any depth, hidden ones left out)."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
            found.extend(sorted(inside))
        else:
            found.append(path)
    return found


def predict_files(
    paths: Sequence[Path], models: Sequence[Specialist], plan: ClipPlan, *, device: str, samples: int
) -> Iterator[FileVerdict]:
    """A verdict for each file in turn; a file that cannot be judged gives its reason and the rest goes on."""
    from dfcore.plugins import registry

    detector = resolve(registry().component("face_detector", plan.detector).factory)()
    for path in paths:
        yield predict_file(path, models, plan, device=device, samples=samples, detector=detector)


def predict_file(
    path: Path,
    models: Sequence[Specialist],
    plan: ClipPlan,
    *,
    device: str = "cpu",
    samples: int = 8,
    detector: FaceDetector | None = None,
) -> FileVerdict:
    """The verdict on one file.

    Args:
        path: a video or a photo.
        models: specialists in evaluation mode on ``device``.
        plan: clips to cut, people to look at.
        device: where the models are.
        samples: samples a person, spread over the clips.
        detector: used in place of the plan's.
    """
    try:
        clips = extract_clips(path, plan, detector=detector)
    except DataError as error:
        return FileVerdict(path, None, reason=str(error))
    for clip in clips:
        _add_evidence(clip, models)
    tracks = sorted({clip.header.track for clip in clips})
    people = tuple(
        _judge(track, [clip for clip in clips if clip.header.track == track], models, device, samples)
        for track in tracks
    )
    scored = [person for person in people if person.score is not None]
    if not scored:
        reasons = sorted({reason for person in people for reason in person.abstained.values()})
        return FileVerdict(path, None, people, "every specialist abstained: " + "; ".join(reasons))
    worst = max(scored, key=lambda person: person.score or 0.0)
    return FileVerdict(path, worst.score, people, specialists=worst.specialists)


def _add_evidence(clip: Clip, models: Sequence[Specialist]) -> None:
    for evidence in {evidence for model in models for evidence in model.spec.evidence}:
        clip.evidence[evidence.name] = resolve(evidence.extractor)(clip)


def _judge(track: int, clips: Sequence[Clip], models: Sequence[Specialist], device: str, samples: int) -> PersonVerdict:
    scores: dict[str, float] = {}
    cues: dict[str, float] = {}
    abstained: dict[str, str] = {}
    for model in models:
        name = model.spec.name
        usable, reason = _usable_clips(clips, model)
        if not usable:
            abstained[name] = reason
            continue
        scores[name], cues[name] = _score(usable, model, device, samples)
    header = clips[0].header
    return PersonVerdict(
        person=track,
        score=float(np.mean(list(scores.values()))) if scores else None,
        samples=samples,
        specialists=scores,
        cues=cues,
        abstained=abstained,
        first_frame=header.frames[0],
        box=header.boxes[0],
    )


def _usable_clips(clips: Sequence[Clip], model: Specialist) -> tuple[list[Clip], str]:
    """The clips that the specialist can judge, and why it cannot judge the first of the others."""
    if not model.spec.abstain_reason:
        return list(clips), ""
    abstain_reason = resolve(model.spec.abstain_reason)
    reasons = [abstain_reason(MemoryClip(clip)) for clip in clips]
    usable = [clip for clip, reason in zip(clips, reasons, strict=True) if reason is None]
    return usable, next((str(reason) for reason in reasons if reason is not None), "")


@torch.inference_mode()
def _score(clips: Sequence[Clip], model: Specialist, device: str, samples: int) -> tuple[float, float]:
    """Mean probability of fake over the samples: of the fused classifier, and of the cue head alone."""
    draws = spread([len(clip.header.frames) for clip in clips], samples, model.spec.frames)
    fused, cue = [], []
    for start in range(0, len(draws), BATCH):
        views = [
            build_views(MemoryClip(clips[index]), model.view_names, frames, image_size=model.image_size)
            for index, frames in draws[start : start + BATCH]
        ]
        batch = {name: torch.stack([view[name] for view in views]).to(device) for name in views[0]}
        output = model(batch)
        fused.append(output.logits.float().softmax(1)[:, 1])
        cue.append(output.cue_logits.float().softmax(1)[:, 1])
    return float(torch.cat(fused).mean()), float(torch.cat(cue).mean())
