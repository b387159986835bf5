"""The clips that a file gave, and each specialist's own of them. Importable without a decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dfcore.data.clips import Clip
from dfcore.data.clips.part import cut_part, without_landmarks
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare.extracted import Extracted
from dfcore.specs import EvidenceSpec

__all__ = ["Extraction", "evidence_key", "own_clip"]


def own_clip(clip: Clip, plan: ClipPlan, evidence: Sequence[EvidenceSpec]) -> Clip:
    """A job's clip as one of its plans has it, to the last bit, with that plan's evidence; no pixel is copied."""
    part = cut_part(clip, plan.frames)
    if not plan.landmarks:
        part = without_landmarks(part)
    if not plan.motion:
        part = replace(part, motion=None)
    values = {spec.name: clip.evidence[evidence_key(spec, plan.frames)] for spec in evidence}
    if plan.speech > 0:
        return replace(part, evidence=values)
    return replace(part, evidence=values, speech=None, header=replace(part.header, speech_start=None))


def evidence_key(spec: EvidenceSpec, frames: int) -> str:
    """Under which a job's clips keep an evidence of their middle ``frames`` frames."""
    return f"{spec.name}/{frames}"


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a file gives: for each job its clips or a reason; or one ``reason`` for all.

    ``passing`` says that the reason lies with the machine, not with the file, and may be gone the next time; ``notes``
    are the decoder's warnings; ``facts`` are the container's, where they were asked for.
    """

    path: Path
    jobs: tuple[Extracted, ...] = ()
    reason: str = ""
    passing: bool = False
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
